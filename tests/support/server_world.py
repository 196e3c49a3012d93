"""A tournament on a chain in this process, its rounds played as operators would, and a tournament
server on it: the very application that serves its HTTP, over a real database."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from in_process_chain import InProcessChain
from in_process_tournament import connected, deploy, start_chain
from other_tournaments import CLASSIC, of_tournament, provider_files
from short_times import short_topology
from starlette.testclient import TestClient

from oracle.chain.keys import dev_account
from oracle.chain.logs import IndexedLogs
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner, sign
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER
from oracle.evaluation.evaluate import Entry, Evaluation, RoundInputs, evaluate
from oracle.gateway import run
from oracle.gateway.config import ServerConfig, TournamentSettings
from oracle.gateway.services import Services
from oracle.scoring.limits import SCALE
from oracle.settlement.batches import followers
from oracle.settlement.manifest import TARGETS, submission_path
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.round_receipts import RECEIPTS, receipts_bytes
from oracle.settlement.specs import spec_of
from oracle.settlement.typed_data import Announcement, Domain, Submission
from oracle.settlement.units import MILLIONTH, UNITS_PER_NMR
from oracle.settlement.wire import receipt_of
from oracle.store.artefacts import round_path, write_file, write_round
from oracle.store.disclosure import disclose
from oracle.store.event_index import EventStore
from oracle.store.sealing import Identity, seal
from oracle.tournaments.decimals import decimal_text
from oracle.tournaments.universe import targets_bytes, universe_bytes

TIMING = Timing(
    notice=60,
    gap=30,
    max_ahead=5_000,
    max_horizon=1_000,
    grace=300_000,
    window=30,
    challenge=50,
)
CLOCKS = Clocks(
    skip_after=2_000_000,
    settle_time=300_000,
    head_time=50_000,
    rest_delay=10_000,
    wind_down_after=10_000_000,
    pause=600,
    pause_cooldown=2_000,
)
HORIZON = 50
ROWS = 40
URL = "http://in-process"
SITE_URL = "http://127.0.0.1:28640"


class RoundFiles:
    """A round's universe and targets, and predictions that know a little of them."""

    def __init__(self, number: int, rows: int = ROWS) -> None:
        self._dice = np.random.default_rng(number)
        self.ids = [f"n{number:07d}{i:08x}" for i in range(rows)]
        self.target = self._dice.permutation(np.arange(rows) % 5) * (SCALE // 4)
        self.universe = universe_bytes(self.ids)
        self.targets = targets_bytes(self.ids, self.target)

    def predictions(self, skill: int) -> bytes:
        """A submission; the higher ``skill``, the more of the target is in it."""
        noise = self._dice.integers(0, SCALE, len(self.ids))
        values = (noise * 9 + self.target * skill) // (9 + skill)
        rows = (f"{i},{decimal_text(int(v))}" for i, v in zip(self.ids, values, strict=True))
        return ("id,prediction\n" + "\n".join(rows) + "\n").encode()


@dataclass
class Sent:
    """A submission as operators have it."""

    raw: bytes
    entry: Entry
    receipts: list[SignedReceipt]


@dataclass
class ServerWorld:
    """``sent`` by round; ``results`` by round, of those that were committed; ``horizon`` of the
    rounds to be announced; ``make_files`` gives what the provider publishes for one, in the
    tournament's forms."""

    root: Path
    chain: InProcessChain
    reader: PoolReader
    operators: list[LocalAccount]
    stakers: list[LocalAccount]
    identity: Identity = field(default_factory=Identity.new)
    sent: dict[int, list[Sent]] = field(default_factory=dict)
    files: dict[int, RoundFiles] = field(default_factory=dict)
    results: dict[int, Evaluation] = field(default_factory=dict)
    horizon: int = HORIZON
    make_files: Callable[[int], Any] = RoundFiles

    @property
    def provider(self) -> Path:
        """The data provider's folder."""
        return self.root / "provider"

    @property
    def artefacts(self) -> Path:
        """Folders of rounds as an operator keeps them, open to all."""
        return self.root / "artefacts"

    @property
    def domain(self) -> Domain:
        where = self.reader.addresses
        return Domain(where.chain_id, where.pool)

    @property
    def now(self) -> int:
        return int(self.chain.head.timestamp)

    def writer(self, account: LocalAccount) -> PoolWriter:
        return PoolWriter(self.reader, Sender(self.reader.web3, URL, LocalSigner(account)))

    def owner(self, model: int) -> LocalAccount:
        return self.stakers[model % len(self.stakers)]

    # ------------------------------------------------------------------ what people do

    def register(self, name: str, owner: LocalAccount | None = None) -> int:
        """A new model of the staker whose turn it is, or of ``owner``."""
        writer = self.writer(owner or self.owner(self.reader.models()))
        reserved = writer.reserve(keccak(text=name))
        self.chain.advance_to(reserved.usable_at)
        return writer.register(reserved, writer.sender.signer.address)

    def stake(self, model: int, nmr: float = 1.0) -> None:
        """Deposits for the target round, by the model's owner."""
        target = self.reader.target()
        self.writer(self.owner(model)).deposit(model, int(nmr * UNITS_PER_NMR), target)

    def submit(self, number: int, model: int, raw: bytes, *, late: bool = False) -> Sent:
        """A file that three operators gave receipts for, as if it had come at the opening or,
        ``late``, after the close."""
        announced = self.announced(number)
        sent = self.sent.setdefault(number, [])
        key = Submission(number, model, hashlib.sha256(raw).digest(), len(sent) + 1)
        signature = sign(LocalSigner(self.owner(model)), key, self.domain)
        received = announced.closes + 1 if late else announced.opens + 1
        receipts = [
            SignedReceipt(
                key,
                giver.address,
                received,
                sign(LocalSigner(giver), receipt_of(key, received), self.domain),
            )
            for giver in self.operators[:3]
        ]
        entry = Entry(model, key.sha256, key.sequence, not late, signature, len(raw))
        sent.append(Sent(raw, entry, receipts))
        return sent[-1]

    # ------------------------------------------------------------------ what operators do

    def announce(self, window: int = 60) -> Announcement:
        """The next round, open now."""
        number, now = self.reader.state()["last_announced"] + 1, self.now
        opens, closes = now + 10, now + TIMING.notice + window
        announcer = self.writer(dev_account(ANNOUNCER))
        announcer.announce(number, opens, closes, self.horizon, MILLIONTH, bytes(32))
        self.files[number] = files = self.make_files(number)
        write_file(self.provider / str(number) / "universe.csv", files.universe)
        self.chain.advance_to(opens)
        return self.announced(number)

    def announced(self, number: int) -> Announcement:
        found = self.reader.announced(number)
        assert found is not None
        return found

    def close(self, number: int) -> None:
        """The round's close, and what was queued for it."""
        self.chain.advance_to(self.announced(number).closes)
        state = self.reader.round_state(number)
        if state["queue_head"]:
            self.writer(self.operators[0]).drain(number, 100)
        self.chain.finalize()

    def commit(self, number: int) -> Evaluation:
        """Everything from the targets to a result that is final, its folder open to all."""
        announced, files = self.announced(number), self.files[number]
        self.chain.advance_to(announced.closes + announced.horizon)
        write_file(self.provider / str(number) / "targets.csv", files.targets)
        raws = {sent.entry.sha256: sent.raw for sent in self.sent.get(number, [])}
        result = evaluate(self._inputs(announced), raws.__getitem__)
        self._publish(number, result, raws)
        where = self.reader.addresses
        domain = Domain(where.chain_id, where.oracle)
        ordered = sorted(self.operators, key=lambda o: int(o.address, 16))
        signatures = [sign(LocalSigner(one), result.commit, domain) for one in ordered]
        needed = self.reader.needed(number)
        self.writer(self.operators[0]).commit(result.commit, signatures[:needed])
        self.results[number] = result
        self.chain.advance_to(self.now + TIMING.window)
        return result

    def settle(self, number: int) -> None:
        """Applies the round's batches."""
        batches = self.results[number].batches
        writer = self.writer(self.operators[0])
        for batch, following in zip(batches, followers(batches), strict=True):
            writer.settle(number, batch, following)
        self.chain.finalize()

    def play(self, skills: Mapping[int, int], *, nmr: float = 1.0) -> int:
        """A whole round in which each model stakes and submits with its skill; its number."""
        number = self.announce().round
        for model, skill in skills.items():
            self.stake(model, nmr)
            self.submit(number, model, self.files[number].predictions(skill))
        self.close(number)
        self.commit(number)
        self.settle(number)
        return number

    def _inputs(self, announced: Announcement) -> RoundInputs:
        close = self.reader.close_block(announced.closes)
        owners = self.reader.owners(close.number)
        entries = [sent.entry for sent in self.sent.get(announced.round, [])]
        files = self.files[announced.round]
        return RoundInputs(
            chain_id=self.reader.addresses.chain_id,
            oracle=self.reader.addresses.oracle,
            announcement=announced,
            close_block=close,
            stakes=self.reader.stakes(announced.round, close),
            owners={entry.model: owners[entry.model] for entry in entries},
            universe=files.universe,
            targets=files.targets,
            entries=entries,
        )

    def _publish(self, number: int, result: Evaluation, raws: Mapping[bytes, bytes]) -> None:
        where = self.reader.addresses
        folder = round_path(self.artefacts, where.chain_id, where.pool, number)
        private = {TARGETS: self.files[number].targets}
        private |= {submission_path(sha256): raw for sha256, raw in raws.items()}
        mine = [self.identity.recipient]
        receipts = [receipt for sent in self.sent.get(number, []) for receipt in sent.receipts]
        write_round(
            folder,
            result.manifest,
            result.files,
            ((path, seal(raw, mine)) for path, raw in private.items()),
            {RECEIPTS: receipts_bytes(number, receipts)},
        )
        spec = spec_of(self.announced(number).spec_hash)
        assert spec is not None
        disclose(folder, spec, self.identity, mine, [], {})

    # ------------------------------------------------------------------ the server

    def config(self, where: str, home: Path, **changes: Any) -> ServerConfig:
        """Of a server over the database at ``where``; ``changes`` are fields of the file."""
        tournament = {
            "number": self.reader.addresses.tournament,
            "chain_id": self.reader.addresses.chain_id,
            "pool": self.reader.addresses.pool,
            "chain": {"urls": [URL]},
            "sources": [str(self.artefacts)],
            "data": str(self.provider),
        }
        fields: dict[str, Any] = {
            "name": "server",
            "port": 28640,
            "url": SITE_URL,
            "database": where,
            "tournaments": [tournament],
            **changes,
        }
        return ServerConfig.model_validate(fields).under(home)

    @contextmanager
    def serving(self, where: str, home: Path, **changes: Any) -> Iterator["Serving"]:
        """A server that has not followed the chain yet; its tasks run when they are told to."""

        def reader(one: TournamentSettings, events: EventStore) -> PoolReader:
            web3 = connected(self.chain)
            return PoolReader(web3, URL, one.pool, IndexedLogs(events))

        with patch.object(run, "open_reader", reader):
            server = run.Server(self.config(where, home, **changes))
        try:
            with TestClient(server.app, base_url=SITE_URL) as client:
                yield Serving(server, client)
        finally:
            server.close()


@dataclass
class Serving:
    """A server in this process: ``client`` reaches the application without a socket."""

    server: run.Server
    client: TestClient

    @property
    def services(self) -> Services:
        return self.server.services

    def run(self, name: str) -> None:
        """One run of each task whose name begins so, as the server's threads would do it."""
        runner = self.server.runner
        tasks = [task for task in runner.tasks if task.name.startswith(name)]
        assert tasks, [task.name for task in runner.tasks]
        assert [runner.once(task) for task in tasks] == [""] * len(tasks)

    def follow(self) -> None:
        """Takes in what happened on the chain and in the artefacts since."""
        self.run("follow")


@contextmanager
def server_world(
    root: Path, timing: Timing = TIMING, number: int = CLASSIC
) -> Iterator[ServerWorld]:
    """A tournament without rounds and models, and its chain; closed afterwards."""
    topology = short_topology(timing, CLOCKS)
    if number != CLASSIC:
        topology = of_tournament(topology, number)
    chain = start_chain(root, topology.chain.chain_id, int(time.time()))
    try:
        web3 = connected(chain)
        pool = deploy(web3, topology, root).pool
        first, count = topology.stakers.first_account, topology.stakers.count
        yield ServerWorld(
            root=root,
            chain=chain,
            reader=PoolReader(web3, URL, pool),
            operators=[dev_account(one.account) for one in topology.operators],
            stakers=[dev_account(index) for index in range(first, first + min(count, 3))],
            make_files=RoundFiles if number == CLASSIC else partial(provider_files, number),
        )
    finally:
        chain.close()
