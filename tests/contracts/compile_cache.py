"""Compiled contracts, kept between runs by all that they are made of."""

import os
from pathlib import Path
from typing import Any

import boa
from eth_utils import keccak


def keep_compiled(folder: Path) -> None:
    """Has titanoboa keep what it compiles in a folder."""
    boa.interpret.get_module_fingerprint = fingerprint
    boa.interpret.set_cache_dir(os.fspath(folder))


def fingerprint(module: Any) -> str:
    """A hash of a module's source and of all that it imports.

    In the place of titanoboa's, which overlooks what an imported module imports in its turn: a
    change there would leave old code in use.
    """
    parts = [module._module.source_sha256sum]
    for statement in module.import_stmts:
        imported = statement._metadata["import_info"]
        inner = getattr(imported.typ, "module_t", None)
        parts.append(imported.compiler_input.sha256sum if inner is None else fingerprint(inner))
    return keccak(text=" ".join(parts)).hex()
