"""Places at which a process is killed, in processes of their own."""

import os
import signal
import subprocess
import sys

import pytest

from oracle.chain import sending_account
from oracle.errors import InputError
from oracle.operator.failpoints import VARIABLE, Failpoint, parse

SCRIPT = """
from oracle.operator.failpoints import Failpoint, failpoint
for _ in range(3):
    print("before", flush=True)
    failpoint(Failpoint.COMMIT_SIGNED)
    failpoint(Failpoint.COMMIT_SHOWN)
"""


def run(chosen: str) -> tuple[int, int]:
    """Exit code, and how often the place was come to."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, VARIABLE: chosen},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.count("before")


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("commit-signed", (-signal.SIGKILL, 1)),
        ("commit-signed:3", (-signal.SIGKILL, 3)),
        ("commit-signed:4", (0, 3)),
        ("commit-sent", (0, 3)),
        ("", (0, 3)),
    ],
)
def test_failpoint__named_in_the_environment__the_process_is_killed_there(
    chosen: str, expected: tuple[int, int]
) -> None:
    assert run(chosen) == expected


@pytest.mark.parametrize("text", ["commit", "commit-signed:0", "commit-signed:x", ":1"])
def test_parse__no_place__refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="names no place to stop at"):
        parse(text)


def test_failpoints__of_the_outbox__have_their_names_here() -> None:
    names = {getattr(sending_account, n) for n in ("SIGNED", "STORED", "BROADCAST", "MINED_SEEN")}
    assert names <= set(Failpoint)
