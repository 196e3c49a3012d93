"""What is forked: two base chains, the record of the bridge on them, and a withdrawal on it."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from base_state import fingerprint
from pydantic import BaseModel, ConfigDict, Field
from two_chains import NMR, two_chains
from web3 import Web3
from web3.exceptions import TransactionNotFound

from oracle.bridge.checkpoints import covering
from oracle.bridge.exits import burn_logs, exit_id, is_exited
from oracle.bridge.record import BridgeRecord, load_bridge
from oracle.chain.endpoint import host
from oracle.chain.rpc import connect
from oracle.errors import InputError, RefusedError

FILE = "FORK_BASE"
"""Environment variable that tells the tests where the base's description is."""
HOST, CHILD_HOST = "APE_FOUNDRY_HOST", "FORK_CHILD_HOST"
"""Where Ape is to start the next fork, and the child's. Ports that Ape draws itself are of those
that the system hands out to anyone."""
WITHDRAWER = 30
"""Development account that burnt on the child chain before it was forked."""
BURNT = 40 * NMR
NETWORKS = {
    1: "ethereum:mainnet",
    137: "polygon:mainnet",
    11155111: "ethereum:sepolia",
    80002: "polygon:amoy",
}
"""What Ape calls the chains that can be forked."""


class Base(BaseModel):
    """``withdrawal``: a transaction of the child chain that burnt NMR, which is in a checkpoint and
    not exited. ``before``: what the chains are before they are forked; empty for real networks,
    which move on by themselves, and whose validators' keys nobody here knows."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    record: BridgeRecord
    root_rpc: str = Field(repr=False)
    child_rpc: str = Field(repr=False)
    withdrawal: str | None
    before: dict[str, str] = {}

    @property
    def local(self) -> bool:
        """Whether both chains run here."""
        return bool(self.before)

    def now(self) -> dict[str, str]:
        """What chains that run here are now, told like ``before``."""
        sides = {"root": self.root_rpc, "child": self.child_rpc}
        return {
            f"{side}, {what}": told
            for side, rpc in sides.items()
            for what, told in fingerprint(rpc).items()
        }

    @property
    def variables(self) -> dict[str, str]:
        """From these environment variables Ape takes the addresses of the base chains."""
        sides = (self.record.root, self.root_rpc), (self.record.child, self.child_rpc)
        return {rpc_variable(side.chain_id): rpc for side, rpc in sides}

    def without_secrets(self, text: str) -> str:
        """``text`` with hosts in place of the chains' addresses."""
        for rpc in (self.root_rpc, self.child_rpc):
            text = text.replace(rpc, host(rpc))
        return text

    @classmethod
    def given(cls) -> "Base":
        """The base of the run that this process belongs to."""
        return cls.model_validate_json(Path(os.environ[FILE]).read_bytes())


def address(port: int) -> str:
    """The address of a port of this machine."""
    return f"http://127.0.0.1:{port}"


def rpc_variable(chain_id: int) -> str:
    """As ape-config.yaml has it: ETHEREUM_MAINNET_RPC."""
    return NETWORKS[chain_id].replace(":", "_").upper() + "_RPC"


@contextmanager
def local_base() -> Iterator[Base]:
    """Two chains that run here with Polygon's bridge, a withdrawal already in a checkpoint."""
    with two_chains(1, 137) as chains:
        chains.give(WITHDRAWER, 3 * BURNT)
        chains.deposit(WITHDRAWER, 2 * BURNT)
        [synced] = chains.settle_syncs()
        assert synced.ok, "the deposit did not arrive"
        burnt = chains.withdraw(WITHDRAWER, BURNT)
        assert chains.checkpoint() is not None, "no checkpoint"
        base = Base(
            record=chains.record,
            root_rpc=chains.root.url,
            child_rpc=chains.child.url,
            withdrawal="0x" + bytes(burnt["transactionHash"]).hex(),
        )
        yield base.model_copy(update={"before": base.now()})


def real_base(path: Path, withdrawal: str | None, environment: Mapping[str, str]) -> Base:
    """The networks of a record by the addresses in the environment; nothing is sent to them.

    Raises InputError for a record of other networks, a missing address or what is no withdrawal,
    UnreachableError where an address does not answer or is of another network, RefusedError for a
    withdrawal that cannot be exited.
    """
    record = load_bridge(path)
    chains = record.root.chain_id, record.child.chain_id
    if not set(chains) <= set(NETWORKS):
        raise InputError(
            f"{path} is of chains {chains[0]} and {chains[1]}, no networks to fork",
            f"networks to fork are {', '.join(NETWORKS.values())}",
        )
    names = [rpc_variable(chain_id) for chain_id in chains]
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise InputError(
            f"no address of {record.name}'s networks in {' and '.join(missing)}",
            "set both variables, to endpoints that serve state of their newest block",
        )
    rpcs = [environment[name] for name in names]
    root, child = (connect(rpc, chain_id) for rpc, chain_id in zip(rpcs, chains, strict=True))
    if withdrawal:
        _require_open(root, child, record, withdrawal)
    return Base(record=record, root_rpc=rpcs[0], child_rpc=rpcs[1], withdrawal=withdrawal)


def _require_open(root: Web3, child: Web3, record: BridgeRecord, withdrawal: str) -> None:
    """Refuses what is not one withdrawal, in a checkpoint and not exited."""
    if not re.fullmatch("0x[0-9a-fA-F]{64}", withdrawal):
        raise InputError(f"{withdrawal} is no transaction's hash", "it is 0x and 64 hex digits")
    try:
        receipt = child.eth.get_transaction_receipt(withdrawal)  # type: ignore[arg-type]
    except TransactionNotFound:
        raise InputError(f"the child network has no transaction {withdrawal}") from None
    places = burn_logs(receipt, record.child.token)
    if len(places) != 1:
        raise InputError(f"{withdrawal} burnt NMR {len(places)} times, not once")
    block = receipt["blockNumber"]
    if covering(root, record, block) is None:
        raise RefusedError(f"child block {block} is in no checkpoint yet", "try again later")
    if is_exited(root, record, exit_id(block, receipt["transactionIndex"], places[0])):
        raise RefusedError(f"{withdrawal} was exited already", "name another withdrawal")
