"""Long-running child processes: started in sessions of their own, recorded, and surely stopped.

A record on disk names each process by pid and start time, so that a later run can stop what a
killed run left behind without ever touching a stranger's process.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from oracle.errors import EnvironmentLacksError
from oracle.store.artefacts import write_file

_STOP_SECONDS = 8
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """Identity of a started process; ``created`` is its start time as the system tells it."""

    name: str
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """The very process, or None if it has ended (a reused pid is not it)."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.created) < 0.01
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def free_port(port: int, what: str, fix: str) -> int:
    """``port`` if nothing listens there, else an error that names who may."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise EnvironmentLacksError(f"port {port} ({what}) is in use", fix) from None
    return port


def die_with_parent(parent: int) -> Callable[[], None] | None:
    """For Linux: the child gets SIGKILL when this process ends, however it ends."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


class ProcessGroup:
    """The processes of one devnet, with their logs and their record under ``folder``."""

    def __init__(self, folder: Path, *, tied: bool) -> None:
        """``tied`` processes end with this one; others outlive it until ``stop``."""
        self._folder = folder
        self._record = folder / "processes.json"
        self._tied = tied
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def records(self) -> list[ProcessRecord]:
        try:
            return [_parsed(item) for item in json.loads(self._record.read_bytes())]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError):
            raise EnvironmentLacksError(
                f"{self._record} is damaged", "stop the devnet's processes by hand and delete it"
            ) from None

    def running(self) -> list[ProcessRecord]:
        return [record for record in self.records() if record.process()]

    def log_path(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts ``command`` with its output in ``logs/<name>.log``."""
        log = self.log_path(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    start_new_session=True,
                    preexec_fn=die_with_parent(os.getpid()) if self._tied else None,
                )
        except OSError as error:
            raise EnvironmentLacksError(
                f"cannot start {name}: {command[0]}: {error.strerror}"
            ) from None
        self._children[name] = child
        record = ProcessRecord(name, child.pid, psutil.Process(child.pid).create_time())
        kept = [asdict(r) for r in (*self.running(), record) if r.name != name or r == record]
        write_file(self._record, json.dumps(kept).encode())
        return child

    def forget(self, name: str, number: signal.Signals) -> None:
        """Ends one process of this group with a signal and expects it no more."""
        child = self._children.pop(name)
        child.send_signal(number)
        child.wait()

    def ensure_alive(self) -> None:
        """Raises with the end of the log if a process of this group has ended by itself."""
        for name, child in self._children.items():
            if child.poll() is not None:
                tail = self.log_path(name).read_text(errors="replace").strip().splitlines()[-5:]
                raise EnvironmentLacksError(
                    f"{name} ended with code {child.returncode}: " + " | ".join(tail),
                    f"see {self.log_path(name)}",
                )

    def stop(self) -> int:
        """Ends every recorded process with its children; returns how many were running."""
        found = {p.pid: p for record in self.records() if (p := record.process())}
        for child in self._children.values():  # the record may have been deleted meanwhile
            if child.poll() is None:
                found.setdefault(child.pid, psutil.Process(child.pid))
        family = [*found.values(), *(c for p in found.values() for c in _descendants(p))]
        for process in family:
            _signal(process, signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=_STOP_SECONDS)
        for process in alive:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=_STOP_SECONDS)
        for child in self._children.values():
            child.wait()
        self._children.clear()
        self._record.unlink(missing_ok=True)
        return len(found)


def _parsed(item: Mapping[str, Any]) -> ProcessRecord:
    record = ProcessRecord(**item)
    if not isinstance(record.pid, int) or record.pid < 1 or not isinstance(record.created, float):
        raise TypeError("a pid is a positive integer, a start time a float")
    return record


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
