"""Prints a SHA-256 of every score of this room that rests on features or neutralizers.

Run by hand or by a test under other BLAS kernels, thread counts and processors: the digests must
not change. The data come from integer arithmetic, not from a generator of NumPy's.
"""

import json
from hashlib import sha256

import numpy as np

from oracle.scoring.alpha import alpha
from oracle.scoring.exposure import exposures
from oracle.scoring.fine_quantiles import fine_quantiles
from oracle.scoring.fnc import FeatureProjector, fnc, neutral_ranks
from oracle.scoring.limits import SCALE
from oracle.scoring.mpc import mpc
from oracle.scoring.ranks import doubled_ranks


def noise(seed: int, *shape: int) -> np.ndarray:
    """Hashed counters: int64 in 0..2**31 - 1 of ``shape``."""
    mixed = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(seed << 32)
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(factor)
    return (mixed >> np.uint64(33)).astype(np.int64).reshape(shape)


def feature_sets(rows: int, count: int) -> dict[str, np.ndarray]:
    """Features 0..4: independent ones, and fours that differ in three rows."""
    independent = (noise(1, rows, count) % 5).astype(np.int8)
    near = np.repeat(independent[:, : count // 4], 4, axis=1)
    for column in range(near.shape[1]):
        near[noise(2 + column, 3) % rows, column] = column % 5
    return {"independent": independent, "near-duplicates": near}


def digest(*arrays: np.ndarray) -> str:
    whole = sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array, "<i8").tobytes())
    return whole.hexdigest()


def all_digests(rows: int = 700, models: int = 40, count: int = 200) -> dict[str, str]:
    predictions = noise(900, models, rows) % (SCALE + 1)
    predictions[: models // 4] //= 10**8
    ranks = doubled_ranks(predictions)
    target = noise(901, rows) % 5 * (SCALE // 4)
    stakes = [10 ** (place % 15) + place for place in range(models)]
    neutralizers = noise(902, rows, 20) % 10**8 - 5 * 10**7
    weights = noise(903, rows) % SCALE
    digests = {}
    for name, features in feature_sets(rows, count).items():
        projector = FeatureProjector.of(features)
        neutral = neutral_ranks(ranks, projector)
        residuals = projector.residuals(fine_quantiles(rows)[ranks])
        digests[f"fnc {name}"] = digest(fnc(ranks, projector, target), neutral)
        digests[f"residuals {name}"] = digest(residuals)  # the first to change, long before ranks
        digests[f"exposures {name}"] = digest(exposures(predictions, features))
    digests["alpha"] = digest(alpha(ranks, neutralizers, weights, target))
    digests["mpc"] = digest(mpc(ranks, stakes, neutralizers, weights, target))
    return digests


if __name__ == "__main__":
    print(json.dumps(all_digests(), indent=1))
