"""What a contract's code on the chain must be, from its sources and its constructor's arguments.

Vyper appends a contract's immutables to its code. The compiler says where each one stands; their
values follow from the record alone, so that the whole code is known without running anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from eth_abi import encode
from eth_utils import keccak
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import Settings

from oracle.chain.record import DeployedContract, DeploymentRecord
from oracle.errors import RefusedError
from scripts._plan import Artifact, encode_arguments

ROOT = Path(__file__).resolve().parent.parent
_DOMAIN = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


@dataclass(frozen=True, slots=True)
class Immutable:
    """``length`` bytes at ``offset`` behind the code."""

    name: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """A contract as its sources compile."""

    abi: list[dict[str, Any]]
    artifact: Artifact
    runtime: bytes
    immutables: tuple[Immutable, ...]

    def code(self, values: Mapping[str, bytes]) -> bytes:
        """The code on the chain with these immutables."""
        return self.runtime + b"".join(values[i.name] for i in self.immutables)


def compile_contract(name: str, evm_version: str, root: Path = ROOT) -> Compiled:
    """Compiles ``contracts/*/<name>.vy``."""
    [path] = (root / "contracts").glob(f"*/{name}.vy")
    bundle = FilesystemInputBundle([root])
    out = compile_from_file_input(
        bundle.load_file(path),
        input_bundle=bundle,
        settings=Settings(evm_version=evm_version),
        output_formats=["abi", "bytecode", "bytecode_runtime", "layout"],
    )
    inputs = next(e["inputs"] for e in out["abi"] if e["type"] == "constructor")
    runtime = bytes.fromhex(out["bytecode_runtime"][2:])
    return Compiled(
        abi=out["abi"],
        artifact=Artifact(inputs, bytes.fromhex(out["bytecode"][2:]), runtime),
        runtime=runtime,
        immutables=tuple(sorted(_immutables(out["layout"]["code_layout"]), key=lambda i: i.offset)),
    )


def _immutables(layout: Mapping[str, Any]) -> Iterator[Immutable]:
    """Every immutable of a contract and of the modules in it."""
    for name, entry in layout.items():
        if "offset" in entry:
            yield Immutable(name, entry["offset"], entry["length"])
        else:
            yield from _immutables(entry)


class Recorded(Protocol):
    """A record of contracts on one chain, and perhaps on another one."""

    @property
    def contracts(self) -> Mapping[str, DeployedContract]: ...


def immutable_values(
    name: str, record: Recorded, compiled: Mapping[str, Compiled]
) -> dict[str, bytes]:
    """What the immutables of contract ``name`` must be, by their names."""
    found = {}
    for immutable in compiled[name].immutables:
        value = _value(immutable.name, name, record, compiled)
        if len(value) != immutable.length:
            raise RefusedError(f"{name}: {immutable.name} is not what the record calls so")
        found[immutable.name] = value
    return found


def _value(immutable: str, name: str, record: Recorded, compiled: Mapping[str, Compiled]) -> bytes:
    if immutable == "_CHAIN_ID":
        return encode(["uint256"], [_chain_id(record)])
    if immutable == "_SEPARATOR":
        address = record.contracts[name].address
        return keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [_DOMAIN, keccak(text="Assay"), keccak(text="1"), _chain_id(record), address],
            )
        )
    argument = immutable.strip("_").lower()
    # StakeLens takes what it knows of its peers from them.
    for holder in (name, "StakePool", "RoundOracle"):
        if holder not in record.contracts:
            break
        arguments = record.contracts[holder].arguments
        for item in compiled[holder].artifact.inputs:
            if item["name"] == argument:
                return encode_arguments([item], {argument: arguments[argument]})
    raise RefusedError(f"{name}: the record says nothing of {immutable}")


def _chain_id(record: Recorded) -> int:
    assert isinstance(record, DeploymentRecord), "a tournament's"
    return record.chain_id


def hash_of(item: Mapping[str, Any], value: Any) -> bytes:
    """Keccak of one argument's ABI encoding, as contracts hash structs."""
    return keccak(encode_arguments([item], {item["name"]: value}))
