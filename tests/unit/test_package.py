"""The wheel: what is in it, what it needs, and that it works where nothing else is installed.

``build_wheel`` and ``install_into_empty_environment`` serve other tests too.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = ("pyproject.toml", "README.md", "LICENSE")
HEAVY = ("ape", "vyper", "boa", "pyrevm", "lightgbm", "sklearn", "pytest", "hypothesis")
"""Import names of what only extras and the development group bring."""

EXTRA_MODULES = {"oracle.demo.models": ("lightgbm", "sklearn")}
"""Modules of the package that may not load without an extra, and what they miss."""

SERVER_ROOMS = ("oracle.accounts.", "oracle.gateway.", "oracle.life.")
SERVER_PACKAGES = (
    "exchange_calendars",
    "graphql",
    "limits",
    "mcp",
    "siwe",
    "sse_starlette",
    "strawberry",
)
"""What only the extra ``server`` brings, and the rooms that use it."""


def uv() -> str:
    """The installer that set-up has put into the checkout, else one on PATH."""
    here = ROOT / ".tools" / "bin" / "uv"
    found = str(here) if here.exists() else shutil.which("uv")
    assert found, "uv is missing: run `make setup`"
    return found


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Output of a command in a folder; by default without any variable of this checkout."""
    bare = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd)}
    parts = [str(part) for part in command]
    done = subprocess.run(parts, cwd=cwd, env=env or bare, capture_output=True, text=True)
    assert done.returncode == 0, f"{parts}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def install(*arguments: str | Path, cwd: Path) -> str:
    """Output of the installer, which reads its cache and proxies from the caller's variables."""
    mine = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return run(uv(), *arguments, cwd=cwd, env=mine)


def build_wheel(folder: Path) -> Path:
    """Builds the wheel from a copy of the sources, so that the checkout stays as it is."""
    copy, out = folder / "source", folder / "wheel"
    shutil.copytree(
        ROOT / "oracle", copy / "oracle", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    for name in SOURCES:
        shutil.copy2(ROOT / name, copy / name)
    build = ["build", "--wheel", "--no-build-isolation", "--quiet", "--python", sys.executable]
    install(*build, "--out-dir", out, copy, cwd=folder)
    [wheel] = out.glob("*.whl")
    return wheel


def install_into_empty_environment(wheel: Path, folder: Path) -> Path:
    """Installs the wheel with its core dependencies, in the locked versions, and nothing else.

    Returns the environment's ``bin`` folder, with ``python`` and ``assay`` in it.
    """
    environment = folder / "environment"
    install("venv", "--quiet", "--python", sys.executable, environment, cwd=folder)
    python = environment / "bin" / "python"
    locked = ["--constraint", ROOT / "requirements.lock"]
    install("pip", "install", "--quiet", "--python", python, *locked, wheel, cwd=folder)
    return environment / "bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_into_empty_environment(wheel, tmp_path_factory.mktemp("installed"))


pytestmark = pytest.mark.slow


# ---------------------------------------------------------------------- what is in it


def test_wheel__files__are_the_package_and_its_data(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.py", "chain/abi/*.json", "devnet/topology.toml", "gateway/pages/*")
        for path in (ROOT / "oracle").rglob(pattern)
    }
    assert names == expected
    assert {"oracle/chain/abi/StakePool.json", "oracle/devnet/topology.toml"} <= names


def test_wheel__metadata__names_version_licence_and_command(wheel: Path) -> None:
    assert wheel.name == f"assay-{PROJECT['version']}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        info = {name.split("/")[-1]: name for name in archive.namelist() if ".dist-info/" in name}
        entry_points = archive.read(info["entry_points.txt"]).decode()
        metadata = archive.read(info["METADATA"]).decode()
    assert "assay = oracle.cli:main" in entry_points
    assert "LICENSE" in info
    assert re.search(r"^Name: assay$", metadata, re.MULTILINE)


def test_build__checkout__is_left_as_it_was(wheel: Path) -> None:
    assert wheel.exists()
    assert [p.name for p in ROOT.iterdir() if p.name in {"build", "dist"}] == []


# ---------------------------------------------------------------------- installed alone


def test_installed__core_dependencies__bring_no_compiler_and_no_training(
    installed: Path, tmp_path: Path
) -> None:
    script = "import importlib.util as u, sys; print(*(n for n in sys.argv[1:] if u.find_spec(n)))"
    found = run(installed / "python", "-c", script, *HEAVY, "web3", cwd=tmp_path)
    assert found.split() == ["web3"]


def test_installed__versions__are_the_locked_ones(installed: Path, tmp_path: Path) -> None:
    lines = install("pip", "freeze", "--python", installed / "python", cwd=tmp_path).splitlines()
    found = {line for line in lines if "==" in line}
    pattern = r"^([a-z0-9._-]+==[^ ;\\]+)"
    locked = set(re.findall(pattern, (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert len(found) > len(PROJECT["dependencies"])
    assert found <= locked


def test_installed__every_module__loads_from_there(installed: Path, tmp_path: Path) -> None:
    """So that no module needs what ``dependencies`` does not name."""
    script = (
        "import importlib, pkgutil, oracle\n"
        "print(oracle.__file__, oracle.__version__)\n"
        "for module in pkgutil.walk_packages(oracle.__path__, 'oracle.'):\n"
        "    if module.name == 'oracle.__main__':\n"
        "        continue\n"
        "    try:\n"
        "        importlib.import_module(module.name)\n"
        "    except ImportError as error:\n"
        "        print('missing', module.name, error.name)\n"
    )
    first, *missing = run(installed / "python", "-c", script, cwd=tmp_path).splitlines()
    assert first.split() == [
        str(next((installed.parent / "lib").glob("python*/site-packages/oracle/__init__.py"))),
        PROJECT["version"],
    ]
    for line in missing:
        _, module, needed = line.split()
        allowed = SERVER_PACKAGES if module.startswith(SERVER_ROOMS) else ()
        assert needed.split(".")[0] in EXTRA_MODULES.get(module, allowed), line


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "--help"], ["demo", "--help"]])
def test_installed__help__works_in_an_empty_folder(
    installed: Path, tmp_path: Path, arguments: list[str]
) -> None:
    text = run(installed / "assay", *arguments, cwd=tmp_path)
    assert "Usage: assay" in text
    assert list(tmp_path.iterdir()) == []


def test_installed__default_topology_and_contracts__travel_with_it(
    installed: Path, tmp_path: Path
) -> None:
    script = (
        "from oracle.chain.abi import abi\nfrom oracle.devnet.topology import load\n"
        "print(load().chain.chain_id, len(abi('StakePool')) > 10)\n"
    )
    assert run(installed / "python", "-c", script, cwd=tmp_path).split() == ["731371", "True"]


def test_installed__deploying_without_a_checkout__says_what_to_do(
    installed: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [installed / "assay", "devnet", "up"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 6
    assert "clone the repository" in done.stderr
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------------- generated data


@pytest.mark.chain
def test_abi_files__contracts_compiled_anew__are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "abi.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
