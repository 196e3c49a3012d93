"""The process that examines: bounded, and never longer there than its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from examined_data import ExaminedData
from examined_uploads import Owner
from server_operators import Operators
from server_world import ServerWorld

from oracle.errors import InputError, RefusedError
from oracle.examining.material import validation_data
from oracle.examining.process import Bounds, Examination

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("examining")]
_PATIENCE = 600


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A file that never comes: whoever reads it waits."""
    path = tmp_path / "silent"
    os.mkfifo(path)
    return path


def gone(pid: int) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_examination__more_memory_than_allowed__refused(
    published: ExaminedData, tmp_path: Path
) -> None:
    file = tmp_path / "past.csv"
    file.write_bytes(published.raw)
    one = Examination(tmp_path / "work", file, "past.csv", published.folder, Bounds(memory=2**20))
    one.wait(_PATIENCE)
    with pytest.raises((InputError, RefusedError), match="takes more memory"):
        one.result()
    one.close()
    assert list((tmp_path / "work").iterdir()) == []


def test_examination__same_file_within_bounds__result(
    published: ExaminedData, tmp_path: Path
) -> None:
    file = tmp_path / "past.csv"
    file.write_bytes(published.raw)
    one = Examination(tmp_path / "work", file, "past.csv", published.folder, Bounds(memory=2**30))
    one.wait(_PATIENCE)
    assert '"corr"' in (one.result() or "")
    one.close()


def test_examination__takes_too_long__ended(
    published: ExaminedData, tmp_path: Path, silent: Path
) -> None:
    one = Examination(tmp_path / "work", silent, "past.csv", published.folder, Bounds(seconds=0))
    with pytest.raises(RefusedError, match="took longer than 0 s"):
        one.result()
    assert gone(one.pid)
    one.close()


def test_examination__parent_killed__ends_too(
    published: ExaminedData, tmp_path: Path, silent: Path
) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from oracle.examining.process import Bounds, Examination\n"
        f"one = Examination(Path({str(tmp_path / 'work')!r}), Path({str(silent)!r}), 'past.csv', "
        f"Path({str(published.folder)!r}), Bounds())\n"
        "print(one.pid, flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait(_PATIENCE)
    assert gone(child)


def test_server__stopped_at_work__the_next_one_ends_it(
    world: ServerWorld, published: ExaminedData, where: str, home: Path
) -> None:
    config = Operators(world, {}).config(home, datasets=str(published.published))
    with world.serving(where, home, **config) as serving:
        serving.follow()
        owner = Owner(world, serving)
        upload = owner.send(published.raw)
        assert owner.queue.step()
        left, at_work = owner.queue.at_work, owner.queue.at_work.pid
    os.kill(at_work, signal.SIGKILL)  # as it ends with its server
    left.wait(_PATIENCE)
    with world.serving(where, home, **config) as serving:
        owner = Owner(world, serving)
        owner.work()
        told = owner.get(f"/diagnostics/{upload}")
        assert (told["status"], told["message"]) == ("done", "")
        scores = published.expected()["models"][0]["scores"]
        assert told["found"]["scores"] == scores
        assert list((home / "examining").iterdir()) == []
    left.close()


def test_server__publishes_no_validation_data__refused_with_what_to_do(
    world: ServerWorld, where: str, home: Path
) -> None:
    config = Operators(world, {}).config(home)
    with world.serving(where, home, **config) as serving:
        serving.follow()
        owner = Owner(world, serving)
        wish = {"filename": owner.put(b"id,prediction\n")}
        told = owner.post(f"/models/{owner.model.uuid}/diagnostics", wish, 409)["error"]
        assert "publishes no validation data" in told["message"]
        assert "assay diagnostics" in told["fix"]


def test_validation_data__versions__highest_number_wins(
    published: ExaminedData, tmp_path: Path
) -> None:
    assert validation_data(published.published) == published.published / "v10.0"
    assert validation_data(published.folder) == published.folder
    assert validation_data(tmp_path) is None
    assert validation_data(tmp_path / "missing") is None
    assert validation_data(None) is None
