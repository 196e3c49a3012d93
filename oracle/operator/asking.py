"""Asking many operators at the same time, none of which may keep the asker from the others."""

import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from oracle.errors import AssayError, UnreachableError

_T = TypeVar("_T")
_U = TypeVar("_U")


class SlowError(UnreachableError):
    """It may answer yet; nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Once ``enough`` have answered, the others have ``seconds`` more, but for those that have left
    a request for so long already. What they answer after that is not heard."""

    enough: int
    seconds: float


class AtWork:
    """Requests that an address has not answered yet, at most ``most`` of each."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._began = defaultdict[str, list[float]](list)

    def begin(self, url: str) -> float:
        """When, for ``end``. Raises ``UnreachableError`` where too many wait."""
        now = time.monotonic()
        with self._lock:
            if len(self._began[url]) >= self._most:
                raise UnreachableError(
                    f"operator {url} has left {self._most} requests without an answer",
                    "try again, or send to another operator",
                )
            self._began[url].append(now)
        return now

    def end(self, url: str, began: float) -> None:
        with self._lock:
            self._began[url].remove(began)

    def is_silent(self, url: str, seconds: float) -> bool:
        """Whether a request has waited for so long."""
        with self._lock:
            return bool(self._began[url]) and time.monotonic() - self._began[url][0] > seconds


_MOST_AT_WORK = 256
"""More than whoever sends for many has under way at once, as long as operators answer."""
_AT_WORK = AtWork(_MOST_AT_WORK)


@dataclass
class _Asked(Generic[_T]):
    """Questions under way, and what came back: an answer or an error, by address."""

    at_work: AtWork
    back: "queue.SimpleQueue[tuple[str, _T | BaseException]]" = field(
        default_factory=queue.SimpleQueue
    )

    def begin(self, url: str, ask: Callable[[str], _T]) -> None:
        try:
            began = self.at_work.begin(url)
        except UnreachableError as error:
            self.back.put((url, error))
            return
        threading.Thread(target=self._ask, args=(url, ask, began), daemon=True).start()

    def _ask(self, url: str, ask: Callable[[str], _T], began: float) -> None:
        try:
            found: _T | BaseException = ask(url)
        except BaseException as error:  # noqa: BLE001, RUF100 - raised where it is waited for
            found = error
        finally:
            self.at_work.end(url, began)
        self.back.put((url, found))


def ask_all(
    urls: Sequence[str],
    ask: Callable[[str], _T],
    patience: Patience | None = None,
    at_work: AtWork = _AT_WORK,
) -> tuple[dict[str, _T], dict[str, AssayError]]:
    """Answers and errors by address, in the order of ``urls``; all are asked at the same time.

    Without ``patience`` each is waited for. One that is waited for no longer counts as an error,
    and its question goes on behind.
    """
    asked, waiting = _Asked[_T](at_work), dict.fromkeys(urls)
    for url in waiting:
        asked.begin(url, ask)
    answers: dict[str, _T] = {}
    failures: dict[str, AssayError] = {}
    until: float | None = None
    while waiting:
        if until is None and patience is not None and len(answers) >= patience.enough:
            silent = all(at_work.is_silent(url, patience.seconds) for url in waiting)
            until = time.monotonic() + (0.0 if silent else patience.seconds)
        try:
            rest = None if until is None else max(0.0, until - time.monotonic())
            url, found = asked.back.get(timeout=rest)
        except queue.Empty:
            break
        del waiting[url]
        if isinstance(found, AssayError):
            failures[url] = found
        elif isinstance(found, BaseException):
            raise found
        else:
            answers[url] = found
    for url in waiting:
        failures[url] = SlowError(f"operator {url} has not answered yet", "the others were enough")
    return _in_order(urls, answers), _in_order(urls, failures)


def _in_order(urls: Sequence[str], found: dict[str, _U]) -> dict[str, _U]:
    return {url: found[url] for url in urls if url in found}
