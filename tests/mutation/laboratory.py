"""Judges mutants in a copy of the tree, one process a copy.

A process compiles all contracts once and keeps them in memory; each mutant is compiled and tested
in children of it, which inherit those contracts and all imports, and leave nothing behind.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mutants import Mutant
from suites import Suite

ROOT = Path(__file__).resolve().parents[2]
TESTS = "tests/contracts"
LEFT_OUT = (".*", "__pycache__", "build")
LINKED = ("node_modules", ".cache/portal")
SECONDS = 1_800
"""How long the tests may take with one mutant."""

KILLED, SURVIVED, TIMED_OUT = "killed", "SURVIVED", "timed out"
SAME_CODE, BROKEN, EQUIVALENT = "same bytecode", "does not compile", "equivalent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant; ``by`` is the test that failed, or why it counts as equivalent."""

    mutant: Mutant
    outcome: str
    by: str
    seconds: float


_known: dict[str, Any] = {}
"""Compiled contracts by path, for titanoboa to take from memory."""


def prepare(folder: Path) -> None:
    """Makes this process one that judges mutants, in a copy of the tree inside ``folder``."""
    tree = folder / str(os.getpid())
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*LEFT_OUT, *LINKED))
    for name in LINKED:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).symlink_to(ROOT / name)
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    import boa
    import hypothesis  # noqa: F401
    import pytest  # noqa: F401

    load = boa.load_partial
    boa.load_partial = lambda path, *more: _known.get(path) or load(path, *more)
    paths = [path for path in sorted(Path("contracts").glob("*/*.vy")) if not _is_module(path)]
    _compile(str(path) for path in paths)


def unmutated(files: Set[str]) -> str:
    """The first test that fails as things are, of those that changes of these source files could
    make fail; empty if all pass."""
    suite = Suite(Path(TESTS))
    asked = suite.reaching({name for file in files for name in _named(Path(file))})
    return _first_failure([name for name in suite.order("", set()) if name in asked])


def judge(mutant: Mutant) -> Verdict:
    """Raises ``RuntimeError`` where a mutant could not be judged."""
    began = time.monotonic()
    path = Path(mutant.file)
    source = path.read_text()
    path.write_text(mutant.apply(source))
    try:
        outcome, _, by = _forked(lambda: _outcome(mutant)).partition("\n")
    finally:
        path.write_text(source)
    return Verdict(mutant, outcome, by, round(time.monotonic() - began, 1))


def _outcome(mutant: Mutant) -> str:
    """The outcome and, in a second line, the test that failed."""
    from vyper.exceptions import VyperException

    roots = _deployed_with(Path(mutant.file))
    usual = _code(roots)
    for root in roots:
        del _known[str(Path(root).resolve())]
    try:
        _compile(roots)
    except VyperException:
        return BROKEN
    if _code(roots) == usual:
        return SAME_CODE
    suite = Suite(Path(TESTS))
    words = {word for root in roots for word in _words(Path(root).stem)}
    asked = suite.reaching(_named(Path(mutant.file)))
    likely = [test for test in suite.likely(mutant.reason) if test.partition("::")[0] in asked]
    every = [name for name in suite.order(mutant.reason, words) if name in asked]
    for tests in (likely, every):
        try:
            failed = _first_failure(tests) if tests else ""
        except TimeoutError:
            return TIMED_OUT
        if failed:
            return f"{KILLED}\n{failed}"
    return SURVIVED


def _first_failure(tests: list[str]) -> str:
    """Runs tests of the contracts' folder until one fails; its name, empty if none does."""
    return _forked(lambda: _pytest([f"{TESTS}/{test}" for test in tests]), SECONDS)


def _pytest(tests: list[str]) -> str:
    import pytest

    class Recorder:
        """Remembers the first failure."""

        failed = ""

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                self.failed = self.failed or report.nodeid

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed:
                self.failed = self.failed or report.nodeid

    recorder = Recorder()
    options = ["-x", "-q", "--tb=no", "--no-header", "-p", "no:cacheprovider"]
    code = pytest.main([*options, "--hypothesis-seed=0", *tests], plugins=[recorder])
    return recorder.failed or ("" if code == pytest.ExitCode.OK else f"pytest ended with {code}")


def _forked(work: Callable[[], str], seconds: int = 0) -> str:
    """The result of ``work`` in a child.

    Raises ``TimeoutError`` after that many seconds, if there is a limit, and ``RuntimeError`` with
    the child's error if it has one.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            result, status = work(), 0
        except BaseException as error:  # noqa: BLE001  the parent has to learn of it
            result, status = f"{type(error).__name__}: {error}", 1
        with os.fdopen(writer, "w") as pipe:
            pipe.write(result)
        os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        result = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
        raise TimeoutError
    if status:
        raise RuntimeError(result or f"a process that ran tests ended with status {status}")
    return result


# ---------------------------------------------------------------------- contracts


def _compile(paths: Iterable[str]) -> None:
    """Compiles contracts and remembers them."""
    import boa

    for path in paths:
        whole = str(Path(path).resolve())
        _known[whole] = boa.load_partial(whole)


def _code(paths: tuple[str, ...]) -> str:
    known = [_known[str(Path(path).resolve())] for path in paths]
    return "".join(contract.compiler_data.bytecode.hex() for contract in known)


@cache
def _deployed_with(file: Path) -> tuple[str, ...]:
    """The deployable contracts that a source file is part of."""
    if not _is_module(file):
        return (str(file),)
    paths = sorted(Path("contracts").glob("*/*.vy"))
    users = _users(file)
    return tuple(
        str(path) for path in paths if not _is_module(path) and _imports(path.read_text(), users)
    )


@cache
def _named(file: Path) -> frozenset[str]:
    """Names of the contracts that a source file is part of, those of the tests' own included."""
    names = {Path(path).stem for path in _deployed_with(file)}
    if _is_module(file):
        paths = Path(TESTS).glob("*/*.vy")
        names |= {path.stem for path in paths if _imports(path.read_text(), _users(file))}
    return frozenset(names)


def _users(module: Path) -> set[str]:
    """A module's name, and those of the modules that import it, directly or not."""
    texts = {path.stem: path.read_text() for path in module.parent.glob("*.vy")}
    users, known = {module.stem}, set[str]()
    while users != known:
        known = set(users)
        users |= {name for name, text in texts.items() if _imports(text, known)}
    return users


def _is_module(file: Path) -> bool:
    return file.parent.name == "modules"


def _imports(source: str, names: set[str]) -> bool:
    lines = [line.split() for line in source.splitlines()]
    return any(line[-2:-1] == ["import"] and line[-1] in names for line in lines)


def _words(name: str) -> set[str]:
    """The words of a CamelCase name, in lower case."""
    spaced = "".join(f" {c}" if c.isupper() else c for c in name)
    return set(spaced.lower().split())
