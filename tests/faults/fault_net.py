"""Operators as real processes on a real chain with times of seconds, each behind a proxy.

A net is used for many faults, one round each; starting one takes half a minute.
"""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from eth_account.signers.local import LocalAccount
from faulty_rpc import FaultyRpc
from in_process_tournament import deploy
from local_machine import free_base_port
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.reader import PoolReader
from oracle.chain.rpc import connect
from oracle.devnet.launch import Devnet, operator_command
from oracle.devnet.profile import Clocks, Timing
from oracle.devnet.topology import Operator
from oracle.operator.failpoints import VARIABLE
from oracle.store.artefacts import write_file
from oracle.store.sealing import Identity

TIMING = Timing(
    notice=3,
    gap=1,
    max_ahead=10_000,
    max_horizon=1_000,
    grace=900,
    window=2,
    challenge=900,
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
START_SECONDS = 90
TICK_SECONDS = 0.4
_STATES = 100_000
"""Of which the chain keeps all in memory. Left to itself it moves those older than ten blocks to
files after some hundred blocks, and a reorganisation down to one of these leaves it without state:
no contract has code any more."""


class Ticker:
    """Mines a block, a second later than the one before, every ``TICK_SECONDS``; can be held."""

    def __init__(self, mine: Callable[[], object]) -> None:
        self._mine = mine
        self._mining, self._ended = threading.RLock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Time stands still on the chain, however long the block takes on a busy machine."""
        with self._mining:
            yield

    def _run(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            with self._mining:
                self._mine()


class Stuck(AssertionError):
    """Something did not come in time; the text says what."""


def await_until(done: Callable[[], bool], seconds: float, what: str) -> float:
    """Waits until ``done``; returns the seconds it took."""
    started = time.monotonic()
    while not done():
        if time.monotonic() - started > seconds:
            raise Stuck(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.1)
    return time.monotonic() - started


@dataclass
class Member:
    """One operator: its declaration, its folder, its endpoints, each a proxy before the chain."""

    operator: Operator
    home: Path
    account: LocalAccount
    proxies: list[FaultyRpc]
    others: list[str]

    @property
    def name(self) -> str:
        return self.operator.name

    @property
    def url(self) -> str:
        return self.operator.url

    def health(self) -> dict[str, Any] | None:
        """What it says of itself, or None while it does not answer."""
        try:
            answer = httpx.get(f"{self.url}/healthz", timeout=2)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.status_code == httpx.codes.OK else None

    def is_well(self) -> bool:
        """Whether its last look at the chain was recent and without an error."""
        health = self.health()
        if health is None or health["error"]:
            return False
        return health["seconds_since_cycle"] is not None and health["seconds_since_cycle"] < 10


@dataclass(frozen=True, slots=True)
class NetKind:
    """What a fault needs of its net: RPC endpoints of each operator, the number of operators, and
    seconds of the chain from a commit until it can be challenged no more."""

    endpoints: int = 1
    operators: int = 4
    window: int = TIMING.window


@dataclass
class FaultNet:
    """The chain, the contracts and the members; ``start`` it before, ``stop`` it after."""

    folder: Path
    devnet: Devnet
    kind: NetKind = NetKind()
    members: list[Member] = field(default_factory=list)
    down: set[str] = field(default_factory=set)

    @classmethod
    def in_folder(cls, folder: Path, kind: NetKind = NetKind()) -> "FaultNet":
        timing = TIMING.model_copy(update={"window": kind.window})
        topology = short_topology(timing, CLOCKS).with_operators(kind.operators)
        declared = topology.moved(free_base_port())
        return cls(folder, Devnet.at(folder, declared, tied=True), kind)

    @property
    def topology(self) -> Any:
        return self.devnet.topology

    @property
    def data(self) -> Path:
        return self.devnet.data

    @property
    def provider(self) -> LocalAccount:
        """Whose signature puts targets into the operators' vaults."""
        return dev_account(self.topology.provider)

    def start(self) -> None:
        self.devnet.start_chains(options=["--prune-history", str(_STATES)])
        self.web3 = connect(self.topology.rpc)
        # The chain's time is a matter of its blocks alone, so that it can stand still.
        self.call("anvil_setBlockTimestampInterval", 1)
        self.ticker = Ticker(lambda: self.call("evm_mine"))
        self.ticker.start()
        record = deploy(self.web3, self.topology, self.folder)
        self.reader = PoolReader(self.web3, self.topology.rpc, record.pool)
        self.data.mkdir(parents=True, exist_ok=True)
        for operator in self.topology.operators:
            self.members.append(self._member(operator))
        for member in self.members:
            for proxy in member.proxies:
                proxy.__enter__()
            self._configure(member)
            self.start_operator(member)
        await_until(self.all_well, START_SECONDS, "operators that are well")

    def stop(self) -> None:
        self.ticker.stop()
        self.devnet.stop()
        for member in self.members:
            for proxy in member.proxies:
                proxy.close()

    def _member(self, operator: Operator) -> Member:
        home = self.folder / "operators" / operator.name
        home.mkdir(parents=True)
        others = [o.url for o in self.topology.operators if o != operator]
        proxies = [FaultyRpc(self.topology.rpc) for _ in range(self.kind.endpoints)]
        return Member(operator, home, dev_account(operator.account), proxies, others)

    def _configure(self, member: Member) -> None:
        """Writes its key, its identity and its configuration."""
        Identity.new().save(member.home / "identity.age")
        key = member.home / "key.env"
        key.touch(0o600)
        key.write_text(f"ASSAY_OPERATOR_KEY={member.account.key.to_0x_hex()}\n")
        urls = json.dumps([proxy.url for proxy in member.proxies])
        lines = [
            f'name = "{member.name}"',
            f"chain_id = {self.topology.chain.chain_id}",
            f'pool = "{self.reader.addresses.pool}"',
            f'data = "{self.data.resolve()}"',
            f"port = {member.operator.port}",
            f"peers = {json.dumps(member.others)}",
            f"providers = {json.dumps([self.provider.address])}",
            "cycle = 0.3",
            "stagger = 3.0",
            "patience = 4.0",
            "[chain]",
            f"urls = {urls}",
            "wait = 4.0",
            "[signer]",
            'kind = "envfile"',
            'file = "key.env"',
        ]
        write_file(member.home / "operator.toml", ("\n".join(lines) + "\n").encode())

    # ------------------------------------------------------------------ operators

    def start_operator(
        self, member: Member, failpoint: str = "", launcher: Sequence[str] = ()
    ) -> None:
        """Starts its process; with a failpoint it kills itself there. ``launcher`` is a Python
        script with its arguments, which runs the module named after them."""
        environment = {VARIABLE: failpoint} if failpoint else {}
        python, *module = operator_command(member.home / "operator.toml")
        command = [python, *launcher, *module]
        self.devnet.processes.start(member.name, command, environment)
        self.down.discard(member.name)

    def end_operator(self, member: Member, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends its process, if it has not ended by itself."""
        self.devnet.processes.forget(member.name, number)
        self.down.add(member.name)

    def restart_operator(self, member: Member, launcher: Sequence[str] = ()) -> float:
        """A new process on the same folder; returns the seconds until it is well."""
        if member.name not in self.down:
            self.end_operator(member)
        self.start_operator(member, launcher=launcher)
        return await_until(member.is_well, START_SECONDS, f"{member.name} after its restart")

    def arm(self, member: Member, failpoint: str) -> None:
        """A new process that will kill itself at the failpoint; it may do so at once."""
        self.end_operator(member)
        self.start_operator(member, failpoint)
        await_until(
            lambda: member.is_well() or self.has_ended(member),
            START_SECONDS,
            f"{member.name} with the failpoint {failpoint}",
        )

    def has_ended(self, member: Member) -> bool:
        """Whether its process ended without being told to."""
        running = {record.name for record in self.devnet.processes.running()}
        return member.name not in running

    def change_config(self, member: Member, change: Callable[[str], str]) -> Callable[[], object]:
        """Writes its configuration anew for its next start; what is returned puts it back."""
        path = member.home / "operator.toml"
        before = path.read_text()
        path.write_text(change(before))
        return lambda: path.write_text(before)

    def asker(self, port: int) -> str:
        """The member whose process has a connection open from that port, or an empty name."""
        for record in self.devnet.processes.running():
            process = record.process()
            with suppress(psutil.NoSuchProcess):
                found = process.net_connections("tcp") if process else []
                if any(one.laddr and one.laddr.port == port for one in found):
                    return record.name
        return ""

    def all_well(self) -> bool:
        return all(m.is_well() for m in self.members if m.name not in self.down)

    def leader(self, number: int) -> Member:
        """Whose turn it is first in a round."""
        ordered = sorted(self.members, key=lambda m: int(m.account.address, 16))
        return ordered[-number % len(ordered)]

    # ------------------------------------------------------------------ the chain

    def now(self) -> int:
        return self.web3.eth.get_block("latest")["timestamp"]

    def call(self, method: str, *parameters: Any) -> Any:
        """A node method that web3 does not know."""
        answer = self.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    def log_of(self, member: Member) -> str:
        return self.devnet.processes.log_path(member.name).read_text(errors="replace")
