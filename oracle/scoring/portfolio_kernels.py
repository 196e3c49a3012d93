"""Compiled kernels of the portfolio's dual problem. Every sum has one order: by ascending index.

For multipliers y of the k columns of C and lam >= 0 of the gross limit, with q = a - C y,

    x_i(y, lam) = sign(q_i) min(u, max(0, (|q_i| - lam) w_i)),  w_i = 1 / (gamma d_i)

maximises the Lagrangian, and the dual to minimise is convex, once differentiable and piecewise
quadratic:

    phi(y, lam) = sum_i (q_i x_i - lam |x_i| - x_i^2 / (2 w_i)) + sum_j rho_j y_j^2 / 2 + lam L

with rho_j = 1 / (gamma Omega_j) for a factor, 0 for an equality. Its gradient is rho y - C'x and
L - |x|_1; on the free names F (0 < |x_i| < u) its Hessian is Y'WY + diag(rho, 0), Y = [C, sign q].
The last variable of every vector of k + 1 multipliers is lam.
"""

from typing import Final

import numpy as np

from oracle.scoring.compiled import kernel

MAX_STEPS: Final = 500
MAX_HALVINGS: Final = 60
GOAL: Final = 2.0**-48
"""Residual at which Newton's method stops."""

MAX_RESIDUAL: Final = 1e-12
SUM_ERROR: Final = 2.0**-51
"""Part of the limit `max_residual` for each name."""

PIVOT: Final = 2.0**-34
"""A column whose pivot falls to this part of its diagonal depends on earlier ones: sin < 8e-6."""

DAMPING: Final = 2.0**-6
MIN_DAMPING: Final = 2.0**-44
MAX_DAMPING: Final = 2.0**-7
DECREASE: Final = 2.0**-13
"""Armijo's constant."""

NOISE: Final = 2.0**-30
"""Relative size of a change of phi that may be rounding: then the slope decides."""

STALLED: Final = 4
"""Steps without a better residual after which a solution is as good as it gets."""


@kernel
def max_residual(rows: int) -> float:
    """Residual of a solution. Newton's method also stops below it when it improves no more."""
    return max(MAX_RESIDUAL, rows * SUM_ERROR)


@kernel
def signal_minus_columns(
    signal: np.ndarray, columns: np.ndarray, multipliers: np.ndarray
) -> np.ndarray:
    """q = a - C y, (N,); ``columns`` is C', (k, N)."""
    q = signal.copy()
    for j in range(columns.shape[0]):
        y = multipliers[j]
        if y != 0.0:
            for i in range(q.size):
                q[i] -= columns[j, i] * y
    return q


@kernel
def dual_weights(q: np.ndarray, lam: float, inverse: np.ndarray, box: float) -> np.ndarray:
    """x(y, lam), (N,); ``inverse`` is w."""
    x = np.empty(q.size)
    for i in range(q.size):
        size = min(box, max(0.0, (abs(q[i]) - lam) * inverse[i]))
        x[i] = size if q[i] >= 0.0 else -size
    return x


@kernel
def free_names(q: np.ndarray, lam: float, inverse: np.ndarray, box: float) -> np.ndarray:
    """Indices of the names whose weight follows the signal, ascending.

    Without a price on gross exposure (lam = 0) nothing keeps a weight at zero: there it is free.
    """
    free = np.empty(q.size, np.int64)
    count = 0
    for i in range(q.size):
        size = (abs(q[i]) - lam) * inverse[i]
        if size < box and (size > 0.0 or lam == 0.0):
            free[count] = i
            count += 1
    return free[:count]


@kernel
def dual_gradient(
    x: np.ndarray, rows: np.ndarray, ridge: np.ndarray, gross: float, multipliers: np.ndarray
) -> np.ndarray:
    """Gradient of phi, (k + 1,); ``rows`` is C, (N, k), ``ridge`` rho."""
    k = rows.shape[1]
    sums = np.zeros(k + 1)
    for i in range(x.size):
        value = x[i]
        if value != 0.0:
            for j in range(k):
                sums[j] += rows[i, j] * value
            sums[k] += abs(value)
    for j in range(k):
        sums[j] = ridge[j] * multipliers[j] - sums[j]
    sums[k] = gross - sums[k]
    return sums


