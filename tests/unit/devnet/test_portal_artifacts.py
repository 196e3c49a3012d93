"""The compiled contracts of a local bridge: found by what they are made from, never stale."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from oracle.devnet import artifacts
from oracle.devnet.artifacts import STAND_INS, cached_at, portal_artifacts
from oracle.errors import EnvironmentLacksError
from oracle.settings import project_root
from scripts import portal

NAMES = {name for project in portal.PROJECTS for name in project.contracts} | set(STAND_INS)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the artifacts are made from, copied."""
    root = project_root()
    for name in ("package-lock.json", "scripts/portal.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    shutil.copytree(root / "contracts" / "devnet", tmp_path / "contracts" / "devnet")
    return tmp_path


def other_compiler(root: Path) -> None:
    path = root / "package-lock.json"
    lock = json.loads(path.read_bytes())
    lock["packages"]["node_modules/solc-0.6"]["integrity"] = "sha512-other"
    path.write_text(json.dumps(lock))


def other_stand_in(root: Path) -> None:
    with (root / "contracts" / "devnet" / "StateReceiver.vy").open("a") as file:
        file.write("\n# changed\n")


def other_settings(root: Path) -> None:
    path = root / "scripts" / "portal.py"
    path.write_text(path.read_text().replace('"runs": 200', '"runs": 999'))


def test_cached_at__same_sources__is_the_same_file(checkout: Path) -> None:
    assert cached_at(checkout).name == cached_at(project_root()).name


@pytest.mark.parametrize("change", [other_compiler, other_stand_in, other_settings])
def test_cached_at__anything_changed__is_another_file(
    checkout: Path, change: Callable[[Path], None]
) -> None:
    before = cached_at(checkout)
    change(checkout)
    assert cached_at(checkout) != before


def test_portal_artifacts__not_compiled__says_what_to_do(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "project_root", lambda: checkout)
    portal_artifacts.cache_clear()
    try:
        with pytest.raises(EnvironmentLacksError) as caught:
            portal_artifacts()
    finally:
        portal_artifacts.cache_clear()
    assert caught.value.fix == "run `make setup`"


@pytest.mark.chain
def test_portal_artifacts__compiled__have_all_contracts() -> None:
    found = portal_artifacts()
    assert set(found) == NAMES
    assert all(artifact.runtime and artifact.abi for artifact in found.values())
    largest = max(len(artifact.runtime) for artifact in found.values())
    assert largest < 24_576


# ---------------------------------------------------------------------- compiling

PROJECT = portal.Project(
    package="some/package",
    library="library-of-it",
    compiler="solc-0.8",
    evm_version="paris",
    contracts={"Main": "a/Main.sol"},
)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two files that also uses a library."""
    monkeypatch.setattr(portal, "ROOT", tmp_path)
    packages = tmp_path / "node_modules"
    for path, text in {
        "some/package/contracts/a/Main.sol": (
            'import {Base} from "../lib/Base.sol";\nimport "@openzeppelin/contracts/x/L.sol";\n'
        ),
        "some/package/contracts/lib/Base.sol": 'import { L as M } from "./Deep.sol";',
        "some/package/contracts/lib/Deep.sol": "// nothing",
        "some/package/contracts/lib/Unused.sol": "// nobody imports it",
        "library-of-it/x/L.sol": 'import "../y/K.sol";',
        "library-of-it/y/K.sol": "// library",
    }.items():
        (packages / path).parent.mkdir(parents=True, exist_ok=True)
        (packages / path).write_text(text)
    return packages


def test_units__imports_of_imports__are_all_there_and_nothing_else(sources: Path) -> None:
    assert set(PROJECT.units()) == {
        "some/package/contracts/a/Main.sol",
        "some/package/contracts/lib/Base.sol",
        "some/package/contracts/lib/Deep.sol",
        "@openzeppelin/contracts/x/L.sol",
        "@openzeppelin/contracts/y/K.sol",
    }


def test_units__package_not_installed__says_what_to_do(sources: Path) -> None:
    shutil.rmtree(sources / "library-of-it")
    with pytest.raises(EnvironmentLacksError) as caught:
        PROJECT.units()
    assert "L.sol" in caught.value.message
    assert caught.value.fix == "run `npm ci`"


@pytest.mark.chain
def test_compile_solidity__source_is_wrong__gives_the_compilers_words(sources: Path) -> None:
    (sources / "solc-0.8").symlink_to(project_root() / "node_modules" / "solc-0.8")
    (sources / "some/package/contracts/a/Main.sol").write_text("contract Main { uint x = y; }")
    with pytest.raises(EnvironmentLacksError, match="Undeclared identifier"):
        portal.compile_solidity(PROJECT)


@pytest.mark.chain
def test_compile_solidity__no_compiler__says_so(sources: Path) -> None:
    with pytest.raises(EnvironmentLacksError, match=r"solc-0\.8 failed"):
        portal.compile_solidity(PROJECT)
