"""Doing the same with several things at once, each waiting for a network."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


def in_parallel(work: Callable[[_T], _R], things: Sequence[_T]) -> list[_R]:
    """``work`` of each, all but the first in a thread of its own; results in the same order.

    ``work`` must not raise.
    """
    results: dict[int, _R] = {}

    def run(index: int) -> None:
        results[index] = work(things[index])

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(1, len(things))]
    for thread in threads:
        thread.start()
    if things:
        run(0)
    for thread in threads:
        thread.join()
    return [results[index] for index in range(len(things))]
