"""What a deployment consists of: contracts in order, addresses, constructors' arguments.

Everything here is arithmetic; nothing is read from or sent to a chain.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cbor2
from eth_abi import encode
from eth_utils import keccak, to_checksum_address
from rlp import encode as rlp_encode

from oracle.bridge.record import BridgeRecord
from oracle.chain.record import TOURNAMENT, Compiler, DeployedContract, DeploymentRecord
from oracle.devnet.profile import Roles, Rules
from oracle.errors import InputError, RefusedError
from oracle.settlement.manifest import hex32
from oracle.settlement.payout import SCORE_KINDS
from oracle.settlement.units import MILLIONTH, RATE_ONE, UNITS_PER_NMR, WEI_PER_UNIT

SHARED = ("Timelock",)
"""What several tournaments on one chain may have in common."""
ROOTS = ("RootsOutbox", "RootsInbox")
"""What a tournament has besides where there is a bridge; the second is on the root chain."""
_WEI_PER_NMR = UNITS_PER_NMR * WEI_PER_UNIT


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a contract is deployed from: its constructor's ABI inputs and its creation code; and
    its code without immutables, where that is needed."""

    inputs: Sequence[Mapping[str, Any]]
    initcode: bytes
    runtime: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of the contract on the chain."""
        _, runtime, _, immutables, _ = cbor2.loads(self.initcode[-self._footer : -2])
        return runtime + immutables

    @property
    def code(self) -> bytes:
        """The creation code without the compiler's footer, which changes with every comment."""
        return self.initcode[: -self._footer]

    @property
    def _footer(self) -> int:
        return int.from_bytes(self.initcode[-2:], "big")

    def gas(self) -> int:
        """Roughly what creating it takes, where a node cannot tell before its peers are there."""
        words = -(-len(self.initcode) // 32)
        data = 16 * len(self.initcode) + 2 * words
        return 53_000 + data + 200 * self.size + 50_000

    def creation(self, arguments: Mapping[str, Any]) -> bytes:
        """Data of the transaction that creates the contract."""
        return self.initcode + encode_arguments(self.inputs, arguments)


def created_address(sender: str, nonce: int) -> str:
    """Address of the contract that ``sender`` creates with ``nonce`` (CREATE)."""
    return to_checksum_address(keccak(rlp_encode([bytes.fromhex(sender[2:]), nonce]))[12:])


def plan(
    rules: Rules,
    roles: Roles,
    artifacts: Mapping[str, Artifact],
    deployer: str,
    nonce: int,
    shared: Mapping[str, DeployedContract],
    *,
    compiler: Compiler,
    commit: str,
    bridge: BridgeRecord | None = None,
    root_nonce: int = 0,
) -> DeploymentRecord:
    """The record of a deployment that has not begun.

    ``nonce`` is the deployer's next one, ``root_nonce`` that on the root chain of ``bridge``;
    ``shared`` are contracts of an earlier deployment that this one uses, of those named in
    ``SHARED``.
    """
    names = [name for name in ("Timelock", *TOURNAMENT) if name not in shared]
    planned: dict[str, tuple[int, int | None]] = {
        name: (nonce + i, None) for i, name in enumerate([*names, *ROOTS[: 1 if bridge else 0]])
    }
    if bridge:
        planned["RootsInbox"] = root_nonce, bridge.root.chain_id
    addresses = {name: contract.address for name, contract in shared.items()}
    addresses |= {name: created_address(deployer, n) for name, (n, _) in planned.items()}
    arguments = _arguments(rules, roles, addresses, bridge)
    contracts = {
        name: DeployedContract(
            chain_id=chain,
            address=addresses[name],
            deployer=deployer,
            nonce=number,
            initcode=hex32(keccak(artifacts[name].initcode)),
            arguments=as_text(arguments[name]),
        )
        for name, (number, chain) in planned.items()
    }
    return DeploymentRecord(
        chain_id=roles.chain_id,
        tournament=rules.number,
        commit=commit,
        compiler=compiler,
        stand_ins=bridge.stand_ins if bridge else {},
        contracts=dict(shared) | contracts,
    )


def _arguments(
    rules: Rules, roles: Roles, addresses: Mapping[str, str], bridge: BridgeRecord | None
) -> dict[str, dict[str, Any]]:
    """Each constructor's arguments by name. The governor is the timelock from the first block."""
    pool, registry = addresses["StakePool"], addresses["ModelRegistry"]
    _require_settled(roles)
    common = {"token": roles.token, "burn_vault": roles.burn_vault}
    roots = _roots_arguments(addresses, bridge) if bridge else {}
    return roots | {
        "Timelock": roles.timelock.model_dump(),
        "ModelRegistry": {
            "pool": pool,
            **common,
            "fee": rules.fee * WEI_PER_UNIT,
            "reserve_delay": rules.reserve_delay,
        },
        "StakePool": {
            "token": roles.token,
            "oracle": addresses["RoundOracle"],
            "registry": registry,
            "relay": addresses["StakeRelay"],
            "burn_vault": roles.burn_vault,
            "clocks": rules.clocks.model_dump(),
        },
        "RoundOracle": {
            "pool": pool,
            "tournament": rules.number,
            **common,
            "governor": addresses["Timelock"],
            "announcer": roles.announcer,
            "guardian": roles.guardian,
            "signers": roles.operators,
            "threshold": rules.signatures,
            "super_quorum": rules.super_quorum,
            "template": asdict(rules.template.template()),
            "timing": rules.timing.model_dump(),
        },
        "StakeRelay": {"pool": pool, "registry": registry},
        "StakeLens": {"pool": pool},
    }


def _require_settled(roles: Roles) -> None:
    """Refuses roles that leave open what a bridge would settle."""
    for what, found in (
        ("token", roles.token),
        ("burn_vault", roles.burn_vault),
        ("timelock.proposer", roles.timelock.proposer),
    ):
        if found is None:
            raise InputError(
                f"the roles do not name {what}, and there is no bridge to take it from",
                "pass --bridge and --root-rpc, or name it in the roles",
            )


def _roots_arguments(
    addresses: Mapping[str, str], bridge: BridgeRecord
) -> dict[str, dict[str, Any]]:
    return {
        "RootsOutbox": {"oracle": addresses["RoundOracle"]},
        "RootsInbox": {
            "checkpoint_manager": bridge.root.checkpoint_manager,
            "child": addresses["RootsOutbox"],
            "child_chain": bridge.child.chain_id,
        },
    }


def check_roles(roles: Roles, deployer: str) -> None:
    """Refuses a deployer that would have a role, or get what is burned."""
    holders = roles.holders() | {"burn_vault": roles.burn_vault}
    held = [role for role, address in holders.items() if address == deployer]
    if held:
        raise RefusedError(
            f"the deployer {deployer} would be {', '.join(held)}; it must hold no role",
            "deploy with an account that is used for nothing else",
        )


def check_fits(record: DeploymentRecord, planned: DeploymentRecord) -> None:
    """Refuses to go on with a record that was begun for something else; names every difference."""
    wrong = []
    for field in ("chain_id", "tournament", "compiler", "stand_ins"):
        if getattr(record, field) != getattr(planned, field):
            wrong.append(f"{field} is {getattr(record, field)}, now {getattr(planned, field)}")
    wrong += misfits(record.contracts, planned.contracts)
    if wrong:
        raise RefusedError(
            "this deployment does not fit its record: " + "; ".join(wrong),
            "repeat it as it was begun, or name another record to deploy anew",
        )


def misfits(
    begun: Mapping[str, DeployedContract], planned: Mapping[str, DeployedContract]
) -> list[str]:
    """Where contracts of a record are not those that are planned now."""
    wrong = []
    for name in sorted(set(begun) | set(planned)):
        there, here = begun.get(name), planned.get(name)
        if there is None or here is None:
            wrong.append(f"{name} is {'not ' if there is None else ''}in the record only")
            continue
        if there.initcode != here.initcode:
            wrong.append(f"{name}: its sources, or the compiler, have changed since")
        if (there.deployer, there.address) != (here.deployer, here.address):
            wrong.append(
                f"{name} is {there.address} by {there.deployer}, "
                f"now {here.address} by {here.deployer}"
            )
        wrong += [
            f"{name}: {what} is {_shown(was)}, now {_shown(now)}"
            for what, was, now in differing(there.arguments, here.arguments)
        ]
    return wrong


# ---------------------------------------------------------------------- arguments


def as_text(value: Any) -> Any:
    """Arguments as the record keeps them: numbers as decimal text, structs by field."""
    if isinstance(value, Mapping):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_text(item) for item in value]
    return str(value)


