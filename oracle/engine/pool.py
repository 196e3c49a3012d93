"""A pool of processes that is fed lazily, and whose failures have a name."""

import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Final

from oracle.scoring.errors import ScoringError

AHEAD: Final = 2
"""Blocks of work a process may have waiting or running: one more than it needs to stay busy."""


class EngineError(RuntimeError):
    """A block could not be worked on: its process ended, or failed with anything but a
    ScoringError, which is raised as it is."""


class Pool:
    """``workers`` processes, spawned, each of them prepared by ``prepare(*arguments)``."""

    def __init__(self, workers: int, prepare: Callable[..., None], *arguments: Any) -> None:
        self._workers = workers
        self._executor = ProcessPoolExecutor(
            workers, get_context("spawn"), initializer=prepare, initargs=arguments
        )

    def close(self) -> None:
        """Drop what waits, and wait for the processes to end."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def run(
        self, what: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Results of ``function(*task)`` in the order of the tasks, of which only a few are taken
        ahead. ``what`` is being done, for errors. Raises EngineError or ScoringError."""
        waiting: deque[tuple[int, Future[Any]]] = deque()
        try:
            for number, task in enumerate(tasks):
                if len(waiting) >= AHEAD * self._workers:
                    yield self._result(what, *waiting.popleft())
                waiting.append((number, self._submit(what, number, function, task)))
            while waiting:
                yield self._result(what, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _submit(
        self, what: str, number: int, function: Callable[..., Any], task: tuple[Any, ...]
    ) -> Future[Any]:
        try:
            return self._executor.submit(function, *task)
        except BrokenProcessPool as error:
            raise _died(what, number) from error
        except RuntimeError as error:
            raise EngineError(f"{what}: the engine is closed") from error

    def _result(self, what: str, number: int, future: Future[Any]) -> Any:
        try:
            return future.result()
        except ScoringError:
            raise
        except BrokenProcessPool as error:
            raise _died(what, number) from error
        except Exception as error:
            raise EngineError(f"{what}, block {number}: {type(error).__name__}: {error}") from error


def end_with_parent(*folders: Path) -> None:
    """Let this process end once its parent has, however that ended, and remove ``folders`` then: a
    parent that was killed can neither stop its processes nor remove its files."""
    threading.Thread(target=_await_parent, args=folders, daemon=True).start()


def _await_parent(*folders: Path) -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _died(what: str, number: int) -> EngineError:
    return EngineError(
        f"{what}, block {number}: a process ended before it was done (killed, or out of memory)"
    )
