"""A tournament on the chain in this process, deployed by the plan that real deployments follow."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boa
from chain_reference import SourceBlock
from eth_account.signers.local import LocalAccount
from eth_utils import keccak, to_checksum_address
from in_process_chain import InProcessChain
from in_process_rpc import InProcessProvider
from web3 import Web3

from oracle.chain.abi import abi
from oracle.chain.keys import DEV_ACCOUNTS, dev_account
from oracle.chain.record import TOURNAMENT, Compiler, DeploymentRecord
from oracle.devnet.topology import DEPLOYER, Topology
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT
from oracle.store.artefacts import write_file
from scripts._plan import SHARED, Artifact, plan
from scripts._steps import carry_out

_ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = _ROOT / "contracts"
_CACHE = _ROOT / ".cache" / "initcode"
_FOLDERS = {"ChildNmr": "devnet", "BurnVault": "ethereum", "RootsInbox": "ethereum"}
_WEI_PER_NMR = UNITS_PER_NMR * WEI_PER_UNIT
SUPPLY = 11_000_000 * 10**18
"""Wei of the token, all of it the deployer's at first."""
NOBODYS_VAULT = to_checksum_address(keccak(text="assay burn vault of one chain")[12:])


@cache
def artifact(name: str) -> Artifact:
    """A contract as it is deployed; compiled anew only where any contract's source has changed."""
    kept = _CACHE / _sources_digest() / f"{name}.bin"
    if not kept.exists():
        [source] = CONTRACTS.glob(f"*/{name}.vy")
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_file(kept, boa.load_partial(str(source)).compiler_data.bytecode)
    made = [entry for entry in abi(name) if entry["type"] == "constructor"]
    return Artifact(made[0]["inputs"] if made else [], kept.read_bytes())


@cache
def _sources_digest() -> str:
    digest = hashlib.sha256(version("vyper").encode())
    for source in sorted(CONTRACTS.rglob("*.vy*")):
        digest.update(source.relative_to(CONTRACTS).as_posix().encode() + source.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class DevSigner:
    """The deployer's development account."""

    account: LocalAccount
    web3: Web3

    @property
    def address(self) -> str:
        return self.account.address

    def sign_creation(self, nonce: int, data: bytes) -> bytes:
        fields = {
            "nonce": nonce,
            "data": "0x" + data.hex(),
            "gas": 16_000_000,
            "maxFeePerGas": 2 * self.web3.eth.gas_price,
            "maxPriorityFeePerGas": 10**9,
            "chainId": self.web3.eth.chain_id,
            "value": 0,
        }
        return bytes(self.account.sign_transaction(fields).raw_transaction)


def start_chain(folder: Path, chain_id: int, time: int, **settings: Any) -> InProcessChain:
    """A chain on which all development accounts have gas money."""
    rich = [dev_account(index).address for index in range(DEV_ACCOUNTS)]
    return InProcessChain(folder, chain_id, rich, time, **settings)


def connected(chain: InProcessChain) -> Web3:
    """A client of the chain."""
    return Web3(InProcessProvider(chain))


@dataclass(frozen=True, slots=True)
class ChainSource:
    """Final blocks of a chain in this process, for ``ChainReference``."""

    chain: InProcessChain

    def finalized(self) -> int:
        return self.chain.finalized

    def at(self, number: int) -> SourceBlock:
        block = self.chain.blocks[number]
        calls = [
            (to_checksum_address(mined.transaction.to), bytes(mined.transaction.data))
            for mined in block.mined
            if mined.succeeded and mined.transaction.to
        ]
        return SourceBlock(number, block.header.hash, block.header.timestamp, calls)


def deploy(web3: Web3, topology: Topology, folder: Path) -> DeploymentRecord:
    """The tournament of ``topology`` on one chain, with its vault and stakers funded.

    Its token is one without a bridge, and what is burned goes to an address that is nobody's.
    """
    signer = DevSigner(dev_account(DEPLOYER), web3)
    token = _create(web3, signer, artifact("ChildNmr").creation({"supply": str(SUPPLY)}))
    artifacts: Mapping[str, Artifact] = {name: artifact(name) for name in (*SHARED, *TOURNAMENT)}
    planned = plan(
        topology.tournament,
        topology.on_one_chain().roles(token, NOBODYS_VAULT),
        artifacts,
        signer.address,
        web3.eth.get_transaction_count(signer.account.address),
        {},
        compiler=Compiler(version="0.4.3", evm_version="prague"),
        commit="unknown",
    )
    path = folder / "deployment.json"
    record = carry_out(web3, planned, path, artifacts, signer, lambda _: None)
    _fund(web3, topology, record, signer.account)
    return record


def _create(web3: Web3, signer: DevSigner, data: bytes) -> str:
    """Creates a contract; its address."""
    nonce = web3.eth.get_transaction_count(signer.account.address)
    sent = web3.eth.send_raw_transaction(signer.sign_creation(nonce, data))
    return str(web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)["contractAddress"])


def _fund(web3: Web3, topology: Topology, record: DeploymentRecord, deployer: LocalAccount) -> None:
    at = record.contracts["StakePool"].arguments["token"]
    token = web3.eth.contract(address=at, abi=abi("ChildNmr"))
    pool = web3.eth.contract(address=record.pool, abi=abi("StakePool"))
    vault = int(topology.tournament.vault.nmr * _WEI_PER_NMR)
    calls = [token.functions.approve(record.pool, vault), pool.functions.fund(vault)]
    first, count = topology.stakers.first_account, topology.stakers.count
    each = int(topology.stakers.nmr * _WEI_PER_NMR)
    stakers = [dev_account(index).address for index in range(first, first + count)]
    calls += [token.functions.transfer(staker, each) for staker in stakers]
    for call in calls:
        fields = call.build_transaction(
            {
                "from": deployer.address,
                "nonce": web3.eth.get_transaction_count(deployer.address),
                "chainId": web3.eth.chain_id,
            }
        )
        signed = deployer.sign_transaction(fields)
        sent = web3.eth.send_raw_transaction(signed.raw_transaction)
        web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
