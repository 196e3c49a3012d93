"""numerai-tools' own tests, run against its newest release or, through `shim`, against ours.

    python upstream_suite.py FOLDER [--ours]

prints one JSON object: test name -> null if it passes, else the last line of its traceback.
FOLDER holds test_scoring.py and test_signals.py of the newest release that ships its tests.
"""

import argparse
import importlib.util
import json
import sys
import unittest
import warnings
from pathlib import Path

FILES = ("test_scoring.py", "test_signals.py")


class Outcomes(unittest.TestResult):
    """What became of each test."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.found[test.id()] = None

    def addFailure(self, test: unittest.TestCase, err: tuple) -> None:  # noqa: N802
        self.found[test.id()] = describe(err)

    def addError(self, test: unittest.TestCase, err: tuple) -> None:  # noqa: N802
        self.found[test.id()] = describe(err)


def describe(err: tuple) -> str:
    kind, value, _ = err
    return f"{kind.__name__}: {' '.join(str(value).split())}"[:200]


def run(folder: Path) -> dict[str, str | None]:
    outcomes = Outcomes()
    for file in FILES:
        spec = importlib.util.spec_from_file_location(Path(file).stem, folder / file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        unittest.defaultTestLoader.loadTestsFromModule(module).run(outcomes)
    return outcomes.found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ours", action="store_true")
    args = parser.parse_args()
    if args.ours:
        import shim

        shim.install()
    warnings.simplefilter("ignore")
    json.dump(run(args.folder), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
