"""Whether the contracts that a bridge's record names have the roles that it takes them to have.

Every mapping, role and peer is asked of both chains. Nothing here proves what a contract's code
does: the portal's stand behind proxies, whose owners are told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from eth_utils import keccak, to_checksum_address
from web3 import Web3
from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from oracle.bridge.contracts import contract
from oracle.bridge.interfaces import (
    CHILD_CHAIN_MANAGER,
    CHILD_TOKEN,
    ERC20_PREDICATE,
    FX_CHILD,
    FX_ROOT,
    OWNED,
    PROXY,
    ROOT_CHAIN_MANAGER,
    STATE_SENDER,
    Abi,
)
from oracle.bridge.record import BridgeRecord
from oracle.chain.abi import abi
from oracle.chain.rpc import readable

ERC20 = keccak(text="ERC20")
"""Token type of the portal's ERC-20 predicate."""
_ADMIN = bytes(32)
_NOBODY = "0x" + "00" * 20


class Verdict(StrEnum):
    """``SEEN`` is for people to judge: nothing says what it ought to be."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "not checkable"
    SEEN = "seen"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer of a chain. ``expected`` is empty where nothing is expected."""

    what: str
    verdict: Verdict
    live: str
    expected: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether it is as expected, or nothing is expected."""
        return self.verdict in (Verdict.OK, Verdict.SEEN) or not self.expected

    def __str__(self) -> str:
        said = f"{self.verdict.upper():<14}{self.what}: {self.live}"
        return f"{said}, should be {self.expected}" if self.verdict is Verdict.WRONG else said


@dataclass(frozen=True, slots=True)
class _Place:
    """A contract of the record on one chain, with its name."""

    web3: Web3
    name: str
    address: str
    abi: Abi

    def ask(self, function: str, *arguments: Any) -> Any:
        """Its answer; None if it has none."""
        asked = contract(self.web3, self.address, self.abi).functions[function](*arguments)
        with readable(_url(self.web3)):
            try:
                return asked.call()
            except (ContractLogicError, BadFunctionCallOutput):
                return None

    def says(self, function: str, expected: Any, *arguments: Any, of: str = "") -> Finding:
        """Whether it answers what the record says."""
        what = f"{self.name}.{function}" + (f"({of})" if of else "")
        answer = self.ask(function, *arguments)
        if answer is None:
            return Finding(what, Verdict.UNKNOWN, "no answer", _text(expected))
        verdict = Verdict.OK if answer == expected else Verdict.WRONG
        return Finding(what, verdict, _text(answer), _text(expected))

    def code(self) -> bytes:
        with readable(_url(self.web3)):
            return bytes(self.web3.eth.get_code(to_checksum_address(self.address)))

    def has_code(self) -> Finding:
        size = len(self.code())
        what = f"{self.name} {self.address}"
        if not size:
            return Finding(what, Verdict.WRONG, "no code", "a contract")
        return Finding(what, Verdict.OK, f"{size:,} bytes", "a contract")

    def grants(self, role: str, to: str, whom: str) -> Finding:
        """Whether ``whom`` has the role."""
        what = f"{self.name}: {whom} has {role}"
        answer = self.ask("hasRole", keccak(text=role), to)
        if answer is None:
            return Finding(what, Verdict.UNKNOWN, "no answer", "yes")
        return Finding(what, Verdict.OK if answer else Verdict.WRONG, _yes(answer), "yes")

    def holders(self, role: str, id: bytes) -> Finding:
        """Everybody who has the role, for people to judge."""
        what = f"{self.name}: everybody with {role}"
        count = self.ask("getRoleMemberCount", id)
        if count is None:
            return Finding(what, Verdict.UNKNOWN, "no answer")
        members = [self.ask("getRoleMember", id, i) for i in range(count)]
        return Finding(what, Verdict.SEEN, ", ".join(map(str, members)) or "nobody")

    def told(self, function: str) -> Finding:
        """An answer for people to judge."""
        answer = self.ask(function)
        what = f"{self.name}.{function}"
        if answer is None:
            return Finding(what, Verdict.UNKNOWN, "no answer")
        return Finding(what, Verdict.SEEN, _text(answer))


def inspect(root: Web3, child: Web3, record: BridgeRecord) -> list[Finding]:
    """Everything that both chains can tell of the record: the portal, and Assay's own contracts as
    far as they are there.

    Raises UnreachableError if an endpoint does not answer.
    """
    return inspect_portal(root, child, record) + list(_own(root, child, record))


def inspect_portal(root: Web3, child: Web3, record: BridgeRecord) -> list[Finding]:
    """What both chains tell of Polygon's contracts, and of the tokens."""
    found: list[Finding] = []
    for part in (_chains, _code, _root_chain_manager, _messages, _child_side, _fx_portal, _owners):
        found += part(root, child, record)
    for field in record.unverified:
        side, _, name = field.partition(".")
        value = getattr(getattr(record, side, None), name, "no such field")
        found.append(Finding(f"nobody has compared {field} with its source", Verdict.SEEN, value))
    return found


