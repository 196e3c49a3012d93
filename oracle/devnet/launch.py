"""Starting and stopping a devnet: chains, the bridge between them, contracts (by the Ape scripts),
operators, the tournament server."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from web3 import Web3

from oracle.bridge.record import BridgeRecord, load_bridge
from oracle.chain.keys import DEV_ACCOUNTS
from oracle.chain.record import DeploymentRecord, load_record
from oracle.chain.rpc import connect
from oracle.devnet.clock import Clock
from oracle.devnet.operator_home import Pace, write_home
from oracle.devnet.portal import deploy_portal
from oracle.devnet.processes import ProcessGroup, die_with_parent, free_port
from oracle.devnet.relayer_process import RelayerConfig
from oracle.devnet.server_home import write_server_home
from oracle.devnet.supply import Supply
from oracle.devnet.topology import Chain, RootChain, Server, Topology
from oracle.errors import AssayError, EnvironmentLacksError, UnreachableError
from oracle.settings import project_root
from oracle.store.artefacts import write_file

_START_SECONDS = 120
"""Some seconds on an idle machine."""
CHAIN, ROOT_CHAIN, RELAYER, SERVER = "chain", "root-chain", "relayer", "server"
"""Names of the processes beside the operators'."""


@dataclass(frozen=True)
class Devnet:
    """A devnet in ``folder``; ``tied`` ones end with this process."""

    folder: Path
    topology: Topology
    processes: ProcessGroup

    @classmethod
    def at(cls, folder: Path, topology: Topology, *, tied: bool) -> "Devnet":
        return cls(folder, topology, ProcessGroup(folder, tied=tied))

    @property
    def record_path(self) -> Path:
        return self.folder / "deployment.json"

    @property
    def data(self) -> Path:
        """The data provider's folder that all operators read."""
        return self.folder / "provider"

    def record(self) -> DeploymentRecord:
        return load_record(self.record_path)

    @property
    def bridge_path(self) -> Path:
        return self.folder / "bridge.json"

    def bridge(self) -> BridgeRecord:
        return load_bridge(self.bridge_path)

    @property
    def process_names(self) -> list[str]:
        """Everything that runs while the devnet does."""
        beside = [ROOT_CHAIN, RELAYER] if self.topology.root else []
        served = [SERVER] if self.topology.server else []
        return [CHAIN, *beside, *(operator.name for operator in self.topology.operators), *served]

    # ------------------------------------------------------------------ chains

    @property
    def _chains(self) -> dict[str, tuple[Chain | RootChain, str]]:
        """Chains with their addresses, by process."""
        topology = self.topology
        chains: dict[str, tuple[Chain | RootChain, str]] = {CHAIN: (topology.chain, topology.rpc)}
        if topology.root is not None:
            chains[ROOT_CHAIN] = topology.root, topology.root_rpc
        return chains

    def require_machine(self) -> None:
        """Raises if this machine lacks a program or a free port that the devnet needs."""
        anvil_path()
        ape_path()
        fix = "stop what listens there, or pass --base-port"
        for name, (chain, _) in self._chains.items():
            free_port(chain.port, name, fix)
        for operator in self.topology.operators:
            free_port(operator.port, operator.name, fix)
        if self.topology.server is not None:
            free_port(self.topology.server.port, SERVER, fix)

    def start_chains(self, block_time: int | None = None, options: Sequence[str] = ()) -> None:
        """Starts an anvil for each, with more ``options`` of its own; with ``block_time`` they mine
        by themselves, else on every transaction."""
        self.require_machine()
        for name, (chain, _) in self._chains.items():
            self.processes.start(name, [*_anvil(chain, block_time), *options])
        for name, (chain, url) in self._chains.items():
            self._await(name, lambda url=url, id=chain.chain_id: connect(url, id))

    def clock(self) -> Clock:
        """Of both chains."""
        found = [Clock(connect(url, chain.chain_id), url) for chain, url in self._chains.values()]
        return Clock(found[0].web3, found[0].url, tuple(found[1:]))

    # ------------------------------------------------------------------ bridge

    def start_bridge(self) -> BridgeRecord:
        """Deploys Polygon's contracts on both chains, and starts the relayer between them."""
        root, child = self._webs()
        record = deploy_portal(root, child, self.topology.bridge)
        record.save(self.bridge_path)
        self.start_relayer()
        return record

    def start_relayer(self) -> None:
        config = RelayerConfig(
            root=self.topology.root_rpc,
            child=self.topology.rpc,
            record=self.bridge_path,
            settings=self.topology.bridge,
        )
        path = self.folder / "relayer.json"
        write_file(path, config.model_dump_json().encode())
        command = [sys.executable, "-m", "oracle.devnet.relayer_process", str(path)]
        self.processes.start(RELAYER, command)

    def supply(self) -> Supply:
        root, child = self._webs()
        return Supply(root, child, self.bridge(), self.topology.bridge.admin)

    def bring(self, amounts: Mapping[str, int]) -> None:
        """NMR for accounts of the child chain, by deposits; waits until it is there."""
        supply, clock = self.supply(), self.clock()
        supply.bring(amounts)
        deadline = time.monotonic() + _START_SECONDS
        while not supply.arrived():
            self.processes.ensure_alive()
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"NMR has not come over the bridge after {_START_SECONDS} s",
                    f"see {self.processes.log_path(RELAYER)}",
                )
            clock.mine()  # messages are taken from blocks that are final
            time.sleep(0.1)

    def webs(self) -> list[tuple[str, Web3]]:
        """Every chain with its address."""
        return [(url, connect(url, chain.chain_id)) for chain, url in self._chains.values()]

    def _webs(self) -> tuple[Web3, Web3]:
        """Of root and child chain."""
        topology = self.topology
        root = connect(topology.root_rpc, topology.required_root().chain_id)
        return root, connect(topology.rpc, topology.chain.chain_id)

    # ------------------------------------------------------------------ contracts

    def deploy(self) -> DeploymentRecord:
        """Deploys on both chains and fills the pool's vault, by the Ape script, in one run: Ape
        takes seconds to start. The deployer must have that NMR."""
        topology_file = self.folder / "topology.json"
        write_file(topology_file, self.topology.model_dump_json().encode())
        options = ["--topology", str(topology_file), "--record", str(self.record_path)]
        options += ["--bridge", str(self.bridge_path), "--root-rpc", self.topology.root_rpc]
        self.run_script("deploy", *options, "--fund")
        return self.record()

    def run_script(self, name: str, *options: str) -> None:
        """Runs ``scripts/<name>.py`` through Ape against this chain."""
        root, ape = project_root(), ape_path()
        environment = {
            **os.environ,
            # Ape looks for the vyper program on PATH, and for this package beside the scripts.
            "PATH": f"{ape.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(root),
            "APE_DATA_FOLDER": str(root / ".ape"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # else each start costs seconds more
        log = self.processes.log_path(f"ape-{name}")
        log.parent.mkdir(parents=True, exist_ok=True)
        network = f"polygon:devnet:{self.topology.rpc}"
        with log.open("ab") as output:
            done = subprocess.run(
                [str(ape), "run", name, "--network", network, *options],
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(os.getpid()),
            )
        if done.returncode:
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            raise EnvironmentLacksError(
                f"the Ape script {name} failed: {lines[-1] if lines else 'no output'}", f"see {log}"
            )

    # ------------------------------------------------------------------ operators

    def start_operators(self, pace: Pace | None = None) -> None:
        """Writes each operator's key, identity and configuration, and starts it."""
        pool = self.record().pool
        bridge = self.bridge_path if self.topology.root else None
        self.data.mkdir(parents=True, exist_ok=True)
        for operator in self.topology.operators:
            home = self.home(operator.name)
            config = write_home(
                home, self.topology, operator, pool, self.data, pace or Pace(), bridge=bridge
            )
            self.processes.start(operator.name, operator_command(config))
        for operator in self.topology.operators:
            self._await(operator.name, lambda url=operator.url: _healthy(url))

    def home(self, operator: str) -> Path:
        return self.folder / "operators" / operator

    def artefacts(self, operator: str) -> Path:
        return self.home(operator) / "artefacts"

    # ------------------------------------------------------------------ server

    @property
    def datasets(self) -> Path:
        """What the server publishes."""
        return self.folder / "datasets"

    def start_server(self, pace: Pace | None = None) -> Server:
        """Writes the server's keys and configuration, and starts it; the operators run."""
        server = self.topology.required_server()
        self.datasets.mkdir(parents=True, exist_ok=True)
        config = write_server_home(
            self.folder / SERVER,
            self.topology,
            server,
            self.record().pool,
            self.data,
            self.datasets,
            pace or Pace(),
            bridge=self.bridge_path if self.topology.root else None,
        )
        self.processes.start(SERVER, server_command(config))
        self._await(SERVER, lambda: _healthy(server.url))
        return server

    # ------------------------------------------------------------------ ending

    def stop(self) -> int:
        return self.processes.stop()

    def _await(self, what: str, ready: Callable[[], object]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self.processes.ensure_alive()
            try:
                ready()
                return
            except AssayError:
                if time.monotonic() > deadline:
                    raise UnreachableError(
                        f"{what} does not answer after {_START_SECONDS} s",
                        f"see the logs in {self.folder / 'logs'}",
                    ) from None
                time.sleep(0.1)


def _anvil(chain: Chain | RootChain, block_time: int | None) -> list[str]:
    command = [str(anvil_path()), "--chain-id", str(chain.chain_id), "--port", str(chain.port)]
    command += ["--hardfork", "prague", "--order", "fifo", "--slots-in-an-epoch", "1"]
    command += ["--accounts", str(DEV_ACCOUNTS), "--silent"]
    if block_time:
        command += ["--block-time", str(block_time), "--mixed-mining"]
    return command


def ape_path() -> Path:
    """The Ape command of this environment."""
    ape = Path(sys.executable).parent / "ape"
    if not ape.exists():
        raise EnvironmentLacksError("Ape is not installed", "run `make setup`")
    return ape


def operator_command(config: Path) -> list[str]:
    return [sys.executable, "-m", "oracle", "operator", "run", "--config", str(config)]


def server_command(config: Path) -> list[str]:
    return [sys.executable, "-m", "oracle", "server", "run", "--config", str(config)]


def _healthy(url: str) -> None:
    try:
        httpx.get(f"{url}/healthz", timeout=2).raise_for_status()
    except httpx.HTTPError as error:
        raise UnreachableError(f"{url} is not ready: {type(error).__name__}") from None


def anvil_path() -> Path:
    """The chain binary: the pinned npm package, else an ``anvil`` on PATH."""
    names = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    machine = names.get(platform.machine().lower(), platform.machine())
    package = f"anvil-{sys.platform}-{machine}"
    pinned = project_root() / "node_modules" / "@foundry-rs" / package / "bin" / "anvil"
    if pinned.is_file():
        return pinned
    found = shutil.which("anvil")
    if found:
        return Path(found)
    raise EnvironmentLacksError(
        f"anvil, the local chain, is missing ({package})",
        "run `make setup`; where npm has no build for this machine, put an anvil 1.7.1 on PATH",
    )