@kernel
def kkt_residual(slope: np.ndarray, lam: float, gross: float, sizes: np.ndarray) -> float:
    """Largest violation of the conditions of optimality, relative to L and to each column's size.

    ``slope`` is the gradient of phi: the exposures that should be 0 and, for lam = 0, a gross
    exposure that may be below L. ``sizes``, (k,), are the largest |C_ij| of each column.
    """
    worst = abs(slope[-1]) if lam > 0.0 else max(0.0, -slope[-1])
    for j in range(sizes.size):
        if sizes[j] > 0.0:
            worst = max(worst, abs(slope[j]) / sizes[j])
    return float(worst / gross)


@kernel
def dual_hessian(
    rows: np.ndarray, q: np.ndarray, free: np.ndarray, inverse: np.ndarray, ridge: np.ndarray
) -> np.ndarray:
    """Lower triangle of Y'WY + diag(rho, 0), (k + 1, k + 1), summed over ``free`` in its order.

    Four names a pass, added one after the other. A row of four zero factors is left out, which
    changes nothing: dummies make many.
    """
    k = rows.shape[1]
    h = np.zeros((k + 1, k + 1))
    y = np.empty((4, k + 1))
    v = np.empty((4, k + 1))
    for start in range(0, free.size, 4):
        for p in range(4):
            if start + p < free.size:
                i = free[start + p]
                for j in range(k):
                    y[p, j] = rows[i, j]
                y[p, k] = 1.0 if q[i] >= 0.0 else -1.0
                for j in range(k + 1):
                    v[p, j] = inverse[i] * y[p, j]
            else:
                y[p, :] = 0.0
                v[p, :] = 0.0
        for j in range(k + 1):
            a, b, c, d = v[0, j], v[1, j], v[2, j], v[3, j]
            if a != 0.0 or b != 0.0 or c != 0.0 or d != 0.0:
                for m in range(j + 1):
                    h[j, m] = h[j, m] + a * y[0, m] + b * y[1, m] + c * y[2, m] + d * y[3, m]
    for j in range(k):
        h[j, j] += ridge[j]
    return h


