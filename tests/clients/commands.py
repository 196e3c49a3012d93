"""numerapi's command line: each command, and what it must print."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cases import Known, equal
from steps import DATASET, UPLOAD

from oracle.settlement.units import nmr


@dataclass(frozen=True, slots=True)
class Command:
    """``check`` is given what was printed, read as JSON where it is that."""

    arguments: Sequence[str]
    check: Callable[[Known, Any], object]

    def read(self, known: Known, code: int, text: str) -> str:
        """What is wrong, or nothing."""
        if code:
            return f"exit {code}: {text}"
        try:
            found = json.loads(text)
        except ValueError:
            found = text
        try:
            self.check(known, found)
        except (AssertionError, KeyError, TypeError) as error:
            return str(error)
        return ""


def _numbers(known: Known, found: Any) -> None:
    expected = [known.history.open, *reversed(known.settled)]
    equal([one["number"] for one in found], expected)


def _stake(known: Known, found: Any) -> None:
    alpha = known.history.alpha
    units = known.stake(alpha) + known.waiting(alpha)
    equal(str(found), nmr(units) if units else "")


def _transactions(known: Known, found: Any) -> None:
    equal({one["type"] for one in found}, {"deposit"})


def _is_text(_: Known, found: Any) -> None:
    equal(isinstance(found, str) and len(found) == 36, True)


COMMANDS: Sequence[Command] = (
    Command(["current-round"], lambda known, found: equal(found, known.history.open)),
    Command(["competitions"], _numbers),
    Command(["check-new-round"], lambda _, found: equal(found, 1)),
    Command(["list-datasets"], lambda _, found: equal(DATASET in found, True)),
    Command(
        ["download-dataset", "--filename", DATASET, "--dest_path", "by-command.json"],
        lambda _, found: equal(found, "by-command.json"),
    ),
    Command(["models"], lambda known, found: equal(found, known.mine)),
    Command(["account"], lambda known, found: equal(found["walletAddress"], known.wallet)),
    Command(["profile", "alpha"], lambda known, found: equal(found["id"], known.uuid)),
    Command(["transactions"], _transactions),
    Command(["stake-get", "alpha"], _stake),
    Command(["submit", UPLOAD, "--model_id", "ALPHA"], _is_text),
    Command(["submission-filenames", "--model_id", "ALPHA"], lambda _, found: equal(len(found), 1)),
    Command(["version"], lambda _, found: equal(found, "3.1.1")),
)
"""``ALPHA`` stands for the model's id."""
