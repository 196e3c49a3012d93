"""Predictions that worker processes make themselves, and ways in which that fails."""

import os
import signal

import numpy as np

from oracle.scoring.limits import SCALE

MODELS, ROWS = 43, 120


def predictions(start: int, stop: int) -> np.ndarray:
    """Random ones, every third model's coarse, so that ranks tie."""
    out = np.empty((stop - start, ROWS), np.int64)
    for place, model in enumerate(range(start, stop)):
        out[place] = np.random.default_rng((7, model)).integers(0, SCALE + 1, ROWS)
        if model % 3 == 0:
            out[place] -= out[place] % (SCALE // 10)
    return out


def faulty(start: int, stop: int) -> np.ndarray:
    """Models 5 and 40 are constant."""
    out = predictions(start, stop)
    for model in (5, 40):
        if start <= model < stop:
            out[model - start] = 3
    return out


def out_of_range(start: int, stop: int) -> np.ndarray:
    """As `faulty`, and models 2 and 41 leave [0, 1]."""
    out = faulty(start, stop)
    for model in (2, 41):
        if start <= model < stop:
            out[model - start, 0] = -1
    return out


def unreadable(start: int, stop: int) -> np.ndarray:
    if start <= 20 < stop:
        raise OSError("disk gone")
    return predictions(start, stop)


def too_few(start: int, stop: int) -> np.ndarray:
    return predictions(start, stop)[1:]


def too_narrow(start: int, stop: int) -> np.ndarray:
    return predictions(start, stop)[:, 1:]


def killed(start: int, stop: int) -> np.ndarray:
    """As by the kernel when memory runs out."""
    if start <= 20 < stop:
        os.kill(os.getpid(), signal.SIGKILL)
    return predictions(start, stop)


def unpicklable(start: int, stop: int) -> np.ndarray:
    raise Odd(start)


class Odd(Exception):
    """Cannot be rebuilt from its arguments, as exceptions of libraries often cannot."""

    def __init__(self, start: int) -> None:
        super().__init__("odd", start, lambda: None)
