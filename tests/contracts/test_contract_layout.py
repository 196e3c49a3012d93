"""What later versions and readers rely on: storage slots, code size, and the packaged ABIs."""

import subprocess
import sys
from typing import Any

import pytest
from assay_system import ROOT, compiled

FOLDERS = [ROOT / "contracts" / chain for chain in ("ethereum", "polygon")]
LIMIT = 24_576
"""Bytes of code that a chain takes."""
SLOTS = {
    "StakePool": {
        "lanes._lanes": 0,
        "lanes._out_lanes": 2**18,
        "requests._pend": 2**19,
        "requests._rounds": 2**19 + 1,
        "books._holdings": 2**19 + 2,
        "books._progress": 2**19 + 3,
        "_cursor": 2**19 + 4,
        "_coefficients": 2**19 + 5,
    },
    "RoundOracle": {
        "challenges._challenges": 0,
        "challenges._ids": 1,
        "challenges._vetoes": 2,
        "quorum._signers": 3,
        "quorum._members": 260,
        "quorum._size": 261,
        "quorum._spell": 262,
        "roles.announcer": 263,
        "roles.guardian": 264,
        "rounds._latest": 265,
        "rounds._rounds": 266,
        "templates._templates": 267,
        "sealed": 268,
        "_chain_heads": 269,
    },
    "ModelRegistry": {
        "count": 0,
        "_models": 1,
        "_payouts": 2,
        "_next_payouts": 3,
        "_ids": 4,
        "_offers": 5,
        "reserved_at": 6,
    },
    "StakeRelay": {"_uses": 0},
    "StakeLens": {},
    "Timelock": {"proposer": 0, "canceller": 1, "ready_at": 2},
    "GovChild": {"_commands": 0},
    "RootsOutbox": {},
    "BurnVault": {"swept": 0, "swept_at": 1},
    "GovRoot": {"governor": 0, "offered_to": 1, "nonce": 2},
    "RootsInbox": {"processed": 0, "latest": 1, "_roots": 2},
}


def deployable(name: str) -> Any:
    """Deployer of a contract of either chain."""
    [path] = [path for folder in FOLDERS if (path := folder / f"{name}.vy").exists()]
    return compiled(str(path.relative_to(ROOT)))


def slots(layout: dict[str, Any], prefix: str = "") -> dict[str, int]:
    """Slot of each storage variable, by its name with its module."""
    found: dict[str, int] = {}
    for name, entry in layout.items():
        if "slot" in entry:
            found[prefix + name] = entry["slot"]
        else:
            found |= slots(entry, f"{name}.")
    return found


def test_contracts__all_of_the_folder__are_listed() -> None:
    assert set(SLOTS) == {path.stem for folder in FOLDERS for path in folder.glob("*.vy")}


@pytest.mark.parametrize("contract", SLOTS)
def test_storage_layout__compiled__as_documented(contract: str) -> None:
    layout = deployable(contract).compiler_data.storage_layout
    assert slots(layout.get("storage_layout", {})) == SLOTS[contract]


@pytest.mark.parametrize("contract", SLOTS)
def test_code_size__compiled__leaves_room_below_the_limit(contract: str) -> None:
    assert len(deployable(contract).compiler_data.bytecode_runtime) < LIMIT - 2_048


def test_packaged_abis__sources_unchanged__no_drift() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "abi.py"), "--check"]
    result = subprocess.run(script, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
