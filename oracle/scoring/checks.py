"""Validation shared by the public functions: every message says what is wrong and where."""

from collections.abc import Iterator, Sequence
from operator import index

import numpy as np

from oracle.scoring import kernels
from oracle.scoring.errors import ScoringError
from oracle.scoring.limits import (
    BLOCK_ELEMENTS,
    MAX_MODELS,
    MAX_ROWS,
    MIN_ROWS,
    STAKE_BITS,
    TARGET_LIMIT,
)


def require_integers(array: np.ndarray, name: str, shape: tuple[int | None, ...]) -> None:
    """``array`` must be an integer array of ``shape`` (None: any length) that fits int64."""
    if not isinstance(array, np.ndarray) or not (
        np.issubdtype(array.dtype, np.integer) and np.can_cast(array.dtype, np.int64)
    ):
        found = getattr(array, "dtype", type(array).__name__)
        raise ScoringError("dtype", f"{name} must be a NumPy array of int64, got {found}")
    if array.ndim != len(shape) or any(
        want not in (None, got) for want, got in zip(shape, array.shape, strict=True)
    ):
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise ScoringError("shape", f"{name} must have shape ({wanted}), got {array.shape}")


def require_rows(rows: int) -> None:
    if rows < MIN_ROWS:
        raise ScoringError("too_few_rows", f"{rows} rows cannot be scored, at least {MIN_ROWS} can")
    if rows > MAX_ROWS:
        raise ScoringError("too_many_rows", f"{rows} rows, at most {MAX_ROWS} can be scored")


def require_matrix(array: np.ndarray, name: str) -> tuple[int, int]:
    """Check an (M, N) integer array, one model a row; return M and N."""
    require_integers(array, name, (None, None))
    models, rows = array.shape
    require_rows(rows)
    if models > MAX_MODELS:
        raise ScoringError("too_many_models", f"{models} models, at most {MAX_MODELS} a call")
    return models, rows


def require_ranks(block: np.ndarray, first_model: int = 0) -> None:
    """Each row of ``block`` must lie in 2..2N, sum to N(N + 1) as ranks do, and not be one tie."""
    rank_block(block, first_model)


def rank_block(block: np.ndarray, first_model: int = 0) -> np.ndarray:
    """``block`` (B, N) of doubled ranks as the kernels take it: uint16, C-contiguous, writable.

    Not copied if it is so already. Raises ScoringError as `require_ranks` says.
    """
    rows = block.shape[1]
    if block.dtype == np.uint16:
        plain = np.require(block, requirements=("C", "A", "W"))
        low, high = np.empty((2, len(plain)), np.uint16)
        total = np.empty(len(plain), np.int64)
        kernels.check_ranks(plain, low, high, total)
    else:
        low, high = block.min(axis=1), block.max(axis=1)
        total = block.sum(axis=1, dtype=np.int64)
    wrong = (low < 2) | (high > 2 * rows) | (total != rows * (rows + 1))
    reject(wrong, "not_ranks", "not doubled ranks (see ranks.doubled_ranks)", first_model)
    reject_constant(low == high, first_model)
    return plain if block.dtype == np.uint16 else block.astype(np.uint16, order="C")


def reject_constant(constant: np.ndarray, first_model: int = 0) -> None:
    why = "all predictions are equal, so nothing ranks them"
    reject(constant, "constant_prediction", why, first_model)


def reject(flags: np.ndarray, code: str, why: str, first_model: int = 0) -> None:
    """Raise ``code`` for the flagged models; ``flags[0]`` is model ``first_model``."""
    models = tuple(int(model) + first_model for model in np.flatnonzero(flags))
    if models:
        more = f" and {len(models) - 10} more" if len(models) > 10 else ""
        listed = ", ".join(map(str, models[:10]))
        raise ScoringError(code, f"model {listed}{more}: {why}", models)


def require_target(target: np.ndarray, rows: int) -> None:
    require_integers(target, "target", (rows,))
    outside = np.flatnonzero((target < -TARGET_LIMIT) | (target > TARGET_LIMIT))
    if outside.size:
        row = int(outside[0])
        raise ScoringError(
            "target_range",
            f"target row {row} is {int(target[row])}, the limit is {TARGET_LIMIT} either way",
        )
    if (target == target[0]).all():
        raise ScoringError("constant_target", "all target values are equal: nothing to score")


def require_stakes(stakes: Sequence[int], models: int) -> list[int]:
    """Check ``stakes`` (one integer a model, in stake units) and return them as Python ints."""
    if len(stakes) != models:
        raise ScoringError("shape", f"{len(stakes)} stakes for {models} models")
    try:
        units = [index(stake) for stake in stakes]
    except TypeError as error:
        raise ScoringError("dtype", f"stakes must be integers: {error}") from None
    reject(np.array([stake < 0 for stake in units], bool), "negative_stake", "negative stake")
    if sum(units) >> STAKE_BITS:
        raise ScoringError(
            "stakes_total", f"stakes sum to {sum(units)}, the total must be below 2**{STAKE_BITS}"
        )
    return units


def block_size(rows: int, block_models: int | None = None) -> int:
    """Models at a time: ``block_models`` if given, else as many as bound the memory."""
    if block_models is not None and block_models < 1:
        raise ScoringError("block", f"a block needs at least one model, got {block_models}")
    return block_models or max(1, BLOCK_ELEMENTS // rows)


def blocks(models: int, rows: int, block_models: int | None = None) -> Iterator[slice]:
    """Cut ``models`` rows of ``rows`` elements into slices of bounded size."""
    step = block_size(rows, block_models)
    for start in range(0, models, step):
        yield slice(start, min(start + step, models))
