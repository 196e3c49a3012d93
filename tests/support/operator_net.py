"""Any number of operators as real processes on a real chain with times of seconds."""

import hashlib
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from committed_rounds import Data
from in_process_tournament import deploy
from local_machine import free_base_port
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect
from oracle.chain.sender import Sender
from oracle.chain.signing import LocalSigner
from oracle.devnet.launch import Devnet, operator_command
from oracle.devnet.operator_home import Pace, write_home
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import ANNOUNCER, Announce, Operator, Topology
from oracle.operator.client import Sent, submit
from oracle.settlement.specs import SPECS
from oracle.settlement.typed_data import Announcement, Domain
from oracle.settlement.units import MILLIONTH, UNITS_PER_NMR
from oracle.store.artefacts import round_path, write_file

TIMING = Timing(
    notice=3, gap=1, max_ahead=10_000, max_horizon=1_000, grace=900, window=20, challenge=300
)
CLOCKS = Clocks(
    skip_after=20_000,
    settle_time=900,
    head_time=400,
    rest_delay=60,
    wind_down_after=100_000,
    pause=600,
    pause_cooldown=2_000,
)
STAKE = 100 * UNITS_PER_NMR
_SPEC = next(iter(SPECS))


@dataclass
class OperatorNet:
    """The chain, the contracts, the operators; model ``i`` belongs to staker ``i``."""

    devnet: Devnet
    pace: Pace
    models: int
    data: dict[int, Data] = field(default_factory=dict)

    @property
    def topology(self) -> Topology:
        return self.devnet.topology

    @property
    def operators(self) -> Sequence[Operator]:
        return self.topology.operators

    def start(self) -> None:
        self.devnet.start_chains(block_time=1)
        web3 = connect(self.topology.rpc)
        record = deploy(web3, self.topology, self.devnet.folder)
        self.reader = PoolReader.open(self.topology.rpc, record.pool)
        self.devnet.data.mkdir(parents=True, exist_ok=True)
        for operator in self.operators:
            home = self.devnet.home(operator.name)
            write_home(home, self.topology, operator, record.pool, self.devnet.data, self.pace)
            self.start_operator(operator)
        for model in range(self.models):
            self._register(model)
        for operator in self.operators:
            self.until(lambda url=operator.url: _is_up(url), f"{operator.name} up")

    def start_operator(self, operator: Operator, **environment: str) -> None:
        config = self.devnet.home(operator.name) / "operator.toml"
        self.devnet.processes.start(operator.name, operator_command(config), environment)

    def kill_operator(self, operator: Operator) -> None:
        self.devnet.processes.forget(operator.name, signal.SIGKILL)

    def writer(self, account: int) -> PoolWriter:
        """Sends from a development account."""
        signer = LocalSigner(dev_account(account))
        return PoolWriter(self.reader, Sender(self.reader.web3, self.reader.url, signer))

    def owner(self, model: int) -> PoolWriter:
        return self.writer(self.topology.stakers.first_account + model)

    def _register(self, model: int) -> None:
        writer = self.owner(model)
        reserved = writer.reserve(hashlib.sha256(b"model %d" % model).digest())
        self.reader.await_time(reserved.usable_at)
        assert writer.register(reserved, writer.sender.signer.address) == model

    # ------------------------------------------------------------------ a round

    def announce(self, number: int, window: int = 12, horizon: int = 12) -> Announcement:
        """Announces a round that opens at once, everybody staking, its universe published."""
        opens = self.reader.newest().timestamp + 6
        self.writer(ANNOUNCER).announce(
            number, opens, opens + window, horizon, MILLIONTH, bytes(32), _SPEC
        )
        self.publish_universe(number)
        for model in range(self.models):
            self.owner(model).deposit(model, STAKE, number)
        announced = self.reader.announced(number)
        assert announced is not None
        self.reader.await_time(opens)
        return announced

    def publish_universe(self, number: int) -> None:
        self.data[number] = Data(number)
        write_file(self.devnet.data / str(number) / "universe.csv", self.data[number].universe)

    def publish_targets(self, number: int) -> None:
        write_file(self.devnet.data / str(number) / "targets.csv", self.data[number].targets)

    def submit(self, number: int, model: int, to: Sequence[Operator] | None = None) -> Sent:
        where, announced = self.reader.addresses, self.reader.announced(number)
        assert announced is not None
        return submit(
            self.data[number].predictions(model % 4),
            number,
            model,
            self.owner(model).sender.signer,
            Domain(where.chain_id, where.pool),
            [operator.url for operator in to or self.operators],
            self.reader.receipts_needed(number),
            self.reader.members(number),
            range(announced.opens, announced.closes + announced.horizon),
        )

    def folder(self, operator: Operator, number: int) -> Path:
        where = self.reader.addresses
        return round_path(self.devnet.artefacts(operator.name), where.chain_id, where.pool, number)

    def log(self, operator: Operator) -> list[dict[str, object]]:
        """Its log, line by line."""
        text = self.devnet.processes.log_path(operator.name).read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def until(self, done: Callable[[], object], what: str, seconds: float = 90) -> None:
        """Waits until ``done``; an operator that ends by itself is an error."""
        deadline = time.monotonic() + seconds
        while not done():
            self.devnet.processes.ensure_alive()
            assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
            time.sleep(0.2)


@contextmanager
def operator_net(
    folder: Path,
    operators: int,
    *,
    models: int = 3,
    announce: Announce | None = None,
    pace: Pace | None = None,
) -> Iterator[OperatorNet]:
    """A running net, ended afterwards."""
    declared = short_topology(TIMING, CLOCKS).with_operators(operators).moved(free_base_port())
    declared = declared.model_copy(update={"announce": announce})
    pace = pace or Pace(cycle=0.3, stagger=2.0, patience=3.0)
    net = OperatorNet(Devnet.at(folder, declared, tied=True), pace, models)
    try:
        net.start()
        yield net
    finally:
        net.devnet.stop()


def _is_up(url: str) -> bool:
    try:
        shown = httpx.get(f"{url}/healthz", timeout=2).json()
    except httpx.HTTPError:
        return False
    return shown.get("seconds_since_cycle") is not None
