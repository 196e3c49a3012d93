"""Rounds to time the scores on: seeded, so that every program times the same data.

NumPy does not promise the same streams in all its versions: programs under different ones compare
`Round.digest`, and share files where it differs.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

SCALE = 10**9
LIVE_ROWS = 6_700
"""Rows of a live round of Numerai's main tournament."""

TARGET_SHARES = (0.05, 0.25, 0.75, 0.95)
"""Bounds of the target's buckets 0, 1/4, .. 1: 5, 20, 50, 20 and 5 % of the rows."""


@dataclass(frozen=True, eq=False)
class Round:
    """``predictions``: (M, N) in units of 1e-9, one model a row, each with a signal that all share;
    ``target``: (N,), in five buckets; ``next_target``: another day's, continuous; ``stakes``: M
    integers in units of 1e-9 NMR, a tenth of them 0; ``accounts``: whose model each is, three to an
    account."""

    predictions: np.ndarray
    target: np.ndarray
    next_target: np.ndarray
    stakes: list[int]
    accounts: list[int]

    def floats(self) -> np.ndarray:
        """The predictions as fractions."""
        return self.predictions / SCALE

    def digest(self) -> str:
        """SHA-256 of all the round's integers."""
        parts = (self.predictions, self.target, self.next_target, np.array(self.stakes))
        data = b"".join(part.astype("<i8").tobytes() for part in parts)
        return hashlib.sha256(data).hexdigest()


def make_round(models: int, rows: int = LIVE_ROWS, seed: int = 1) -> Round:
    random = np.random.default_rng((seed, models, rows))
    signal = random.standard_normal(rows)
    predictions = np.empty((models, rows), np.int64)
    for model in range(models):
        noise = random.standard_normal(rows)
        own = random.uniform(0.2, 0.9)
        mixed = (1 - own) * signal + own * noise
        low, high = mixed.min(), mixed.max()
        predictions[model] = np.rint((mixed - low) / (high - low) * SCALE)
    returns = 0.03 * signal + random.standard_normal(rows)
    target = np.searchsorted(np.quantile(returns, TARGET_SHARES), returns) * (SCALE // 4)
    later = returns + 0.2 * random.standard_normal(rows)
    next_target = np.rint((later - later.mean()) / np.abs(later).max() * SCALE).astype(np.int64)
    stakes = np.rint(random.lognormal(np.log(20), 1.5, models) * SCALE).astype(np.int64)
    stakes[::10] = 0
    accounts = [model // 3 for model in range(models)]
    return Round(predictions, target, next_target, stakes.tolist(), accounts)


def make_eras(models: int, eras: int, rows: int = 5_000, seed: int = 2) -> list[Round]:
    return [make_round(models, rows, seed * 10_000 + era) for era in range(eras)]
