"""Which contract tests to ask about a mutant, the likeliest first."""

import ast
import re
from collections.abc import Iterable, Set
from functools import cached_property
from pathlib import Path

_LONG = ("hypothesis", "pytest.mark.slow")
_IMPORT = re.compile(r"^(?:from|import) (\w+)", re.MULTILINE)


class Suite:
    """The test files of one folder. Names are file names, or ``file::test``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def likely(self, reason: str) -> list[str]:
        """The tests and test classes whose text, decorators included, has the reason."""
        if not reason:
            return []
        return [
            f"{name}::{test}"
            for name, tests in self._tests.items()
            for test, text in tests.items()
            if reason in text
        ]

    def order(self, reason: str, words: Set[str]) -> list[str]:
        """All files: first those with the reason, then those named after one of ``words``.

        Files with tests that take long come after all others.
        """

        def rank(name: str) -> tuple[bool, bool, bool, str]:
            text = self._texts[name]
            named = set(name.removesuffix(".py").split("_"))
            return (
                any(mark in text for mark in _LONG),
                not (reason and reason in text),
                not (named & words),
                name,
            )

        return sorted(self._texts, key=rank)

    def reaching(self, names: Iterable[str]) -> set[str]:
        """The files that name one of these contracts, or import a module of the folder that does:
        no other one can fail for a change of them."""
        named = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
        return {
            name for name in self._texts if any(named.search(t) for t in self._with_imports(name))
        }

    def _with_imports(self, name: str) -> list[str]:
        """Texts of a file, of the folder's conftest, and of what these import of the folder."""
        texts, left = dict[str, str](), [name, "conftest.py"]
        while left:
            path = self._folder / left.pop()
            if path.name in texts or not path.exists():
                continue
            texts[path.name] = path.read_text()
            left += [f"{module}.py" for module in _IMPORT.findall(texts[path.name])]
        return list(texts.values())

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self._folder.glob("test_*.py"))}

    @cached_property
    def _tests(self) -> dict[str, dict[str, str]]:
        return {name: _tests_of(text) for name, text in self._texts.items()}


def _tests_of(text: str) -> dict[str, str]:
    """Source of each test function and class at the top of a file, by name."""
    lines = text.splitlines()
    tests = {}
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if node.name.startswith(("test_", "Test")):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            tests[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return tests
