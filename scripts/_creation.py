"""How contracts were made, and the code that is there, against a record and the sources."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eth_utils import keccak
from web3 import Web3
from web3.exceptions import TransactionNotFound

from oracle.chain.record import DeployedContract
from oracle.settlement.manifest import hex32
from scripts._compiled import Compiled, Recorded, immutable_values
from scripts._steps import place


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as recorded. ``why`` explains a permitted change."""

    contract: str
    what: str
    recorded: str
    live: str
    why: str = ""

    def __str__(self) -> str:
        text = f"{self.contract}: {self.what} is {self.live}, recorded {self.recorded}"
        return f"{text}; changed since deployment: {self.why}" if self.why else text


@dataclass(frozen=True, slots=True)
class Heads:
    """The blocks at which the record's chain and the root chain are read."""

    home: int
    root: int | None


@dataclass
class Creations:
    """Contracts of a record, of those that the given endpoints reach: ``root`` is the chain of
    contracts that are not on the record's own."""

    web3: Web3
    recorded: Recorded
    compiled: Mapping[str, Compiled]
    root: Web3 | None = None
    checks: int = 0
    differences: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        root = self.root.eth.block_number if self.root else None
        self.heads = Heads(self.web3.eth.block_number, root)

    @property
    def within_reach(self) -> dict[str, DeployedContract]:
        contracts = self.recorded.contracts.items()
        return {name: c for name, c in contracts if c.chain_id is None or self.root is not None}

    def web3_of(self, contract: DeployedContract) -> Web3:
        return place(contract, self.web3, self.root)

    def head_of(self, contract: DeployedContract) -> int:
        return place(contract, self.heads.home, self.heads.root)

    def expect(self, contract: str, what: str, recorded: str, live: str) -> bool:
        """Counts a check, and notes a difference."""
        self.checks += 1
        if recorded == live:
            return True
        self.differences.append(Finding(contract, what, recorded, live))
        return False

    def check_creation(self, name: str, contract: DeployedContract) -> None:
        """What was sent, but for the compiler's footer, which changes with every comment."""
        transaction, artifact = str(contract.transaction), self.compiled[name].artifact
        web3 = self.web3_of(contract)
        try:
            sent = web3.eth.get_transaction(transaction)  # type: ignore[arg-type]
            made = web3.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
        except TransactionNotFound:
            self.expect(name, "creation", transaction, "unknown to this chain")
            return
        self.expect(name, "address made", contract.address, str(made.get("contractAddress")))
        data, code = bytes(sent["input"]), artifact.code
        self.expect(name, "creation code", of_code(code), of_code(data[: len(code)]))
        begin = len(artifact.initcode)
        arguments = artifact.creation(contract.arguments)[begin:]
        self.expect(name, "creation arguments", of_code(arguments), of_code(data[begin:]))

    def check_code(self, name: str, contract: DeployedContract) -> None:
        """The code on the chain; where only immutables differ, which ones."""
        compiled = self.compiled[name]
        values = immutable_values(name, self.recorded, self.compiled)
        head = self.head_of(contract)
        live = bytes(self.web3_of(contract).eth.get_code(contract.address, head))  # type: ignore[arg-type]
        expected, size = compiled.code(values), len(compiled.runtime)
        if len(live) != len(expected) or live[:size] != expected[:size]:
            self.expect(name, "code", of_code(expected), of_code(live))
            return
        for immutable in compiled.immutables:
            begin = size + immutable.offset
            there = live[begin : begin + immutable.length]
            self.expect(
                name,
                f"immutable {immutable.name}",
                "0x" + values[immutable.name].hex(),
                "0x" + there.hex(),
            )


def of_code(code: bytes) -> str:
    """Code is told apart by its hash."""
    return f"keccak {hex32(keccak(code))} of {len(code)} bytes" if code else "none"
