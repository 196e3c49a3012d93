"""What later versions and readers rely on: storage slots, code size, and the packaged ABIs."""

import subprocess
import sys
from typing import Any

import pytest
from assay_system import ROOT, compiled

POOL = "contracts/polygon/StakePool.vy"
ORACLE = "contracts/polygon/RoundOracle.vy"
REGISTRY = "contracts/polygon/ModelRegistry.vy"


def slots(layout: dict[str, Any], prefix: str = "") -> dict[str, int]:
    """Slot of each storage variable, by its name with its module."""
    found: dict[str, int] = {}
    for name, entry in layout.items():
        if "slot" in entry:
            found[prefix + name] = entry["slot"]
        else:
            found |= slots(entry, f"{name}.")
    return found


@pytest.mark.parametrize(
    ("contract", "expected"),
    [
        (
            POOL,
            {
                "lanes._lanes": 0,
                "lanes._out_lanes": 2**18,
                "requests._pend": 2**19,
                "requests._q_head": 2**19 + 1,
                "books._holdings": 2**19 + 2,
                "books._progress": 2**19 + 3,
                "_closes": 2**19 + 4,
                "_cursor": 2**19 + 5,
                "_coefficients": 2**19 + 6,
            },
        ),
        (
            ORACLE,
            {
                "quorum._signers": 0,
                "quorum._members": 17,
                "rounds._latest": 18,
                "rounds._announcements": 19,
                "rounds._commitments": 20,
                "templates._templates": 21,
                "announcer": 22,
                "announce_hash": 23,
                "_chain_heads": 24,
            },
        ),
        (REGISTRY, {"count": 0, "_models": 1, "_payouts": 2, "_next_payouts": 3, "_ids": 4}),
    ],
)
def test_storage_layout__compiled__as_documented(contract: str, expected: dict[str, int]) -> None:
    layout = compiled(contract).compiler_data.storage_layout["storage_layout"]
    assert slots(layout) == expected


@pytest.mark.parametrize("contract", [POOL, ORACLE, REGISTRY])
def test_code_size__compiled__leaves_room_below_the_limit(contract: str) -> None:
    assert len(compiled(contract).compiler_data.bytecode_runtime) < 16_384


def test_packaged_abis__sources_unchanged__no_drift() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "abi.py"), "--check"]
    result = subprocess.run(script, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
