"""A deployer without Ape, what it deploys, and two chains to deploy to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from two_chains import TwoChains
from web3 import Web3

from oracle.bridge.record import BridgeRecord, load_bridge
from oracle.chain.keys import dev_account
from oracle.chain.record import TOURNAMENT, Compiler, DeploymentRecord, load_record
from oracle.devnet.profile import Roles
from oracle.devnet.topology import DEPLOYER, load
from scripts._compiled import Compiled, compile_contract
from scripts._deployment import Deployment, Job
from scripts._own_bridge import OWN, OwnBridge, Source
from scripts._plan import ROOTS
from scripts._steps import Site

COMPILER = Compiler(version="0.4.3", evm_version="prague")
ROOT_ID, CHILD_ID = 731370, 731371
"""The default topology's chains."""
TOPOLOGY = load()
BRIDGE, RECORD = "bridge.json", "record.json"


@dataclass(frozen=True)
class LocalSigner:
    """Signs with a fixed gas limit, so that a revert is mined."""

    web3: Web3
    account: LocalAccount = field(default_factory=partial(dev_account, DEPLOYER))

    @property
    def address(self) -> str:
        return self.account.address

    def sign_creation(self, nonce: int, data: bytes) -> bytes:
        return self._signed(nonce, {"data": data})

    def sign_call(self, nonce: int, to: str, data: bytes) -> bytes:
        return self._signed(nonce, {"data": data, "to": to})

    def _signed(self, nonce: int, call: dict[str, Any]) -> bytes:
        transaction = {
            "nonce": nonce,
            "value": 0,
            "gas": 8_000_000,
            "gasPrice": 2 * self.web3.eth.gas_price,
            "chainId": self.web3.eth.chain_id,
            **call,
        }
        return bytes(self.account.sign_transaction(transaction).raw_transaction)


@cache
def compiled(name: str) -> Compiled:
    """A contract as the check compiles it."""
    return compile_contract(name, COMPILER.evm_version)


@cache
def source() -> Source:
    """Everything that a deployment may consist of."""
    from in_process_tournament import artifact  # its imports take seconds

    names = (*OWN, "Timelock", *TOURNAMENT, *ROOTS)
    # Of the vault alone the code without immutables is asked for; others come from a cache.
    made = {name: artifact(name) for name in names} | {"BurnVault": compiled("BurnVault").artifact}
    return Source(made, COMPILER, "unknown")


def deployment(
    root: Web3,
    child: Web3,
    folder: Path,
    roles: Roles,
    source: Source,
    signer: type[LocalSigner] = LocalSigner,
) -> tuple[Deployment, Job]:
    """Of the default topology's tournament, with the records in ``folder``."""
    above, below = Site(root, signer(root)), Site(child, signer(child))
    path = folder / BRIDGE
    bridge = OwnBridge(path, load_bridge(path), above, below, source)
    job = Job(TOPOLOGY.tournament, folder / RECORD)
    return Deployment(below, roles, source, bridge), job


@dataclass
class Place:
    """Two chains with Polygon's bridge between them, and a folder with its record."""

    chains: TwoChains
    folder: Path
    roles: Roles = field(default_factory=TOPOLOGY.roles)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keep(self.chains.record)

    def keep(self, record: BridgeRecord) -> None:
        record.save(self.folder / BRIDGE)

    def deploy(self, *, dry: bool = False, **options: Any) -> None:
        """One run, as the command makes it."""
        webs = self.chains.root_web3, self.chains.child_web3
        made, job = deployment(*webs, self.folder, self.roles, source(), **options)
        self.said.clear()
        if dry:
            made.show([job], {}, self.said.append)
        else:
            made.run([job], {}, self.said.append)

    @property
    def bridge(self) -> BridgeRecord:
        return load_bridge(self.folder / BRIDGE)

    @property
    def tournament(self) -> DeploymentRecord:
        return load_record(self.folder / RECORD)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def nonces(self) -> tuple[int, int]:
        """The deployer's on root and child chain."""
        address, chains = dev_account(DEPLOYER).address, self.chains
        webs = chains.root_web3, chains.child_web3
        above, below = (web3.eth.get_transaction_count(address) for web3 in webs)  # type: ignore[arg-type]
        return above, below

    @contextmanager
    def nothing_sent(self) -> Iterator[None]:
        """Neither chain nor file is touched by what happens in it."""
        before = self.nonces(), self.files()
        yield
        assert (self.nonces(), self.files()) == before
