"""A round on a net of processes while something goes wrong, and what must be true after it.

A fault is a class: what it does before a round, while files come in, and when the round is due;
how it ends; and what else must be seen. Everything is checked after every fault alike: the round
ended, the pool holds what the reference holds, the result is what this module evaluates by itself,
all operators that have artefacts have the same, nobody signed twice, no accepted file is missing.
"""

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from chain_reference import ChainReference, NodeSource
from fault_net import FaultNet, Member, NetKind, await_until
from round_audit import RoundAudit
from round_players import NO_LIMIT, Player, RoundFiles

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.topology import ANNOUNCER
from oracle.errors import AssayError, RefusedError, UnreachableError
from oracle.operator.client import Sent, submit
from oracle.settlement.specs import NEWEST, SPECS
from oracle.settlement.typed_data import Announcement, Domain
from oracle.settlement.units import MILLIONTH, UNITS_PER_NMR

OPEN_SECONDS, HORIZON = 30, 2
_LEADS = (2, 8, 30)
ROUND_SECONDS = 120
"""From a round's targets to its end; without a fault it takes a tenth."""


class Fault:
    """One thing that goes wrong. The defaults do nothing and expect nothing special."""

    name = "none"
    spoils = False
    """Whether the net is of no use for another fault afterwards."""
    kind = NetKind()
    """What it needs of the net."""
    open_seconds = OPEN_SECONDS
    """How long the round takes files."""
    skills: Sequence[int] = range(5)
    """How good predictions may be: see ``RoundFiles.predictions``."""
    undo: ExitStack
    """New for every round; closed after it, however it ended."""

    def happens(self, world: "FaultWorld", number: int) -> None:
        """The round, until nothing is left to do but for the operators."""
        world.bring(self, number)

    def announced(self, world: "FaultWorld", number: int) -> Announcement:
        """Has the round announced, opening soon: on a busy machine not before it is mined."""
        for lead in _LEADS:
            opens = world.net.now() + lead
            try:
                return world.announce(number, opens, opens + self.open_seconds)
            except RefusedError:
                if lead == _LEADS[-1]:
                    raise
        raise AssertionError

    def before(self, world: "FaultWorld", number: int) -> None:
        """Before round ``number`` is announced."""

    def opened(self, world: "FaultWorld", number: int) -> None:
        """When the round takes files, before those of ``sending`` are sent."""

    def sending(self, world: "FaultWorld", number: int) -> list[Member]:
        """Who gets the files of the round, while it is open."""
        return world.up()

    def sent(self, world: "FaultWorld", number: int) -> None:
        """When the files are sent, before the round closes."""

    def due(self, world: "FaultWorld", number: int) -> None:
        """When the horizon is over, before the targets are there."""

    def resolve(self, world: "FaultWorld", number: int) -> None:
        """Gives the operators the targets."""
        world.publish(number, "targets.csv", RoundFiles.of(number).targets)

    def watch(self, world: "FaultWorld", number: int) -> None:
        """Several times a second until the round has settled."""

    def heal(self, world: "FaultWorld", number: int) -> None:
        """After the round has settled; ends what is still wrong."""

    def check(self, world: "FaultWorld", number: int) -> None:
        """What must be true of the round and of the pool."""
        world.check(number)

    def give_up(self) -> None:
        """After a failure, in place of ``heal``: lets go of ports and threads."""

    def seen(self, world: "FaultWorld", number: int) -> str:
        """What came of it, for the table; raises AssertionError if it did not happen at all."""
        return "settled as without it"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line of the table; ``recovered`` is the time in seconds from the fault's end until all
    operators were well and had the round, ``seconds`` that from the targets to the settlement."""

    name: str
    passed: bool
    text: str
    seconds: float = 0.0
    recovered: float = 0.0


class FaultWorld:
    """A net with its stakers, its reference and its audit, used for one fault after the other."""

    def __init__(self, net: FaultNet, seed: int = 1) -> None:
        self.net, self.dice = net, random.Random(seed)
        reader = self.reader = net.reader
        self.domain = Domain(net.topology.chain.chain_id, reader.addresses.pool)
        template = net.topology.tournament.template.template()
        self.reference = ChainReference.start(NodeSource(net.web3), reader, template)
        homes = {member.account.address: member.home for member in net.members}
        needed = len(homes) - net.topology.tournament.signatures + 1
        self.audit = RoundAudit(reader, self.reference, homes, needed)
        first, count = net.topology.stakers.first_account, net.topology.stakers.count
        self.players = [
            Player(dev_account(i), reader, self.dice) for i in range(first, first + count)
        ]
        self.number = self.equal = 0
        """Rounds played, and rounds after which the pool held what the reference holds."""
        self.recovered = 0.0
        announcer = Sender(net.web3, reader.url, LocalSigner(dev_account(ANNOUNCER)))
        self.announcer = PoolWriter(reader, announcer)

    def up(self) -> list[Member]:
        """Members whose own process should be running."""
        return [m for m in self.net.members if m.name not in self.net.down]

    def settle_in(self) -> None:
        """Models with stakes, queued for the first round."""
        for player in self.players:
            model = player.register(f"model of {player.account.address}")
            amount = self.dice.randrange(20, 200) * UNITS_PER_NMR
            player.writer.deposit(model, amount, NO_LIMIT)

    # ------------------------------------------------------------------ one fault

    def play(self, fault: Fault) -> Outcome:
        """A round with ``fault``; never raises for what goes wrong in it."""
        self.recovered = 0.0
        with ExitStack() as fault.undo:
            try:
                seconds = self._round(fault)
                text = fault.seen(self, self.number)
            except Exception as error:  # noqa: BLE001 - the other faults are played all the same
                fault.give_up()
                said = str(error).split("\n")[0]
                expected = isinstance(error, (AssertionError, AssayError))
                what = said if expected else f"{type(error).__name__}: {said}"
                return Outcome(fault.name, False, what)
        return Outcome(fault.name, True, text, seconds, self.recovered)

    def _round(self, fault: Fault) -> float:
        self.number += 1
        number = self.number
        fault.before(self, number)
        fault.happens(self, number)

        def settled() -> bool:
            fault.watch(self, number)
            try:
                return self._head() > number
            except UnreachableError:  # the node is between two chains
                return False

        seconds = await_until(settled, ROUND_SECONDS, f"the end of round {number}")
        fault.heal(self, number)
        waited = await_until(self.is_whole, ROUND_SECONDS, "operators that are well")
        self.recovered = max(self.recovered, waited)
        fault.check(self, number)
        self.equal += 1
        return seconds

    def bring(self, fault: Fault, number: int) -> None:
        """A round from its announcement to its targets."""
        self.publish(number, "universe.csv", RoundFiles.of(number).universe)
        announced = self.audit.announced[number] = fault.announced(self, number)
        self._await_time(announced.opens)
        with self.net.ticker.held():
            fault.opened(self, number)
            self._submit(number, fault)
            self.stake(number)
        fault.sent(self, number)
        self.pass_to(announced.closes)
        self.pass_to(announced.closes + announced.horizon)
        fault.due(self, number)
        fault.resolve(self, number)

    def is_whole(self) -> bool:
        """Whether every operator runs and is well."""
        return not self.net.down and self.net.all_well()

    def check(self, number: int) -> None:
        """What must be true after every round that was committed."""
        self.check_pool()
        self.audit.check_round(number)

    def check_pool(self) -> None:
        """What must be true after every fault: stakes are the reference's, nobody signed twice."""
        self.reference.follow()
        differences = self.reference.differences()
        assert not differences, "; ".join(differences)
        self.audit.check_signatures()

    # ------------------------------------------------------------------ steps

    def announce(self, number: int, opens: int, closes: int) -> Announcement:
        self.announcer.announce(number, opens, closes, HORIZON, MILLIONTH, bytes(32))
        return self.announcement(number, opens, closes)

    def announcement(self, number: int, opens: int, closes: int) -> Announcement:
        """What a round with these times is announced with."""
        return Announcement(
            pool=self.reader.addresses.pool,
            tournament=self.reader.addresses.tournament,
            round=number,
            opens=opens,
            closes=closes,
            horizon=HORIZON,
            phi=MILLIONTH,
            series_hash=bytes(32),
            spec_hash=SPECS[NEWEST].hash,
            epoch=1,
            template=self.reference.template,
        )

    def publish(self, number: int, name: str, raw: bytes) -> None:
        path = self.net.data / str(number) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_bytes(raw)
        path.with_suffix(".part").rename(path)

    def _submit(self, number: int, fault: Fault) -> None:
        """One file of every model but a few."""
        data, members = RoundFiles.of(number), fault.sending(self, number)
        for player in self.players:
            for model in player.models:
                if self.dice.random() < 0.2:
                    continue
                raw = data.predictions((number, model), self.dice.choice(fault.skills))
                self.submit(player, model, raw, members, self.audit.needed_receipts)

    def submit(
        self, player: Player, model: int, raw: bytes, members: Sequence[Member], needed: int
    ) -> Sent:
        """Sends a file of the round that is open to ``members``; ``needed`` of them must take it,
        and the audit knows of it."""
        announced = self.audit.announced[self.number]
        sent = submit(
            raw,
            self.number,
            model,
            player.signer,
            self.domain,
            [member.url for member in members],
            needed,
            [member.account.address for member in self.net.members],
            range(announced.opens, announced.closes + announced.horizon),
        )
        self.audit.sent_by_client(sent, raw)
        return sent

    def stake(self, number: int) -> None:
        """One deposit at least, so that there is a queue to drain, and one request of any kind."""
        player = self.players[number % len(self.players)]
        player.writer.deposit(player.models[0], 5 * UNITS_PER_NMR, NO_LIMIT)
        player.act()

    def pass_to(self, timestamp: int) -> None:
        """Sets the chain's clock forward: how long files take to send depends on the machine."""
        if self.net.now() < timestamp:
            self.net.call("evm_setNextBlockTimestamp", hex(timestamp))
            self.net.call("evm_mine")

    def await_due(self, number: int) -> None:
        """Until a finalized block is after the round's horizon: then operators begin."""
        announced = self.audit.announced[number]
        due = announced.closes + announced.horizon
        await_until(
            lambda: self.reader.finalized().timestamp >= due, 30, "a final block after the horizon"
        )

    def _await_time(self, timestamp: int) -> None:
        await_until(
            lambda: self.net.now() >= timestamp,
            max(0, timestamp - self.net.now()) + 20,
            f"block time {timestamp}",
        )

    def _head(self) -> int:
        return int(self.reader.state(self.reader.finalized().number)["head"])
