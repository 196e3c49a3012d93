"""Child processes: ended with their children and with a killed run; strangers are left alone."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from oracle.devnet import processes
from oracle.devnet.processes import ProcessGroup, ProcessRecord, free_port
from oracle.errors import EnvironmentLacksError

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""
RUN = """
import sys, time
from pathlib import Path
from oracle.devnet.processes import ProcessGroup
group = ProcessGroup(Path(sys.argv[1]), tied=sys.argv[2] == "tied")
child = group.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def until(ready: Callable[[], object], what: str) -> object:
    """Waits for something that is about to happen; the limit only ends a broken test."""
    deadline = time.monotonic() + 30
    while not (found := ready()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def group(tmp_path: Path) -> Iterator[ProcessGroup]:
    made = ProcessGroup(tmp_path / "devnet", tied=True)
    yield made
    for child in made._children.values():
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _logged(group: ProcessGroup, name: str) -> Callable[[], str]:
    """What the process printed, from its first whole line on: one may be written in two pieces."""

    def read() -> str:
        text = group.log_path(name).read_text()
        return text if text.endswith("\n") else ""

    return read


# ---------------------------------------------------------------------- starting


def test_start__process__recorded_logged_and_in_a_session_of_its_own(group: ProcessGroup) -> None:
    script = "import os, time; print(os.environ['GREETING'], flush=True); time.sleep(600)"
    child = group.start("one", [sys.executable, "-c", script], {"GREETING": "hello"})
    assert until(_logged(group, "one"), "no output") == "hello\n"
    assert os.getsid(child.pid) == child.pid != os.getsid(0)
    [record] = group.running()
    assert (record.name, record.pid) == ("one", child.pid)
    assert ProcessGroup(group.log_path("").parent.parent, tied=True).running() == [record]


def test_start__several__all_recorded(group: ProcessGroup) -> None:
    pids = [group.start(name, SLEEP).pid for name in ("a", "b", "c")]
    assert [(r.name, r.pid) for r in group.running()] == list(zip("abc", pids, strict=True))
    assert group.stop() == 3
    assert all(map(gone, pids))


def test_start__program_missing__names_it(group: ProcessGroup) -> None:
    with pytest.raises(EnvironmentLacksError, match="no-such-program"):
        group.start("one", ["/no-such-program"])
    assert group.records() == []


def test_start__after_an_ended_one__record_forgets_the_dead(group: ProcessGroup) -> None:
    first = group.start("a", [sys.executable, "-c", ""])
    first.wait()
    second = group.start("b", SLEEP)
    assert [record.pid for record in group.records()] == [second.pid]


def test_ensure_alive__all_run__says_nothing(group: ProcessGroup) -> None:
    group.start("a", SLEEP)
    group.ensure_alive()


def test_ensure_alive__one_ended__shows_the_end_of_its_log(group: ProcessGroup) -> None:
    script = "print('first'); print('address in use'); raise SystemExit(3)"
    group.start("chain", [sys.executable, "-c", script]).wait()
    with pytest.raises(
        EnvironmentLacksError, match=r"chain ended with code 3: first \| address"
    ) as i:
        group.ensure_alive()
    assert str(group.log_path("chain")) in i.value.fix


# ---------------------------------------------------------------------- stopping


def test_stop__process_with_a_child__both_end(group: ProcessGroup) -> None:
    parent = group.start("parent", [sys.executable, "-c", PARENT])
    child = int(str(until(_logged(group, "parent"), "no child")).split()[1])
    assert not gone(child)
    assert group.stop() == 1
    assert gone(parent.pid)
    assert gone(child)
    assert group.records() == []


def test_stop__deaf_to_the_polite_signal__killed(
    group: ProcessGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.5)
    child = group.start("stubborn", [sys.executable, "-c", STUBBORN])
    until(_logged(group, "stubborn"), "not ready")
    assert group.stop() == 1
    assert gone(child.pid)


def test_stop__nothing_or_twice__fine(group: ProcessGroup) -> None:
    assert group.stop() == 0
    group.start("a", SLEEP)
    assert [group.stop(), group.stop()] == [1, 0]


def test_stop__already_ended__fine(group: ProcessGroup) -> None:
    group.start("a", [sys.executable, "-c", ""]).wait()
    assert group.stop() == 0


def test_stop__record_deleted_meanwhile__still_ends_its_own_children(group: ProcessGroup) -> None:
    child = group.start("a", SLEEP)
    (group.log_path("").parent.parent / "processes.json").unlink()
    stopping = threading.Thread(target=group.stop, daemon=True)
    stopping.start()
    stopping.join(20)
    assert not stopping.is_alive(), "stop waits for a process that nobody told to end"
    assert gone(child.pid)


# ---------------------------------------------------------------------- killed runs


def _killed_run(folder: Path, kind: str) -> int:
    """Starts a run that starts a process, kills the run, and returns the process's pid."""
    run = subprocess.Popen([sys.executable, "-c", RUN, str(folder), kind], stdout=subprocess.PIPE)
    assert run.stdout is not None
    pid = int(run.stdout.readline())
    assert not gone(pid)
    run.kill()
    run.wait()
    run.stdout.close()
    return pid


def test_tied_process__run_killed__dies_with_it(tmp_path: Path) -> None:
    pid = _killed_run(tmp_path, "tied")
    until(lambda: gone(pid), "the process outlived its run")


def test_untied_process__run_killed__lives_until_a_later_run_stops_it(tmp_path: Path) -> None:
    pid = _killed_run(tmp_path, "untied")
    later = ProcessGroup(tmp_path, tied=False)
    assert [record.pid for record in later.running()] == [pid]
    assert later.stop() == 1
    assert gone(pid)


# ---------------------------------------------------------------------- stale records


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def _write(folder: Path, *records: ProcessRecord) -> ProcessGroup:
    folder.mkdir(exist_ok=True)
    (folder / "processes.json").write_text(json.dumps([asdict(record) for record in records]))
    return ProcessGroup(folder, tied=False)


def test_stop__pid_reused_by_a_stranger__not_touched(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    born = psutil.Process(stranger.pid).create_time()
    group = _write(tmp_path, ProcessRecord("chain", stranger.pid, born - 5))
    assert group.running() == []
    assert group.stop() == 0
    assert stranger.poll() is None
    assert not (tmp_path / "processes.json").exists()


def test_stop__own_record__is_that_very_process(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    """The counterpart: with the right start time the record does name it."""
    born = psutil.Process(stranger.pid).create_time()
    assert _write(tmp_path, ProcessRecord("chain", stranger.pid, born)).stop() == 1
    assert gone(stranger.pid)


def test_running__dead_or_zombie__is_not(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    born = psutil.Process(process.pid).create_time()
    until(lambda: gone(process.pid), "did not end")
    group = _write(tmp_path, ProcessRecord("a", process.pid, born))
    assert group.running() == []  # a zombie
    process.wait()
    assert group.running() == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"5",
        b"[5]",
        b"\xff",
        b'{"a": 1}',
        b'[{"name": "a"}]',
        b'[{"name": "a", "pid": 1, "created": 1.0, "more": 1}]',
        b'[{"name": "a", "pid": "1", "created": 1.0}]',
        b'[{"name": "a", "pid": -1, "created": 1.0}]',
        b'[{"name": "a", "pid": 1, "created": "x"}]',
    ],
)
def test_records__damaged__says_what_to_do(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "processes.json").write_bytes(raw)
    with pytest.raises(EnvironmentLacksError, match=r"processes\.json is damaged") as info:
        ProcessGroup(tmp_path, tied=False).stop()
    assert "delete it" in info.value.fix


# ---------------------------------------------------------------------- ports


def test_free_port__free__is_returned() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert free_port(port, "chain", "x") == port


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_free_port__busy__names_it_and_the_fix(host: str) -> None:
    with socket.create_server((host, 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(EnvironmentLacksError) as info:
            free_port(port, "operator-1", "pass --base-port")
    assert info.value.message == f"port {port} (operator-1) is in use"
    assert info.value.fix == "pass --base-port"


def test_free_port__just_closed__is_free_again() -> None:
    """A port in TIME_WAIT after the last run does not count as busy."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            accepted.close()
    assert free_port(port, "chain", "x") == port
