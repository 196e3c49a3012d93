"""Another process may look at the database of an operator that runs, and nothing is lost by it."""

import subprocess
import sys
from pathlib import Path

from oracle.store.database import Database
from oracle.store.journal import COMMIT, Journal

# A second connection while the first is in use, as in a server's threads. The system takes all a
# process's locks on a file away when the process closes the file once, however it was opened.
_OPERATOR = """
import os, signal, sys
from pathlib import Path
from oracle.store.database import Database
from oracle.store.journal import COMMIT, Journal

database = Database.open(Path(sys.argv[1]))
with database.connect(), database.connect():
    pass
print("connected", flush=True)
sys.stdin.readline()
Journal(database).reserve_digest(1, COMMIT, bytes([7]) * 32)
print("written", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def signed(path: Path) -> bytes | None:
    """What somebody who looks for a moment finds."""
    database = Database.open(path)
    try:
        return Journal(database).signed_digest(1, COMMIT)
    finally:
        database.close()


def test_database__looked_at_by_another_process__what_is_written_then_outlives_a_kill(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.sqlite"
    operator = subprocess.Popen(
        [sys.executable, "-c", _OPERATOR, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert operator.stdin is not None
        assert operator.stdout is not None
        assert operator.stdout.readline() == "connected\n"
        assert signed(path) is None
        print(file=operator.stdin, flush=True)
        assert operator.stdout.readline() == "written\n"
        assert signed(path) == bytes([7]) * 32
        print(file=operator.stdin, flush=True)
        operator.wait(30)
    finally:
        operator.kill()
        operator.communicate()
    assert signed(path) == bytes([7]) * 32