@kernel
def cholesky_in_order(h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cholesky factor of ``h`` (n, n), of which the lower triangle is read, and which columns hold.

    Column by column, in order. A column whose pivot is at most PIVOT times its diagonal depends on
    the ones before it: it is left out, as if it and its row were not there.
    """
    n = h.shape[0]
    work = np.empty((n, n))  # work[j, i], i >= j: column j, so that inner loops run along a row
    for j in range(n):
        for i in range(j, n):
            work[j, i] = h[i, j]
    holds = np.zeros(n, np.bool_)
    for j in range(n):
        if not work[j, j] > PIVOT * h[j, j]:
            work[j, j:] = 0.0
            continue
        holds[j] = True
        root = np.sqrt(work[j, j])
        work[j, j] = root
        for i in range(j + 1, n):
            work[j, i] = work[j, i] / root
        for m in range(j + 1, n):
            factor = work[j, m]
            if factor != 0.0:
                for i in range(m, n):
                    work[m, i] -= factor * work[j, i]
    return work, holds


@kernel
def cholesky_forward(work: np.ndarray, holds: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve the lower triangular half; 0 where a column does not hold."""
    n = right.size
    y = right.copy()
    for j in range(n):
        if holds[j]:
            y[j] = y[j] / work[j, j]
            for i in range(j + 1, n):
                y[i] -= work[j, i] * y[j]
        else:
            y[j] = 0.0
    return y


@kernel
def cholesky_backward(work: np.ndarray, holds: np.ndarray, y: np.ndarray, known: int) -> np.ndarray:
    """Solve the upper triangular half; the last ``known`` entries of ``y`` are solved already."""
    n = y.size
    x = y.copy()
    for j in range(n - known - 1, -1, -1):
        if holds[j]:
            total = x[j]
            for i in range(j + 1, n):
                total -= work[j, i] * x[i]
            x[j] = total / work[j, j]
        else:
            x[j] = 0.0
    return x


@kernel
def dual_newton_step(h: np.ndarray, slope: np.ndarray, lam: float) -> np.ndarray:
    """The step that minimises the quadratic model of phi where lam + step >= 0."""
    work, holds = cholesky_in_order(h)
    y = cholesky_forward(work, holds, -slope)
    last = y.size - 1
    if holds[last]:
        y[last] = y[last] / work[last, last]
    y[last] = max(y[last], -lam)
    return cholesky_backward(work, holds, y, 1)


@kernel
def dual_value(
    q: np.ndarray,
    x: np.ndarray,
    inverse: np.ndarray,
    ridge: np.ndarray,
    gross: float,
    multipliers: np.ndarray,
) -> float:
    """phi."""
    lam = multipliers[-1]
    total = lam * gross
    for j in range(ridge.size):
        total += 0.5 * ridge[j] * multipliers[j] * multipliers[j]
    for i in range(q.size):
        size = abs(x[i])
        if size > 0.0:
            total += size * (abs(q[i]) - lam - 0.5 * size / inverse[i])
    return float(total)


@kernel
def minimise_dual(
    signal: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    inverse: np.ndarray,
    ridge: np.ndarray,
    sizes: np.ndarray,
    box: float,
    gross: float,
    start: np.ndarray,
) -> tuple[np.ndarray, float, int]:
    """Semismooth Newton from ``start``: the best multipliers, their residual, and the steps taken.

    ``rows`` is C, (N, k), ``columns`` the same transposed. The Hessian is damped by a part of the
    full one's diagonal, as large as the residual: then columns without a free name still move.
    The length of a step is halved until phi falls enough (Armijo) or, where its change may be
    rounding, the slope along the step does.
    """
    k = ridge.size
    limit = max_residual(signal.size)
    scale = np.zeros(k + 1)
    for i in range(signal.size):
        for j in range(k):
            scale[j] += inverse[i] * rows[i, j] * rows[i, j]
        scale[k] += inverse[i]
    y = start.copy()
    q = signal_minus_columns(signal, columns, y)
    x = dual_weights(q, y[k], inverse, box)
    value = dual_value(q, x, inverse, ridge, gross, y)
    slope = dual_gradient(x, rows, ridge, gross, y)
    error = kkt_residual(slope, y[k], gross, sizes)
    best, least, idle, steps = y, error, 0, 0
    while steps < MAX_STEPS and least > GOAL and (least > limit or idle < STALLED):
        steps += 1
        h = dual_hessian(rows, q, free_names(q, y[k], inverse, box), inverse, ridge)
        damping = min(MAX_DAMPING, max(MIN_DAMPING, error * DAMPING))
        for j in range(k + 1):
            h[j, j] += damping * scale[j]
        step = dual_newton_step(h, slope, y[k])
        fall = 0.0
        for j in range(k + 1):
            fall += slope[j] * step[j]
        along = 1.0
        for _ in range(MAX_HALVINGS):
            trial = y + along * step
            trial[k] = max(0.0, trial[k])
            trial_q = signal_minus_columns(signal, columns, trial)
            trial_x = dual_weights(trial_q, trial[k], inverse, box)
            trial_value = dual_value(trial_q, trial_x, inverse, ridge, gross, trial)
            if trial_value <= value + DECREASE * along * fall:
                break
            if trial_value <= value + NOISE * abs(value):
                trial_slope = dual_gradient(trial_x, rows, ridge, gross, trial)
                trial_fall = 0.0
                for j in range(k + 1):
                    trial_fall += trial_slope[j] * step[j]
                if trial_fall <= -0.5 * fall:
                    break
            along *= 0.5
        y, q, x, value = trial, trial_q, trial_x, trial_value
        slope = dual_gradient(x, rows, ridge, gross, y)
        error = kkt_residual(slope, y[k], gross, sizes)
        idle = 0 if error < least else idle + 1
        if error < least:
            best, least = y, error
    return best, least, steps


@kernel
def implicit_gradient(
    returns: np.ndarray,
    rows: np.ndarray,
    q: np.ndarray,
    lam: float,
    inverse: np.ndarray,
    ridge: np.ndarray,
    box: float,
) -> np.ndarray:
    """v = d(r'x*) / da, (N,).

    v_F = W (r_F - Y S^-1 Y'W r_F), S = Y'WY + diag(rho, 0); 0 elsewhere. The column of signs counts
    only where the gross limit binds.
    """
    free = free_names(q, lam, inverse, box)
    h = dual_hessian(rows, q, free, inverse, ridge)
    k = ridge.size
    if lam == 0.0:
        h[k, :] = 0.0
    right = np.zeros(k + 1)
    for i in free:
        weighted = inverse[i] * returns[i]
        for j in range(k):
            right[j] += rows[i, j] * weighted
        right[k] += weighted if q[i] >= 0.0 else -weighted
    work, holds = cholesky_in_order(h)
    price = cholesky_backward(work, holds, cholesky_forward(work, holds, right), 0)
    v = np.zeros(q.size)
    for i in free:
        total = returns[i]
        for j in range(k):
            total -= rows[i, j] * price[j]
        total -= price[k] if q[i] >= 0.0 else -price[k]
        v[i] = inverse[i] * total
    return v