def _url(web3: Web3) -> str:
    """The address of its endpoint, for error texts, which name the host alone."""
    return str(getattr(web3.provider, "endpoint_uri", ""))


def _chains(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    for name, web3, side in (("root", root, record.root), ("child", child, record.child)):
        with readable(_url(web3)):
            live = web3.eth.chain_id
        verdict = Verdict.OK if live == side.chain_id else Verdict.WRONG
        yield Finding(f"id of the {name} chain", verdict, str(live), str(side.chain_id))


def _code(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    for name, web3, side in (("root", root, record.root), ("child", child, record.child)):
        for field, value in side.model_dump().items():
            if isinstance(value, str):
                yield _Place(web3, f"{name}.{field}", value, []).has_code()


def _root_chain_manager(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    above, below = record.root, record.child
    place = _Place(root, "RootChainManager", above.root_chain_manager, ROOT_CHAIN_MANAGER)
    yield place.says("rootToChildToken", below.token, above.token, of="NMR")
    yield place.says("childToRootToken", above.token, below.token, of="child NMR")
    yield place.says("tokenToType", ERC20, above.token, of="NMR")
    yield place.says("typeToPredicate", above.erc20_predicate, ERC20, of="ERC20")
    yield place.says("stateSenderAddress", above.state_sender)
    yield place.says("checkpointManagerAddress", above.checkpoint_manager)
    yield place.says("childChainManagerAddress", below.child_chain_manager)
    predicate = _Place(root, "ERC20Predicate", above.erc20_predicate, ERC20_PREDICATE)
    yield predicate.grants("MANAGER_ROLE", above.root_chain_manager, "RootChainManager")
    yield predicate.holders("MANAGER_ROLE", keccak(text="MANAGER_ROLE"))


def _messages(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    above, below = record.root, record.child
    sender = _Place(root, "StateSender", above.state_sender, STATE_SENDER)
    register = partial(sender.says, "registrations")
    yield register(above.root_chain_manager, below.child_chain_manager, of="ChildChainManager")
    yield register(above.fx_root, below.fx_child, of="FxChild")


def _child_side(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    above, below = record.root, record.child
    manager = _Place(child, "ChildChainManager", below.child_chain_manager, CHILD_CHAIN_MANAGER)
    yield manager.says("rootToChildToken", below.token, above.token, of="NMR")
    yield manager.says("childToRootToken", above.token, below.token, of="child NMR")
    yield manager.grants("STATE_SYNCER_ROLE", below.state_receiver, "StateReceiver")
    yield manager.holders("STATE_SYNCER_ROLE", keccak(text="STATE_SYNCER_ROLE"))
    token = _Place(child, "child NMR", below.token, CHILD_TOKEN)
    yield token.grants("DEPOSITOR_ROLE", below.child_chain_manager, "ChildChainManager")
    yield token.holders("DEPOSITOR_ROLE", keccak(text="DEPOSITOR_ROLE"))


def _fx_portal(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    fx_root = _Place(root, "FxRoot", record.root.fx_root, FX_ROOT)
    yield fx_root.says("fxChild", record.child.fx_child)
    yield fx_root.says("stateSender", record.root.state_sender)
    yield _Place(child, "FxChild", record.child.fx_child, FX_CHILD).says(
        "fxRoot", record.root.fx_root
    )


def _owners(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    """Who can replace the portal's code, or change its roles."""
    above, below = record.root, record.child
    for web3, name, address in (
        (root, "RootChainManager", above.root_chain_manager),
        (root, "ERC20Predicate", above.erc20_predicate),
        (child, "ChildChainManager", below.child_chain_manager),
        (child, "child NMR", below.token),
    ):
        proxy = _Place(web3, name, address, PROXY)
        yield proxy.told("proxyOwner")
        yield proxy.told("implementation")
        roles = _Place(web3, name, address, CHILD_CHAIN_MANAGER)
        yield roles.holders("DEFAULT_ADMIN_ROLE", _ADMIN)
    yield _Place(root, "StateSender", above.state_sender, OWNED).told("owner")
    yield _Place(root, "CheckpointManager", above.checkpoint_manager, OWNED).told("owner")


# ---------------------------------------------------------------------- Assay's own contracts


def _own(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    for part in (_vaults, _tunnel, _roots):
        yield from part(root, child, record)


def _vaults(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    if record.burn_vault is None:
        yield Finding("BurnVault", Verdict.UNKNOWN, "not deployed yet")
        return
    above, below = record.root, record.child
    codes = []
    for chain, web3 in (("root", root), ("child", child)):
        place = _Place(web3, f"BurnVault on the {chain} chain", record.burn_vault, abi("BurnVault"))
        yield place.has_code()
        codes.append(place.code())
        if codes[-1]:
            yield place.says("ROOT_CHAIN", above.chain_id)
            yield place.says("ROOT_TOKEN", above.token)
            yield place.says("CHILD_CHAIN", below.chain_id)
            yield place.says("CHILD_TOKEN", below.token)
    same = codes[0] == codes[1]
    verdict = Verdict.OK if same else Verdict.WRONG
    yield Finding(
        "BurnVault's code on both chains", verdict, "equal" if same else "not equal", "equal"
    )


def _tunnel(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    if record.gov_root is None or record.gov_child is None:
        yield Finding("GovRoot and GovChild", Verdict.UNKNOWN, "not deployed")
        return
    above = _Place(root, "GovRoot", record.gov_root, abi("GovRoot"))
    below = _Place(child, "GovChild", record.gov_child, abi("GovChild"))
    yield above.has_code()
    yield below.has_code()
    yield above.says("FX_ROOT", record.root.fx_root)
    yield above.says("CHILD", record.gov_child)
    yield above.told("governor")
    yield below.says("FX_CHILD", record.child.fx_child)
    yield below.says("ROOT", record.gov_root)
    yield below.told("CANCELLER")
    yield below.told("DELAY")


def _roots(root: Web3, child: Web3, record: BridgeRecord) -> Iterator[Finding]:
    for pool, roots in record.roots.items():
        above = _Place(root, f"RootsInbox of {pool}", roots.inbox, abi("RootsInbox"))
        below = _Place(child, f"RootsOutbox of {pool}", roots.outbox, abi("RootsOutbox"))
        yield above.says("CHECKPOINT_MANAGER", record.root.checkpoint_manager)
        yield above.says("CHILD", roots.outbox)
        yield above.says("CHILD_CHAIN", record.child.chain_id)
        oracle = below.ask("ORACLE")
        if oracle is None:
            yield Finding(f"{below.name}.ORACLE", Verdict.UNKNOWN, "no answer")
            continue
        yield _Place(child, f"RoundOracle of {pool}", oracle, abi("RoundOracle")).says("POOL", pool)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return "ERC20" if value == ERC20 else "0x" + value.hex()
    return "nobody" if value == _NOBODY else str(value)


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
