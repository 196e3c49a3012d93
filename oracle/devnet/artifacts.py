"""The contracts of a local bridge as compiled at set-up: Polygon's own, and stand-ins.

``scripts/portal.py`` compiles them, from npm packages and from ``contracts/devnet``. What is there
is found by a key over everything that it was made from, so that nothing stale is ever used.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from oracle.errors import EnvironmentLacksError
from oracle.settings import project_root

PACKAGES = (
    "@maticnetwork/fx-portal",
    "@maticnetwork/pos-portal",
    "@openzeppelin/contracts",
    "openzeppelin-3",
    "solc-0.6",
    "solc-0.8",
)
"""What the lock of npm pins by its hash: sources and compilers."""
STAND_INS = ("CheckpointManager", "RootNmr", "StateReceiver", "StateSender")
"""Contracts of ``contracts/devnet`` that a local bridge consists of besides."""
_COMPILING = "scripts/portal.py"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract: its ABI, creation code and code without immutables filled in."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    runtime: bytes


def cached_at(root: Path) -> Path:
    """The file that holds the artifacts of the checkout at ``root``, whether it exists or not."""
    return root / ".cache" / "portal" / f"{_key(root)}.json"


def _key(root: Path) -> str:
    """SHA-256 over what the artifacts are made from."""
    digest = hashlib.sha256()
    lock = json.loads((root / "package-lock.json").read_bytes())["packages"]
    for package in PACKAGES:
        entry = lock.get(f"node_modules/{package}", {})
        digest.update(f"{package} {entry.get('version')} {entry.get('integrity')}\n".encode())
    for source in (_COMPILING, *(f"contracts/devnet/{name}.vy" for name in STAND_INS)):
        digest.update(source.encode() + b"\n" + (root / source).read_bytes())
    return digest.hexdigest()


@cache
def portal_artifacts() -> Mapping[str, Artifact]:
    """Every contract of a local bridge by name; an error if set-up has not compiled them."""
    path = cached_at(project_root())
    try:
        compiled = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise EnvironmentLacksError(
            "the contracts of Polygon's bridge are not compiled, or not as they are now",
            "run `make setup`",
        ) from None
    return {
        name: Artifact(
            entry["abi"], bytes.fromhex(entry["bytecode"]), bytes.fromhex(entry["runtime"])
        )
        for name, entry in compiled.items()
    }
