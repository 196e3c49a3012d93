"""Rounds end to end in one process, with random faults between the steps.

Four operators run the code of their daemon on a chain in this process; stakers deposit, release
and submit at random. The reference pool runs beside the contract, and ``RoundAudit`` beside the
operators.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain_reference import ChainReference
from in_process_chain import InProcessChain
from in_process_operator import URL, InProcessOperator
from in_process_rpc import InProcessProvider
from in_process_tournament import ChainSource, connected, deploy, start_chain
from object_sizes import Owned, owned
from other_tournaments import CLASSIC, of_tournament
from round_audit import RoundAudit
from round_players import File, Player, RoundFiles
from short_times import short_topology
from starlette.testclient import TestClient
from web3 import Web3

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER
from oracle.errors import InputError
from oracle.operator.failpoints import Failpoint
from oracle.settlement.specs import NEWEST, SPECS
from oracle.settlement.typed_data import Announcement, Domain
from oracle.settlement.units import MILLIONTH

TIMING = Timing(
    notice=60,
    gap=30,
    max_ahead=5_000,
    max_horizon=1_000,
    grace=3_000,
    window=30,
    challenge=50,
)
CLOCKS = Clocks(
    skip_after=20_000,
    settle_time=3_000,
    head_time=500,
    rest_delay=100,
    wind_down_after=100_000,
    pause=600,
    pause_cooldown=2_000,
)
MODELS_EACH = 2
_DEADLY = (
    Failpoint.SUBMISSION_ADOPTED,
    Failpoint.EVALUATED,
    Failpoint.AGREED,
    Failpoint.FOLDER_WRITTEN,
    Failpoint.COMMIT_RESERVED,
    Failpoint.COMMIT_SIGNED,
    Failpoint.COMMIT_SHOWN,
    Failpoint.ATTESTATION_KEPT,
    Failpoint.QUORUM_REACHED,
    Failpoint.COMMIT_SENT,
    Failpoint.COMMIT_SEEN,
    Failpoint.DISCLOSED,
    Failpoint.DRAINED,
    Failpoint.BATCH_SETTLED,
    Failpoint.SETTLED,
    Failpoint.OUTBOX_SIGNED,
    Failpoint.OUTBOX_STORED,
    Failpoint.OUTBOX_BROADCAST,
    Failpoint.OUTBOX_MINED,
    Failpoint.INDEX_STORED,
)
_PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Faults:
    """Chances: of an absence and of late targets per round, of the rest per look at the chain."""

    absent: float = 0.3
    late_targets: float = 0.2
    restart: float = 0.03
    killed: float = 0.03
    reorganise: float = 0.05
    lost: float = 0.03


class RoundMachine:
    """Plays rounds; ``steady`` is an operator that is never restarted, so that what it forgets to
    forget adds up."""

    def __init__(
        self, folder: Path, seed: int, start: int, faults: Faults, tournament: int = CLASSIC
    ) -> None:
        self.dice, self.faults, self.folder = random.Random(seed), faults, folder
        topology = of_tournament(short_topology(TIMING, CLOCKS), tournament)
        self.tournament = tournament
        self.chain = start_chain(folder, topology.chain.chain_id, start)
        web3 = connected(self.chain)
        record = deploy(web3, topology, folder)
        self.chain.finalize()
        self.reader = PoolReader(web3, URL, record.pool)
        self.domain = Domain(self.chain.chain_id, self.reader.addresses.pool)
        self.announcer = PoolWriter(
            self.reader, Sender(web3, URL, LocalSigner(dev_account(ANNOUNCER)))
        )
        self.data = folder / "provider"
        template = topology.tournament.template.template()
        self.reference = ChainReference.start(ChainSource(self.chain), self.reader, template)
        self.operators = [
            InProcessOperator(
                o.name,
                folder / o.name,
                dev_account(o.account),
                self.chain,
                record.pool,
                self.data,
                o.port,
            )
            for o in topology.operators
        ]
        self.steady = self.operators[0]
        self.audit = RoundAudit(
            self.reader,
            self.reference,
            {o.account.address: o.home for o in self.operators},
            needed_receipts=len(self.operators) - topology.tournament.signatures + 1,
        )
        for operator in self.operators:
            operator.peers = {o.url: o for o in self.operators if o is not operator}
            operator.start()
        first, count = topology.stakers.first_account, topology.stakers.count
        self.players = [
            Player(dev_account(i), self.reader, random.Random((seed, i).__hash__()))
            for i in range(first, first + count)
        ]
        for player in self.players:
            for i in range(MODELS_EACH):
                player.register(f"{player.account.address}-{i}")
        self.happened: Counter[str] = Counter()
        self.sequence = 0
        self.played = self.last = 0

    def close(self) -> None:
        for operator in self.operators:
            operator.stop()
        self.chain.close()

    # ------------------------------------------------------------------ rounds

    def play(self, rounds: int) -> None:
        """That many rounds more, the last ones of which may still be under way at the end."""
        for _ in range(rounds):
            self._play_one()

    def finish(self) -> None:
        """Plays and settles all that is announced, and checks everything."""
        while self.played < self.last:
            self._play_one(ahead=False)
        for operator in self.operators:
            if not operator.is_up:
                operator.start()
        self._pump_until(lambda: self._head() > self.last, f"round {self.last} to settle")
        self.chain.finalize()
        self.reference.follow()
        self._check()
        self.audit.check_signatures()

    def _play_one(self, ahead: bool = True) -> None:
        self.played += 1
        number = self.played
        if self.last < number:
            self._announce()
        announced = self.audit.announced[number]
        absent = self._maybe_absent()
        self.chain.advance_to(announced.opens)
        self._act()
        self._submit(number, 0.8)
        self._pump()
        self._act()
        self.chain.advance_to(announced.closes)
        self._submit(number, 0.15)
        if ahead and self.dice.random() < 0.5:
            # It may close before this one is settled: then all files for it come late.
            self._announce()
            self._act()
        self._pump()
        self.chain.advance_to(announced.closes + announced.horizon)
        late = self.dice.random() < self.faults.late_targets
        if late:
            self.happened["targets late"] += 1
            self._pump(3)
        self._publish(number, "targets.csv", RoundFiles.of(number, self.tournament).targets)
        behind = self.dice.choice([0, 0, 1, 2])
        self._pump_until(lambda: self._head() > number - behind, f"round {number - behind}")
        if absent:
            absent.start()
        self._check()

    def _check(self) -> None:
        """All rounds that ended since, and the pool as of the newest final block."""
        self.reference.follow()
        differences = self.reference.differences()
        assert not differences, differences
        while self.audit.checked + 1 < self.reference.pool.head:
            self.audit.check_round(self.audit.checked + 1)

    def _head(self) -> int:
        return int(self.reader.state(self.chain.finalized)["head"])

    def _closes(self, number: int) -> int:
        return self.audit.announced[number].closes

    def _announce(self) -> None:
        """Announces the next round and publishes its universe."""
        number, now = self.last + 1, self.chain.head.timestamp
        after = self._closes(self.last) + TIMING.gap if self.last else now
        closes = max(now + TIMING.notice, after) + self.dice.randrange(5, 30)
        opens, horizon = now + self.dice.randrange(3, 10), self.dice.randrange(20, 60)
        self.announcer.announce(number, opens, closes, horizon, MILLIONTH, bytes(32))
        self.audit.announced[number] = Announcement(
            pool=self.reader.addresses.pool,
            tournament=self.reader.addresses.tournament,
            round=number,
            opens=opens,
            closes=closes,
            horizon=horizon,
            phi=MILLIONTH,
            series_hash=bytes(32),
            spec_hash=SPECS[NEWEST].hash,
            epoch=1,
            template=self.reference.template,
        )
        self._publish(number, "universe.csv", RoundFiles.of(number, self.tournament).universe)
        self.last = number

    def _publish(self, number: int, name: str, raw: bytes) -> None:
        path = self.data / str(number) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)

    # ------------------------------------------------------------------ people

    def _act(self) -> None:
        for player in self.players:
            if self.dice.random() < 0.4:
                self.happened[player.act()] += 1

    def _submit(self, number: int, share: float) -> None:
        """Some owners send files to all operators that run, unless the round is due already."""
        data, announced = RoundFiles.of(number, self.tournament), self.audit.announced[number]
        if self.chain.head.timestamp >= announced.closes + announced.horizon:
            return
        for player in self.players:
            for model in player.models:
                for _ in range(self.dice.choice([1, 1, 1, 2])):
                    if self.dice.random() < share:
                        self.sequence += 1
                        file = player.file(number, data, model, self.sequence, self.domain)
                        self._send(file)

    def _send(self, file: File) -> None:
        key = file.key
        for operator in self.dice.sample(self.operators, len(self.operators)):
            if not operator.is_up:
                continue
            try:
                receipt = operator.submit(
                    file.raw, key.round, key.model, key.sequence, file.signature
                )
            except InputError:
                assert not file.is_valid, f"{operator.name} refused a good file"
                self.happened["file refused"] += 1
                continue
            assert file.is_valid, f"{operator.name} took a broken file"
            self.audit.receipt(file, receipt.operator, receipt.received)

    # ------------------------------------------------------------------ operators and faults

    def _maybe_absent(self) -> InProcessOperator | None:
        if self.dice.random() >= self.faults.absent:
            return None
        gone = self.dice.choice(self.operators[1:])
        gone.stop()
        self.happened["operator absent"] += 1
        return gone

    def _pump_until(self, done: Callable[[], bool], what: str) -> None:
        for turn in range(_PATIENCE):
            if done():
                return
            self._pump()
            if turn > 2:
                self.chain.advance_to(self.chain.head.timestamp + 10)
        errors = {o.name: o.errors[-3:] for o in self.operators}
        raise AssertionError(f"nothing comes of {what}: {errors}")

    def _pump(self, times: int = 1) -> None:
        """Every operator looks at the chain, in any order; faults happen in between."""
        for _ in range(times):
            for operator in self.dice.sample(self.operators, len(self.operators)):
                self._maybe_fault()
                if operator.is_up and not operator.cycle():
                    operator.start()
                    self.happened["operator killed at a failpoint"] += 1
            self.chain.finalize()
            for operator in self.operators:
                for number in range(self._head(), self.last + 1):
                    self._note(operator, number)

    def _note(self, operator: InProcessOperator, number: int) -> None:
        shown = operator.signed(number)
        if shown is not None:
            self.audit.saw(operator.account.address, number, shown)

    def _maybe_fault(self) -> None:
        for name in ("restart", "killed", "lost", "reorganise"):
            if self.dice.random() < getattr(self.faults, name):
                getattr(self, f"_{name}")()

    def _some(self) -> InProcessOperator:
        """An operator that may be disturbed."""
        return self.dice.choice(self.operators[1:])

    def _restart(self) -> None:
        operator = self._some()
        if operator.is_up:
            operator.stop()
            operator.start()
            self.happened["operator restarted"] += 1

    def _killed(self) -> None:
        """Some operator dies at the next place of that name that it comes to."""
        self._some().doom = self.dice.choice(_DEADLY)

    def _lost(self) -> None:
        """The next transaction of an operator is accepted by the node and forgotten."""
        accounts = {bytes.fromhex(o.account.address[2:]) for o in self.operators}

        def loses(transaction: Any) -> bool:
            if transaction.sender not in accounts:
                return False
            self.chain.loses = lambda _: False
            self.happened["transaction lost"] += 1
            return True

        self.chain.loses = loses

    def _reorganise(self) -> None:
        depth = self.dice.randrange(1, self.chain.lag + 1)
        drops = self.dice.random() < 0.5
        accounts = {bytes.fromhex(o.account.address[2:]) for o in self.operators}
        self.chain.reorganise(depth, lambda t: not (drops and t.sender in accounts))
        self.happened["reorganisation" + (" with losses" if drops else "")] += 1


def held(operator: InProcessOperator) -> Owned:
    """What hangs on a running operator, without the chain and the other operators."""
    outside = (InProcessChain, InProcessProvider, InProcessOperator, TestClient, Web3)
    return owned([operator.running], outside)


def growth(sizes: Mapping[int, Owned], tolerated: int = 64 * 1024) -> str:
    """How much an operator grew once it was warm, or "" for no more than noise: from round 100 on,
    in fewer rounds over their second half. What took the most of it follows line by line."""
    last = max(sizes)
    first = min(number for number in sizes if number >= min(100, last // 2))
    grown = sizes[last].size - sizes[first].size
    if grown <= tolerated:
        return ""
    most = (f"\n{more:>9}  {held}" for held, more in sizes[last].grown_since(sizes[first]))
    return f"an operator grew by {grown} bytes from round {first} to round {last}:" + "".join(most)
