"""Portfolio problems and rounds for tests, and True Contribution once more by other means.

The second opinion solves the problem with Clarabel and differentiates it by one dense linear system
of all names, so it shares neither the dual nor the elimination with the engine. Run as a script it
prints the digest of a fixed round.
"""

import hashlib
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TypeVar

import numpy as np

from oracle.scoring.limits import SCALE
from oracle.scoring.portfolio import PortfolioProblem
from oracle.scoring.ranks import doubled_ranks
from oracle.scoring.true_contribution import TrueContribution, true_contribution

T = TypeVar("T")

ACTIVE = 1e-7
"""Distance to a bound, relative to it, at which a weight counts as there."""


def stream(name: str, *shape: int) -> np.ndarray:
    """Integers in [0, 2**32) from SHAKE-256 of ``name``, int64."""
    data = hashlib.shake_256(name.encode()).digest(4 * int(np.prod(shape)))
    return np.frombuffer(data, "<u4").astype(np.int64).reshape(shape)


def centred(name: str, size: int, *shape: int) -> np.ndarray:
    """Integers in [-size, size] with a peak at 0."""
    return sum(stream(f"{name}{part}", *shape) % (size // 2 + 1) for part in range(4)) - 2 * (
        size // 2
    )


def dummies(name: str, rows: int, groups: int) -> np.ndarray:
    """One column of 0 and SCALE a group."""
    return (stream(name, rows)[:, None] % groups == np.arange(groups)) * SCALE


def risk_problem(rows: int, factors: int, groups: tuple[int, ...], **fields: int):
    """Market, then dummies of ``groups``, so the last group of each depends on earlier columns."""
    market = np.full((rows, 1), SCALE, np.int64)
    columns = [market, *(dummies(f"group{part}", rows, size) for part, size in enumerate(groups))]
    return PortfolioProblem(
        centred("exposures", 2 * SCALE, rows, factors),
        1 + stream("factors", factors) % (SCALE // 20),
        np.hstack(columns),
        SCALE // 2 + stream("specific", rows) % SCALE,
        **fields,
    )


@dataclass(frozen=True)
class Round:
    ranks: np.ndarray
    stakes: list[int]
    returns: np.ndarray


def some_round(models: int, rows: int, name: str = "round") -> Round:
    """Models that share a signal, which the returns share a little; stakes of all sizes."""
    signal = centred(f"{name} signal", SCALE, rows)
    noise = centred(f"{name} noise", 2 * SCALE, models, rows)
    stakes = [int(x) >> int(x) % 16 for x in stream(f"{name} stakes", models) << 10]
    returns = signal // 50 + centred(f"{name} returns", SCALE // 5, rows)
    return Round(doubled_ranks(signal + noise), stakes, returns)


def floats(problem: PortfolioProblem) -> tuple[np.ndarray, ...]:
    """B, Omega, E, D, u, L, gamma."""
    return (
        problem.exposures / SCALE,
        problem.factor_variances / SCALE,
        problem.equalities / SCALE,
        problem.specific_variances / SCALE,
        problem.box / SCALE,
        problem.gross / SCALE,
        problem.risk_aversion / SCALE,
    )


def clarabel_weights(problem: PortfolioProblem, signal: np.ndarray) -> np.ndarray:
    """x* by a general convex solver, as the problem is written."""
    import cvxpy as cp

    b, omega, e, d, box, gross, gamma = floats(problem)
    x = cp.Variable(signal.size)
    risk = cp.sum_squares(cp.multiply(np.sqrt(d), x))
    if omega.size:
        risk += cp.sum_squares(np.sqrt(omega)[:, None] * b.T @ x)
    limits = [cp.abs(x) <= box, cp.norm1(x) <= gross]
    if e.size:
        limits.append(e.T @ x == 0)
    tight = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13}
    goal = cp.Maximize(signal @ x - gamma / 2 * risk)
    cp.Problem(goal, limits).solve(solver=cp.CLARABEL, **tight)
    return x.value


def dense_signal_gradient(
    problem: PortfolioProblem, x: np.ndarray, returns: np.ndarray
) -> np.ndarray:
    """d(r'x*) / da of the names between their bounds, from the whole symmetric KKT matrix."""
    b, omega, e, d, box, gross, gamma = floats(problem)
    free = np.flatnonzero((np.abs(x) > ACTIVE * box) & (np.abs(x) < (1 - ACTIVE) * box))
    if np.abs(x).sum() > (1 - ACTIVE) * gross:
        e = np.column_stack([e, np.sign(x)])
    else:
        free = np.flatnonzero(np.abs(x) < (1 - ACTIVE) * box)
    h = gamma * (np.diag(d[free]) + (b[free] * omega) @ b[free].T)
    constraints = e[free]
    zero = np.zeros((constraints.shape[1],) * 2)
    kkt = np.block([[h, constraints], [constraints.T, zero]])
    right = np.concatenate([returns[free], np.zeros(len(zero))])
    v = np.zeros(x.size)
    v[free] = np.linalg.lstsq(kkt, right, rcond=1e-12)[0][: free.size]
    return v


def second_opinion(case: Round, problem: PortfolioProblem) -> np.ndarray:
    """The scores in floats from the definition, (M,)."""
    models, rows = case.ranks.shape
    quantile = NormalDist().inv_cdf
    p = np.array([[quantile((k - 1) / (2 * rows)) for k in row] for row in case.ranks.tolist()])
    stakes = np.array(case.stakes, float)
    masks = [np.array(mask) for mask in second_masks(models, problem)] or [np.ones(models)]
    gradients = [_second_gradient(problem, p, mask * stakes, case.returns) for mask in masks]
    return problem.scale / SCALE * np.mean([g for g in gradients if g is not None], axis=0)


def second_masks(models: int, problem: PortfolioProblem) -> list[list[int]]:
    masks = []
    for pair in range(problem.bags // 2):
        text = (
            b"assay/true-contribution/dropout/1"
            + problem.seed.to_bytes(32, "big")
            + pair.to_bytes(4, "big")
        )
        number = int.from_bytes(hashlib.shake_256(text).digest((models + 7) // 8), "little")
        stays = [number >> model & 1 for model in range(models)]
        masks += [stays, [1 - bit for bit in stays]]
    return masks


def _second_gradient(
    problem: PortfolioProblem, p: np.ndarray, stakes: np.ndarray, returns: np.ndarray
) -> np.ndarray | None:
    m = stakes @ p
    if np.ptp(m) == 0:
        return None
    z = m * np.sqrt(m.size) / np.linalg.norm(m)
    x = clarabel_weights(problem, np.sign(z) * np.abs(z) ** 1.5)
    v = dense_signal_gradient(problem, x, returns / SCALE)
    to_z = np.diag(1.5 * np.sqrt(np.abs(z)))
    to_m = (np.eye(m.size) - np.outer(z, z) / m.size) * np.sqrt(m.size) / np.linalg.norm(m)
    return np.linalg.norm(m) / np.sqrt(m.size) * (p @ to_m @ to_z @ v)


def digest(found: TrueContribution) -> str:
    """SHA-256 of all numbers, integers and floats, as eight little-endian bytes each."""
    arrays = [found.scores.astype("<i8"), found.plain.astype("<i8")]
    portfolios = [
        found.gradient.portfolio,
        *(bag for bag in found.gradient.bags if bag is not None),
    ]
    arrays += [found.signal.astype("<f8")]
    arrays += [part.astype("<f8") for bag in portfolios for part in (bag.weights, bag.multipliers)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def fixed_digest() -> str:
    """The digest of a round of 60 models and 1,000 names with a risk model."""
    problem = risk_problem(1_000, 8, (6, 9), bags=10, seed=7, box=SCALE // 100)
    case = some_round(60, 1_000)
    case.stakes[::7] = [0] * len(case.stakes[::7])
    return digest(true_contribution(case.ranks, case.stakes, case.returns, problem))


def with_fields(record: T, **fields: object) -> T:
    return replace(record, **fields)


if __name__ == "__main__":
    print(fixed_digest())
