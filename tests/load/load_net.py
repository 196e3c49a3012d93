"""A tournament with many models on real processes: chain, operators, and the tournament server."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
from eth_utils import keccak
from local_machine import free_base_port
from operator_net import CLOCKS, TIMING, OperatorNet
from short_times import short_topology

from oracle.chain.keys import dev_account
from oracle.chain.pool import Reservation
from oracle.chain.signing import LocalSigner
from oracle.devnet.launch import SERVER, Devnet, server_command
from oracle.devnet.operator_home import Pace
from oracle.devnet.server_home import write_server_home
from oracle.devnet.topology import ANNOUNCER, Server, load
from oracle.participant.client import Client
from oracle.participant.signing_in import new_token, sign_in
from oracle.participant.words import allow_submissions
from oracle.scoring.limits import SCALE
from oracle.settlement.typed_data import Announcement, Domain
from oracle.settlement.units import MILLIONTH, UNITS_PER_NMR
from oracle.store.artefacts import round_path, write_file
from oracle.tournaments.decimals import decimal_text
from oracle.tournaments.universe import targets_bytes, universe_bytes

ROUND = 1
_STAKE = UNITS_PER_NMR // 10
_SCOPES = ["upload_submission", "read_submission_info", "read_user_info"]
_READY_SECONDS = 180
_NOTICE = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A model, by its place among the owners' and at the server, and its file."""

    model: int
    uuid: str
    token: str
    path: Path


class LoadNet(OperatorNet):
    """``models`` of them, in turn of the stakers, who are few."""

    rows: int
    database: str

    def owner_account(self, model: int) -> int:
        stakers = self.topology.stakers
        return stakers.first_account + model % stakers.count

    @property
    def url(self) -> str:
        return self.topology.required_server().url

    def start_all(self, rows: int, database: str) -> None:
        """Everything, with the models registered; the round is not announced."""
        self.rows, models, self.models = rows, self.models, 0
        self.start()
        self.models = models
        write_server_home(
            self.devnet.folder / SERVER,
            self.topology,
            self.topology.required_server(),
            self.reader.addresses.pool,
            self.devnet.data,
            self.devnet.datasets,
            self.pace,
            database=database,
        )
        config = self.devnet.folder / SERVER / "server.toml"
        self.devnet.processes.start(SERVER, server_command(config))
        self._register_all()
        self.until(lambda: _is_ready(self.url), "the server", _READY_SECONDS)

    def _register_all(self) -> None:
        writers = [self.writer(self.owner_account(model)) for model in range(self.models)]
        reserved: list[Reservation] = []
        for model, writer in enumerate(writers):
            reserved.append(writer.reserve(keccak(text=f"model-{model}")))
        self.reader.await_time(max(each.usable_at for each in reserved))
        for writer, each in zip(writers, reserved, strict=True):
            writer.register(each, writer.sender.signer.address)

    def stake_all(self) -> None:
        """A little on every model, for the next round."""
        for staker in range(min(self.topology.stakers.count, self.models)):
            self.writer(self.owner_account(staker)).approve(_STAKE * self.models)
        for model in range(self.models):
            self.writer(self.owner_account(model)).deposit(model, _STAKE, ROUND)

    def announce_for(self, seconds: int, horizon: int) -> Announcement:
        """The round, which closes after so many seconds; its rows are published."""
        opens = self.reader.newest().timestamp + _NOTICE
        self.writer(ANNOUNCER).announce(
            ROUND, opens, opens + seconds, horizon, MILLIONTH, bytes(32)
        )
        folder = self.devnet.data / str(ROUND)
        write_file(folder / "universe.csv", universe_bytes(self.ids))
        announced = self.reader.announced(ROUND)
        assert announced is not None
        return announced

    @property
    def ids(self) -> list[str]:
        return [f"n{row:015x}" for row in range(self.rows)]

    def publish_all_targets(self) -> None:
        target = np.random.default_rng(0).permutation(np.arange(self.rows) % 5) * (SCALE // 4)
        path = self.devnet.data / str(ROUND) / "targets.csv"
        write_file(path, targets_bytes(self.ids, target))

    def entries(self) -> list[Entry]:
        """Every model with its owner's token, and a file of its own on disk; the owners let the
        server sign."""
        where, tournament = self.reader.addresses, self.topology.tournament.number
        uuids: dict[int, tuple[str, str]] = {}
        for staker in range(min(self.topology.stakers.count, self.models)):
            owner = LocalSigner(dev_account(self.owner_account(staker)))
            session = sign_in(Client(self.url), owner)
            domain = Domain(where.chain_id, where.pool)
            allow_submissions(session, tournament, domain, owner, 10)
            token = new_token(session, "load", _SCOPES)
            own = len(range(staker, self.models, self.topology.stakers.count))
            self.until(lambda s=session, n=own: len(_own(s)) == n, "the models")
            uuids |= {one["number"]: (one["id"], token) for one in _own(session)}
        folder = self.devnet.folder / "files"
        folder.mkdir()
        for model in uuids:
            (folder / f"{model}.csv").write_bytes(self._predictions(model))
        return [
            Entry(model, uuid, token, folder / f"{model}.csv")
            for model, (uuid, token) in sorted(uuids.items())
        ]

    def _predictions(self, model: int) -> bytes:
        values = np.random.default_rng(model + 1).integers(0, SCALE, self.rows)
        lines = (f"{i},{decimal_text(int(v))}" for i, v in zip(self.ids, values, strict=True))
        return ("id,prediction\n" + "\n".join(lines) + "\n").encode()

    def result(self) -> Path:
        """The committed round's folder at the first operator."""
        where = self.reader.addresses
        home = self.devnet.artefacts(self.operators[0].name)
        return round_path(home, where.chain_id, where.pool, ROUND)

    def peaks(self) -> dict[str, int]:
        """The most memory that each process has had so far, in MiB."""
        return {
            record.name: _peak(record.pid) // 2**20 for record in self.devnet.processes.running()
        }

    def cpu(self) -> dict[str, float]:
        """Seconds of work of each process so far."""
        return {record.name: _work(record.pid) for record in self.devnet.processes.running()}


def _work(pid: int) -> float:
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in [process, *process.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


def _own(session: Client) -> list[dict[str, str]]:
    found: list[dict[str, str]] = session.get("/v1/account/models")
    return found


def _peak(pid: int) -> int:
    """Bytes, of a process and those it started that are still there."""
    process = psutil.Process(pid)
    return sum(_high_water(each.pid) for each in [process, *process.children(recursive=True)])


def _high_water(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextmanager
def load_net(folder: Path, models: int, rows: int, database: str) -> Iterator[LoadNet]:
    """A running net, ended afterwards."""
    base = free_base_port()
    declared = short_topology(TIMING, CLOCKS).model_copy(
        update={"server": Server(port=load().required_server().port)}
    )
    net = LoadNet(Devnet.at(folder, declared.moved(base), tied=True), Pace(cycle=0.5), models)
    try:
        net.start_all(rows, database)
        yield net
    finally:
        net.devnet.stop()


def wait_for(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it came to be within that time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
