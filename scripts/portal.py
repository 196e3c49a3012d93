"""Compiles the contracts of a local bridge: Polygon's, from npm packages, and the stand-ins.

    python scripts/portal.py

The packages and their compilers are pinned by package-lock.json. The result goes into .cache/portal
under a name that changes with everything it is made from; if it is there, nothing is done. Part of
`make setup`; needs node and the ``vyper`` package.
"""

import json
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from oracle.devnet.artifacts import STAND_INS, cached_at  # noqa: E402
from oracle.errors import AssayError, EnvironmentLacksError  # noqa: E402
from oracle.store.artefacts import write_file  # noqa: E402

_IMPORT = re.compile(r"""^\s*import\s+(?:[^"';]*?from\s+)?["']([^"']+)["']""", re.MULTILINE)
_LIBRARY = "@openzeppelin/contracts/"
_COMPILE = """
const question = require('fs').readFileSync(0, 'utf8');
process.stdout.write(require(process.argv[1]).compile(question));
"""
"""The compilers' own programs end before all of a long answer has gone through a pipe."""


@dataclass(frozen=True, slots=True)
class Project:
    """Solidity contracts of one package: by name, their files in it; and how to compile them."""

    package: str
    library: str
    compiler: str
    evm_version: str
    contracts: Mapping[str, str]

    def file(self, unit: str) -> Path:
        """Where the source unit ``unit`` is; the library's is the package's own choice."""
        packages = ROOT / "node_modules"
        if unit.startswith(_LIBRARY):
            return packages / self.library / unit.removeprefix(_LIBRARY)
        return packages / unit

    def units(self) -> dict[str, str]:
        """Names and texts of the contracts' files and of all that these import."""
        waiting = [f"{self.package}/contracts/{path}" for path in self.contracts.values()]
        found: dict[str, str] = {}
        while waiting:
            unit = waiting.pop()
            if unit not in found:
                found[unit] = _read(self.file(unit))
                waiting += _imports(unit, found[unit])
        return dict(sorted(found.items()))


PROJECTS = (
    Project(
        package="@maticnetwork/pos-portal",
        library="openzeppelin-3",
        compiler="solc-0.6",
        evm_version="istanbul",
        contracts={
            "RootChainManager": "root/RootChainManager/RootChainManager.sol",
            "RootChainManagerProxy": "root/RootChainManager/RootChainManagerProxy.sol",
            "ERC20Predicate": "root/TokenPredicates/ERC20Predicate.sol",
            "ERC20PredicateProxy": "root/TokenPredicates/ERC20PredicateProxy.sol",
            "ChildChainManager": "child/ChildChainManager/ChildChainManager.sol",
            "ChildChainManagerProxy": "child/ChildChainManager/ChildChainManagerProxy.sol",
            "UChildERC20": "child/ChildToken/UpgradeableChildERC20/UChildERC20.sol",
            "UChildERC20Proxy": "child/ChildToken/UpgradeableChildERC20/UChildERC20Proxy.sol",
        },
    ),
    Project(
        package="@maticnetwork/fx-portal",
        library="@openzeppelin/contracts",
        compiler="solc-0.8",
        evm_version="paris",
        contracts={
            "FxRoot": "FxRoot.sol",
            "FxChild": "FxChild.sol",
            "FxStateRootTunnel": "examples/state-transfer/FxStateRootTunnel.sol",
            "FxStateChildTunnel": "examples/state-transfer/FxStateChildTunnel.sol",
        },
    ),
)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise EnvironmentLacksError(
            f"cannot read {path}: {error.strerror}", "run `npm ci`"
        ) from None


def _imports(unit: str, text: str) -> Iterator[str]:
    """The units that ``unit`` imports, by their full names."""
    for target in _IMPORT.findall(text):
        if target.startswith("."):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(unit), target))
        else:
            yield target


def compile_solidity(project: Project) -> dict[str, dict[str, Any]]:
    """The project's contracts, by the compiler's standard JSON."""
    question = {
        "language": "Solidity",
        "sources": {unit: {"content": text} for unit, text in project.units().items()},
        "settings": {
            "evmVersion": project.evm_version,
            "optimizer": {"enabled": True, "runs": 200},
            "outputSelection": {
                "*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"]}
            },
        },
    }
    program = ROOT / "node_modules" / project.compiler
    try:
        done = subprocess.run(
            ["node", "-e", _COMPILE, str(program)],
            input=json.dumps(question),
            capture_output=True,
            text=True,
        )
    except OSError as error:
        raise EnvironmentLacksError(
            f"cannot run node: {error.strerror}", "install Node 20 or newer"
        ) from None
    answer = _answer(project, done)
    return {
        name: {
            "abi": made["abi"],
            "bytecode": made["evm"]["bytecode"]["object"],
            "runtime": made["evm"]["deployedBytecode"]["object"],
        }
        for name, path in project.contracts.items()
        if (made := answer["contracts"][f"{project.package}/contracts/{path}"][name])
    }


def _answer(project: Project, done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """What the compiler printed; raises with its first error."""
    try:
        answer: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise EnvironmentLacksError(f"{project.compiler} failed: {last}") from None
    errors = [e for e in answer.get("errors", ()) if e["severity"] == "error"]
    if errors:
        raise EnvironmentLacksError(
            f"{project.package} does not compile: {errors[0]['formattedMessage'].strip()}"
        )
    return answer


def compile_stand_in(name: str) -> dict[str, Any]:
    """A Vyper contract of ``contracts/devnet``."""
    from vyper.compiler import compile_from_file_input
    from vyper.compiler.input_bundle import FilesystemInputBundle
    from vyper.compiler.settings import Settings

    bundle = FilesystemInputBundle([ROOT])
    made = compile_from_file_input(
        bundle.load_file(ROOT / "contracts" / "devnet" / f"{name}.vy"),
        input_bundle=bundle,
        settings=Settings(evm_version="prague"),
        output_formats=["abi", "bytecode", "bytecode_runtime"],
    )
    return {
        "abi": made["abi"],
        "bytecode": made["bytecode"].removeprefix("0x"),
        "runtime": made["bytecode_runtime"].removeprefix("0x"),
    }


def main() -> int:
    target = cached_at(ROOT)
    if target.exists():
        return 0
    try:
        with ThreadPoolExecutor() as side:
            answers = [side.submit(compile_solidity, project) for project in PROJECTS]
            compiled = {name: compile_stand_in(name) for name in STAND_INS}
            for answer in answers:
                compiled |= answer.result()
    except AssayError as error:
        print(f"portal: {'; '.join(filter(None, (error.message, error.fix)))}", file=sys.stderr)
        return int(error.exit_code)
    write_file(target, json.dumps(compiled, sort_keys=True).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
