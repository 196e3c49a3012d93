"""Work beside the requests: each task at its own pace, in a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from oracle.errors import AssayError

_LONGEST_PAUSE = 60.0
_log = logging.getLogger("assay.tasks")


@dataclass(frozen=True, slots=True)
class Task:
    """``run`` is called again ``every`` seconds after it has returned, after an error ever later.
    ``needed``: without it the server is not ready."""

    name: str
    every: float
    run: Callable[[], object]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: ``error`` is empty if it was well."""

    name: str
    seconds: float
    error: str


class Runner:
    """Runs tasks until it is stopped; an error ends a run, never a task."""

    def __init__(self, tasks: Sequence[Task], ended: Callable[[Outcome], None]) -> None:
        self.tasks, self._ended, self._stop = tasks, ended, threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(task,), name=task.name) for task in tasks
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Returns when every task has ended the run it was at."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _loop(self, task: Task) -> None:
        pause = task.every
        while not self._stop.is_set():
            error = self.once(task)
            pause = min(2 * pause, max(_LONGEST_PAUSE, task.every)) if error else task.every
            self._stop.wait(pause)

    def once(self, task: Task) -> str:
        """One run of the task, here and now; the class of its error, empty if it was well."""
        started, error = time.monotonic(), ""
        try:
            task.run()
        except AssayError as trouble:
            error = type(trouble).__name__
            _log.warning("%s: %s", task.name, trouble.message)
        except Exception as trouble:  # noqa: BLE001, RUF100 - one task's bug leaves the others alone
            error = type(trouble).__name__
            _log.exception("%s failed", task.name)
        self._ended(Outcome(task.name, time.monotonic() - started, error))
        return error
