"""FNC, Alpha and MPC once more by their definitions: high precision, row by row, nothing shared."""

import mpmath
import naive_scores
from naive_scores import CONTEXT, SCALE

Real = mpmath.mpf


def dot(one: list, two: list) -> Real:
    return sum((a * b for a, b in zip(one, two, strict=True)), CONTEXT.mpf(0))


def basis(columns: list[list[int]]) -> list[list[Real]]:
    """Orthogonal vectors of the columns' span, by Gram and Schmidt in 60 digits."""
    found: list[list[Real]] = []
    for column in columns:
        rest = residual([CONTEXT.mpf(entry) for entry in column], found)
        if dot(rest, rest) > CONTEXT.mpf(10) ** -30:
            found.append(rest)
    return found


def residual(vector: list[Real], orthogonal: list[list[Real]]) -> list[Real]:
    for other in orthogonal:
        slope = dot(vector, other) / dot(other, other)
        vector = [a - slope * b for a, b in zip(vector, other, strict=True)]
    return vector


def neutral_residual(ranks: list[int], features: list[list[int]]) -> list[Real]:
    """Of true normal quantiles, on ``features`` (rows of values) and a constant."""
    rows = len(ranks)
    columns = [[1] * rows, *(list(column) for column in zip(*features, strict=True))]
    quantiles = [naive_scores.gauss(rank, rows, power=False) for rank in ranks]
    return residual(quantiles, basis(columns))


def neutral_weights(x: list[Real], neutralizers: list[list[int]], v: list[int]) -> list[Real]:
    """v * (x - Q Q' (v * x)), all of Q and v in units of 1e-9."""
    q = [[CONTEXT.mpf(entry) / SCALE for entry in row] for row in neutralizers]
    weights = [CONTEXT.mpf(entry) / SCALE for entry in v]
    weighted = [a * b for a, b in zip(weights, x, strict=True)]
    inner = [dot(list(column), weighted) for column in zip(*q, strict=True)]
    return [w * (a - dot(row, inner)) for w, a, row in zip(weights, x, q, strict=True)]


def centred(values: list[Real]) -> list[Real]:
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def centred_target(target: list[int]) -> list[Real]:
    return centred([CONTEXT.mpf(value) / SCALE for value in target])


def powered(ranks: list[int]) -> list[Real]:
    return [naive_scores.gauss(rank, len(ranks), power=True) for rank in ranks]


def alpha(ranks: list[int], neutralizers: list[list[int]], v: list[int], target: list[int]) -> Real:
    weights = neutral_weights(powered(ranks), neutralizers, v)
    return dot(weights, centred_target(target)) / len(target)


def mpc(
    ranks: list[list[int]],
    stakes: list[int],
    neutralizers: list[list[int]],
    v: list[int],
    target: list[int],
) -> list[Real]:
    """Each model's own weights are neutralised and centred, then the portfolio is built of them."""
    models = [centred(neutral_weights(powered(row), neutralizers, v)) for row in ranks]
    shares = [CONTEXT.mpf(stake) / sum(stakes) for stake in stakes]
    portfolio = [dot(shares, list(column)) for column in zip(*models, strict=True)]
    square = dot(portfolio, portfolio)
    t = centred_target(target)
    return [
        (dot(model, t) - dot(portfolio, model) / square * dot(portfolio, t))
        / CONTEXT.sqrt(square)
        / 50
        for model in models
    ]