def encode_arguments(inputs: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> bytes:
    """The record's arguments, ABI-encoded; refuses other names than the constructor's."""
    if [i["name"] for i in inputs] != list(arguments):
        raise RefusedError(
            f"the constructor takes {[i['name'] for i in inputs]}, the record has {list(arguments)}"
        )
    values = [_parsed(i, arguments[i["name"]]) for i in inputs]
    return encode([abi_type(i) for i in inputs], values)


def abi_type(item: Mapping[str, Any]) -> str:
    """The type of an ABI entry, structs as tuples of their fields' types."""
    kind = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(abi_type, item['components']))}){kind.removeprefix('tuple')}"


def _parsed(item: Mapping[str, Any], text: Any) -> Any:
    kind = item["type"]
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return [_parsed(inner, part) for part in text]
    if kind == "tuple":
        if set(text) != {c["name"] for c in item["components"]}:
            raise RefusedError(f"{item['name']}: the record's fields are not the contract's")
        return tuple(_parsed(c, text[c["name"]]) for c in item["components"])
    return int(text) if kind.startswith("uint") else text


def differing(was: Any, now: Any, where: str = "") -> list[tuple[str, Any, Any]]:
    """Where two texts of arguments differ: path, one value, the other one."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        keys = sorted(set(was) | set(now))
        return [
            found
            for key in keys
            for found in differing(was.get(key), now.get(key), f"{where}.{key}".lstrip("."))
        ]
    return [] if was == now else [(where, was, now)]


def _shown(value: Any) -> str:
    return "absent" if value is None else value if isinstance(value, str) else json.dumps(value)


# ---------------------------------------------------------------------- for people

_KINDS = {code: name for name, code in SCORE_KINDS.items()}
_FRACTIONS = {
    "multipliers": MILLIONTH,
    "kappa": MILLIONTH,
    "clip_up": RATE_ONE,
    "clip_down": RATE_ONE,
}
_AMOUNTS = {"fee": _WEI_PER_NMR, "supply": _WEI_PER_NMR, "template.threshold": UNITS_PER_NMR}


def lines(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of recorded arguments in units people read; one line a struct's field."""
    found = []
    for name, value in arguments.items():
        if isinstance(value, Mapping):
            found += [(f"{name}.{k}", human(f"{name}.{k}", v)) for k, v in value.items()]
        else:
            found.append((name, human(name, value)))
    return found


def human(name: str, value: Any) -> str:
    """One recorded argument, by its dotted name, with its unit."""
    if isinstance(value, list):
        return ", ".join(human(name, item) for item in value)
    group, _, field = name.rpartition(".")
    if group in ("timing", "clocks") or name in ("delay", "reserve_delay"):
        return _duration(int(value))
    if name in _AMOUNTS:
        return f"{_decimal(int(value), _AMOUNTS[name])} NMR"
    if field == "kinds":
        return _KINDS[int(value)]
    if field in _FRACTIONS:
        return _decimal(int(value), _FRACTIONS[field])
    if name == "super_quorum" and value == "0":
        return "none: a challenged round can only end void"
    return str(value)


def _decimal(value: int, one: int) -> str:
    whole, rest = divmod(value, one)
    digits = len(str(one)) - 1
    return f"{whole:,}" + (f".{rest:0{digits}d}".rstrip("0") if rest else "")


def _duration(seconds: int) -> str:
    """Seconds in the largest units: 7 d, 1 h 30 min."""
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
