"""Imports between the rooms of ``oracle`` go one way, and the pure rooms import no IO.

The table below is the whole rule. It is read against the syntax tree of every file, so that an
import inside a function counts like one at the top.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "oracle"
PURE = frozenset({"scoring", "settlement", "tournaments"})

ROOMS: Mapping[str, frozenset[str]] = {
    "scoring": frozenset(),
    "settlement": frozenset(),
    "engine": frozenset({"scoring"}),
    "audit": frozenset({"datasets", "tournaments", "settlement", "scoring"}),
    "tournaments": frozenset({"scoring", "settlement"}),
    "datasets": frozenset({"tournaments", "scoring"}),
    "store": frozenset({"settlement"}),
    "chain": frozenset({"settlement", "store"}),
    "evaluation": frozenset({"engine", "store", "settlement", "scoring", "tournaments"}),
    "operator": frozenset(
        {"bridge", "chain", "evaluation", "scoring", "store", "settlement", "tournaments"}
    ),
    "verification": frozenset({"chain", "evaluation", "store", "settlement", "scoring"}),
    "records": frozenset({"settlement", "store"}),
    "ledger": frozenset(
        {"chain", "evaluation", "records", "settlement", "store", "tournaments", "verification"}
    ),
    "accounts": frozenset({"records", "store"}),
    "files": frozenset({"store"}),
    "intake": frozenset(
        {"chain", "files", "operator", "records", "settlement", "store", "tournaments"}
    ),
    "examining": frozenset({"audit", "datasets", "intake", "records", "store"}),
    "life": frozenset(
        {"evaluation", "files", "records", "scoring", "settlement", "store", "tournaments"}
    ),
    "staking": frozenset({"chain", "evaluation", "ledger", "records", "settlement", "store"}),
    "gateway": frozenset(
        {
            "accounts",
            "bridge",
            "examining",
            "intake",
            "files",
            "chain",
            "ledger",
            "life",
            "operator",
            "records",
            "settlement",
            "staking",
            "store",
            "tournaments",
            "verification",
        }
    ),
    "participant": frozenset({"chain", "settlement"}),
    "bridge": frozenset({"chain", "store"}),
    "devnet": frozenset({"bridge", "chain", "store", "settlement"}),
    "demo": frozenset(
        {
            "participant",
            "bridge",
            "devnet",
            "operator",
            "verification",
            "chain",
            "store",
            "datasets",
            "tournaments",
            "settlement",
            "scoring",
        }
    ),
    "cli": frozenset(
        {
            "participant",
            "accounts",
            "bridge",
            "audit",
            "demo",
            "devnet",
            "gateway",
            "operator",
            "verification",
            "chain",
            "store",
            "datasets",
            "tournaments",
            "settlement",
            "scoring",
        }
    ),
    "__main__": frozenset({"cli"}),
    "errors": frozenset(),
    "settings": frozenset(),
}
"""Every room and single module of the package, and the rooms it may enter."""

MODULES: Mapping[str, frozenset[str]] = {
    "errors": frozenset(ROOMS) - PURE - {"errors"},
    "settings": frozenset({"devnet", "demo", "cli"}),
}
"""Single modules, and who may import them."""

IO_IN_PURE_ROOMS = frozenset(
    {
        "ape",
        "boa",
        "vyper",
        "web3",
        "fastapi",
        "starlette",
        "uvicorn",
        "sqlalchemy",
        "requests",
        "httpx",
        "urllib3",
        "aiohttp",
        "boto3",
        "structlog",
        "rich",
        "click",
        "psutil",
        "pydantic_settings",
        "asyncio",
        "ftplib",
        "http",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "socketserver",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
    }
)
"""Top-level modules that read or write the world: clocks, files, networks, processes, chance."""

NOT_IN_THE_PACKAGE = frozenset({"ape", "ape_vyper", "boa", "vyper", "pyrevm", "eth_ape"})
"""Compilers and their frameworks: for scripts and tests only."""

RUN_TIME_NAME = "a name computed at run time"
"""Target of a dynamic import. Only ``cli``, which may enter every room, loads its commands so."""

HEAVY = frozenset(
    {
        "ape",
        "boa",
        "vyper",
        "web3",
        "fastapi",
        "starlette",
        "uvicorn",
        "sqlalchemy",
        "requests",
        "httpx",
        "aiohttp",
        "pandas",
    }
)
"""Packages that must not even be loaded indirectly by the pure rooms."""


@dataclass(frozen=True, slots=True)
class Import:
    """A file under the package imports ``target``, a dotted name."""

    file: Path
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def module_of(file: Path) -> tuple[str, ...]:
    """Dotted name of a package file, relative to the tree's root, as parts."""
    parts = file.with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports_of(tree: Path) -> Iterator[Import]:
    """Every import of every file of the package under ``tree``, relative ones made absolute."""
    for path in sorted((tree / PACKAGE).rglob("*.py")):
        file = path.relative_to(tree)
        package = file.parent.parts
        for node in ast.walk(ast.parse(path.read_bytes(), str(file))):
            if isinstance(node, ast.Import):
                yield from (Import(file, node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                source = ".".join([*base, *([node.module] if node.module else [])])
                if source == PACKAGE:  # ``from oracle import x``: x names the room
                    yield from (
                        Import(file, node.lineno, f"{source}.{alias.name}") for alias in node.names
                    )
                else:
                    yield Import(file, node.lineno, source)
            elif isinstance(node, ast.Call) and _is_dynamic(node):
                yield Import(file, node.lineno, _dynamic_target(node))


def _is_dynamic(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in {"import_module", "__import__"}


def _dynamic_target(call: ast.Call) -> str:
    argument = call.args[0] if call.args else None
    return argument.value if isinstance(argument, ast.Constant) else RUN_TIME_NAME


def room_of(name: tuple[str, ...]) -> str:
    """Room of a module of the package; empty for the package itself."""
    return name[1] if len(name) > 1 else ""


def violations(tree: Path) -> list[str]:
    """What breaks the rules under ``tree``, one sentence each."""
    found = []
    for item in imports_of(tree):
        room, target = room_of(module_of(item.file)), tuple(item.target.split("."))
        if target[0] == PACKAGE:
            if not _may_enter(room, room_of(target)):
                found.append(f"{item}: {room or PACKAGE} may not enter {room_of(target)}")
        elif target[0] in NOT_IN_THE_PACKAGE:
            found.append(f"{item}: only scripts and tests may")
        elif room in PURE and target[0] in IO_IN_PURE_ROOMS:
            found.append(f"{item}: {room} is pure")
        elif item.target == RUN_TIME_NAME and room != "cli":
            found.append(f"{item}: name the module")
    return found


def _may_enter(room: str, other: str) -> bool:
    if other in MODULES:
        return room in MODULES[other]
    # ``from oracle import __version__`` names no room.
    return other == room or other in ROOMS.get(room, ()) or other.startswith("__version")


def graph(tree: Path) -> dict[str, set[str]]:
    """The rooms each room really imports."""
    rooms: dict[str, set[str]] = {}
    for item in imports_of(tree):
        room, target = room_of(module_of(item.file)), tuple(item.target.split("."))
        rooms.setdefault(room, set())
        if target[0] == PACKAGE and (other := room_of(target)) in ROOMS and other != room:
            rooms[room].add(other)
    return rooms


# ---------------------------------------------------------------------- the package itself


def test_rooms__all_imports__follow_the_table() -> None:
    assert violations(ROOT) == []


def test_rooms__every_folder_and_module__is_in_the_table() -> None:
    there = {
        path.stem
        for path in (ROOT / PACKAGE).iterdir()
        if (path.is_dir() and any(path.glob("*.py"))) or path.suffix == ".py"
    }
    assert there - {"__init__"} == set(ROOMS)


def test_rooms__table_and_imports__have_no_cycle() -> None:
    list(TopologicalSorter({room: set(others) for room, others in ROOMS.items()}).static_order())
    list(TopologicalSorter(graph(ROOT)).static_order())


def test_rooms__table__allows_nothing_that_no_room_below_the_top_uses() -> None:
    """``demo`` and ``cli`` stand above all others; below them a permission nobody needs goes."""
    used = graph(ROOT)
    unused = {
        room: allowed - used.get(room, set())
        for room, allowed in ROOMS.items()
        if room not in {"demo", "cli", "datasets"} and allowed - used.get(room, set())
    }
    assert unused == {}


@pytest.mark.parametrize("room", sorted(PURE - {"tournaments"}))
def test_rooms__pure_room_imported__loads_no_heavy_package(room: str) -> None:
    """Not even through a dependency of a dependency. (``tournaments`` reads Parquet by pyarrow.)"""
    script = (
        "import importlib, pkgutil, sys\n"
        f"room = importlib.import_module('{PACKAGE}.{room}')\n"
        "for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print('\\n'.join({name.split('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert PACKAGE in loaded
    assert loaded & HEAVY == set()


# ---------------------------------------------------------------------- the checker

_CLEAN = {
    "__init__.py": "__version__ = '1'\n",
    "errors.py": "from enum import IntEnum\n",
    "settings.py": "from oracle.errors import AssayError\n",
    "settlement/__init__.py": "",
    "settlement/units.py": "from typing import Final\nimport numpy as np\n",
    "store/keep.py": "import os\nfrom oracle import errors\nfrom oracle.settlement import units\n",
    "operator/run.py": "from oracle import __version__\nfrom oracle.store import keep\n",
    "cli/__init__.py": "from oracle.settings import Settings\n",
}


def _tree(folder: Path, changes: Mapping[str, str]) -> Path:
    for name, text in {**_CLEAN, **changes}.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_violations__clean_tree__none(tmp_path: Path) -> None:
    assert violations(_tree(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("settlement/a.py", "from oracle.store.keep import x", "settlement may not enter store"),
        ("settlement/a.py", "import oracle.chain.rpc", "settlement may not enter chain"),
        ("settlement/a.py", "from oracle import scoring", "settlement may not enter scoring"),
        ("settlement/a.py", "from ..store import keep", "settlement may not enter store"),
        ("settlement/a.py", "from .. import errors", "settlement may not enter errors"),
        ("settlement/a.py", "from oracle.errors import InputError", "may not enter errors"),
        ("settlement/a.py", "def f():\n    import time\n", "settlement is pure"),
        ("settlement/a.py", "class A:\n    from os import path\n", "settlement is pure"),
        ("scoring/a.py", "import urllib.request as u", "scoring is pure"),
        ("tournaments/a.py", "import logging", "tournaments is pure"),
        ("scoring/a.py", "if True:\n    import web3.types", "scoring is pure"),
        ("store/a.py", "from oracle.operator import run", "store may not enter operator"),
        ("store/a.py", "import oracle.settings", "store may not enter settings"),
        ("operator/a.py", "from oracle.settings import Settings", "may not enter settings"),
        ("operator/a.py", "def f():\n    from oracle.demo import play", "may not enter demo"),
        ("cli/a.py", "import ape", "only scripts and tests may"),
        ("cli/a.py", "def f():\n    import boa.interpret", "only scripts and tests may"),
        ("chain/a.py", "from vyper.compiler import x", "only scripts and tests may"),
        ("unknown/a.py", "from oracle.chain import rpc", "unknown may not enter chain"),
        ("store/a.py", "import_module('oracle.cli')", "store may not enter cli"),
        ("store/a.py", "importlib.import_module(name)", "name the module"),
        ("errors.py", "from oracle.cli import main", "errors may not enter cli"),
        ("__init__.py", "from oracle.cli import main", "oracle may not enter cli"),
    ],
)
def test_violations__planted__named_with_its_line(
    tmp_path: Path, file: str, text: str, expected: str
) -> None:
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "import" in row)
    [found] = violations(_tree(tmp_path, {file: text}))
    assert found.startswith(f"oracle/{file}:{line} ")
    assert expected in found


def test_graph__planted_cycle__found(tmp_path: Path) -> None:
    tree = _tree(tmp_path, {"settlement/b.py": "def f():\n    from oracle.store import keep\n"})
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph(tree)).static_order())
