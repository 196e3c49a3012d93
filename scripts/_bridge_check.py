"""A bridge's record against both chains and the sources of this checkout."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from eth_utils import to_checksum_address
from web3 import Web3

from oracle.bridge.record import BridgeRecord
from oracle.bridge.roles import Finding, Verdict, inspect
from oracle.bridge.vault import FACTORY, FACTORY_CODE, vault_code
from scripts._compiled import Compiled
from scripts._creation import Creations, of_code
from scripts._own_bridge import SIDES


@dataclass(frozen=True, slots=True)
class BridgeReport:
    """What both chains said of a bridge's record, each at its newest block."""

    name: str
    blocks: Mapping[str, int]
    findings: list[Finding]
    stand_ins: dict[str, str]

    @property
    def ok(self) -> bool:
        """Whether everything is as expected; what nobody answers is not."""
        return all(finding.is_sound for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


def check_bridge(
    root: Web3, child: Web3, record: BridgeRecord, compiled: Mapping[str, Compiled]
) -> BridgeReport:
    """Asks for everything; goes on after what is wrong, so that all of it is named."""
    findings = inspect(root, child, record)
    found = [*findings, *_vault_code(root, child, record, compiled)]
    found += _creations(root, child, record, compiled)
    blocks = {"root": root.eth.block_number, "child": child.eth.block_number}
    return BridgeReport(record.name, blocks, found, record.stand_ins)


def _vault_code(
    root: Web3, child: Web3, record: BridgeRecord, compiled: Mapping[str, Compiled]
) -> list[Finding]:
    """The vault's code where it is there, the factory's where it is not."""
    found = []
    for side, web3 in zip(SIDES, (root, child), strict=True):
        if record.burn_vault is None:
            what, address, code = "deterministic deployment proxy", str(FACTORY), FACTORY_CODE
        else:
            what, address = "BurnVault's code, against its sources,", record.burn_vault
            code = vault_code(compiled["BurnVault"].runtime, record)
        live = bytes(web3.eth.get_code(to_checksum_address(address)))
        verdict = Verdict.OK if live == code else Verdict.WRONG
        found.append(Finding(f"{what} on the {side} chain", verdict, of_code(live), of_code(code)))
    return found


def _creations(
    root: Web3, child: Web3, record: BridgeRecord, compiled: Mapping[str, Compiled]
) -> list[Finding]:
    """How the tunnel's contracts were made, and that their deployer has no part in them."""
    found = []
    for name, contract in record.contracts.items():
        if not contract.is_there:
            found.append(Finding(name, Verdict.UNKNOWN, "not deployed yet", "a contract"))
            continue
        checks = Creations(child, record, compiled, root)
        checks.check_creation(name, contract)
        checks.check_code(name, contract)
        held = contract.deployer in contract.values()
        checks.expect(name, "deployer's part", "none", "an argument" if held else "none")
        found += [
            Finding(f"{name}: {d.what}", Verdict.WRONG, d.live, d.recorded)
            for d in checks.differences
        ]
        if not checks.differences:
            found.append(Finding(f"{name}: creation and code", Verdict.OK, "as the sources say"))
    return found
