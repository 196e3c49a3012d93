"""Compiled kernels do what their source says, in its order: checked in source and machine code."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCORING = ROOT / "oracle" / "scoring"
KERNEL_CODE = ROOT / "tests" / "conformance" / "kernel_code.py"

EXACT = frozenset({"sqrt", "abs", "min", "max", "floor", "rint"})
"""Functions of floats whose result IEEE 754 fixes."""
CASTS = frozenset(
    {"int", "float", "bool", "int32", "int64", "uint16", "uint32", "uint64", "float64"}
)
SHAPES = frozenset({"range", "len", "empty", "zeros", "empty_like", "zeros_like", "view", "copy"})


def kernels() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(SCORING.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(d, ast.Name) and d.id == "kernel" for d in node.decorator_list
            ):
                yield f"{path.name}:{node.name}", node


KERNELS = dict(kernels())


@pytest.mark.parametrize("name", KERNELS)
def test_kernel__source__calls_only_what_is_exact(name: str) -> None:
    """Other kernels, casts, array making, and functions that IEEE 754 rounds correctly."""
    ours = {key.partition(":")[2] for key in KERNELS}
    for node in ast.walk(KERNELS[name]):
        assert not isinstance(node, ast.MatMult), f"{name}: @ may be BLAS"
        if isinstance(node, ast.BinOp | ast.AugAssign):
            assert not isinstance(node.op, ast.Pow), f"{name}: line {node.lineno} has a power"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            assert called in ours | EXACT | CASTS | SHAPES, f"{name}: calls {called}"


@pytest.mark.parametrize("name", KERNELS)
def test_kernel__body__uses_nothing_of_other_modules(name: str) -> None:
    """Kept code would stay as it was when the other module changes. (Defaults of arguments are
    part of what it is looked up by.)"""
    path = SCORING / name.partition(":")[0]
    foreign = {
        alias.asname or alias.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("oracle")
        for alias in node.names
    }
    used = {
        node.id
        for statement in KERNELS[name].body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name)
    }
    assert used & foreign == set()


def test_numba__other_ways_in__none() -> None:
    """Kernels are made by one decorator, so that one place says how they are compiled."""
    for path in SCORING.glob("*.py"):
        imported = [
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        ]
        is_numba = "numba" in imported or "from numba" in path.read_text()
        assert is_numba == (path.name == "compiled.py"), path.name


def listed(folder: Path, **environment: str) -> dict[str, list[str]]:
    """Fused instructions of each compiled kernel, compiled afresh."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(KERNEL_CODE)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.slow
def test_kernel__machine_code__no_product_is_fused_with_a_sum(tmp_path: Path) -> None:
    """For a processor that can, whatever this one is; a loop compiled with fast math is fused, so
    that the search is known to find it."""
    wide = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
    fused = listed(tmp_path, **wide)
    assert fused.pop("control"), "the control was not fused: this test would see nothing"
    assert set(fused) == {key.partition(":")[2] for key in KERNELS}
    assert {name: found for name, found in fused.items() if found} == {}
