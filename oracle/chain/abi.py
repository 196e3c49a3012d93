"""Contract interfaces, part of the package; ``scripts/abi.py`` writes them from the sources."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def abi(contract: str) -> list[dict[str, Any]]:
    """The ABI of ``contract``, such as ``StakePool``."""
    return json.loads(files("oracle.chain").joinpath("abi", f"{contract}.json").read_text())
