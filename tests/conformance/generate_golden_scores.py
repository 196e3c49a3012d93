"""Write tests/golden/scores/*.json with numerai-tools as the reference.

Runs in an environment of its own and imports nothing of the project: see README.md here.
"""

import json
import platform
from collections.abc import Callable
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from random import Random

import pandas as pd
from numerai_tools.scoring import (
    correlation_contribution,
    numerai_corr,
    stake_weight,
    tie_kept_rank,
)

SCALE = 10**9
OUT = Path(__file__).resolve().parents[1] / "golden" / "scores"
LIBRARIES = ("numerai-tools", "numpy", "pandas", "scipy", "scikit-learn")

Values = list[int]


def binned(random: Random, rows: int) -> Values:
    """0, .25, .5, .75, 1 for 5, 20, 50, 20, 5 % of the rows, shuffled."""
    shares = (5, 25, 75, 95)
    buckets = [sum(100 * row >= share * rows for share in shares) for row in range(rows)]
    random.shuffle(buckets)
    return [bucket * SCALE // 4 for bucket in buckets]


def uniform(random: Random, rows: int) -> Values:
    return [random.randint(0, SCALE) for _ in range(rows)]


def returns(random: Random, rows: int) -> Values:
    """Both signs, a few per cent, fat tails: outside [0, 1], so no factor 4."""
    return [round(SCALE * 0.03 * random.gauss(0, 1) / random.uniform(0.2, 1)) for _ in range(rows)]


def two_values(random: Random, rows: int) -> Values:
    return [random.choice((0, SCALE)) for _ in range(rows - 2)] + [0, SCALE]


def models(random: Random, target: Values, count: int, steps: int) -> list[Values]:
    """Predictions of growing skill; every other one on a grid of ``steps`` values, so tied."""
    low, high = min(target), max(target)
    matrix = []
    for model in range(count):
        weight = model / (2 * count) - 0.1
        row = []
        for value in target:
            signal = (value - low) / (high - low)
            mixed = min(1.0, max(0.0, 0.5 + weight * (signal - 0.5) + random.gauss(0, 0.15)))
            grid = steps if model % 2 else SCALE
            row.append(round(mixed * grid) * SCALE // grid)
        matrix.append(row)
    return matrix


def even_stakes(random: Random, count: int) -> Values:
    return [random.randint(10**8, 10**12) for _ in range(count)]


def skewed_stakes(random: Random, count: int) -> Values:
    """Seven orders of magnitude apart, the second model without stake."""
    return [0 if model == 1 else 10 ** (7 + 7 * model // count) + model for model in range(count)]


Case = tuple[int, int, int, Callable[[Random, int], Values], Callable[[Random, int], Values]]
CASES: dict[str, Case] = {  # rows, models, grid, target, stakes
    "three_rows": (3, 3, 3, uniform, even_stakes),
    "five_rows": (5, 4, 4, uniform, skewed_stakes),
    "binned_20": (20, 6, 5, binned, even_stakes),
    "binned_88_skewed": (88, 8, 20, binned, skewed_stakes),
    "binned_100_ties": (100, 6, 2, binned, even_stakes),
    "two_values_101": (101, 4, 7, two_values, even_stakes),
    "uniform_100": (100, 6, 10, uniform, skewed_stakes),
    "returns_100": (100, 6, 10, returns, even_stakes),
    "binned_500": (500, 3, 50, binned, skewed_stakes),
    "returns_400": (400, 3, 50, returns, even_stakes),
}


def exact_mean_ranks(ranks: pd.DataFrame, stakes: Values) -> list[Fraction]:
    """The stake-weighted mean of the ranks without rounding: 2N * rank is an integer."""
    rows = len(ranks)
    doubled = (ranks * 2 * rows).round().astype(int)
    total = sum(stakes)
    return [
        sum(stake * Fraction(int(rank), 2 * rows) for stake, rank in zip(stakes, row, strict=True))
        / total
        for row in doubled.itertuples(index=False)
    ]


def tie_kept_meta_model(ranks: pd.DataFrame, stakes: Values) -> pd.Series:
    """numerai-tools' meta model, cleared of rounding noise so that equal means tie.

    Rounds to twelve digits and makes sure that this yields the order and ties of the exact means.
    """
    meta = stake_weight(ranks, pd.Series(stakes, dtype=float)).round(12).rename("meta_model")
    exact = exact_mean_ranks(ranks, stakes)
    codes = {mean: code for code, mean in enumerate(sorted(set(exact)))}
    order = pd.Series([float(codes[mean]) for mean in exact])
    assert meta.rank().equals(order.rank()), "rounding changed the meta model's order"
    assert (meta - pd.Series([float(mean) for mean in exact])).abs().max() < 1e-11
    return meta


def golden(name: str) -> dict[str, object]:
    rows, count, steps, make_target, make_stakes = CASES[name]
    random = Random(name)
    target = make_target(random, rows)
    predictions = models(random, target, count, steps)
    stakes = make_stakes(random, count)
    frame = pd.DataFrame(dict(enumerate(predictions))) / SCALE
    live = pd.Series(target, name="target") / SCALE
    meta = tie_kept_meta_model(tie_kept_rank(frame), stakes)
    return {
        "case": name,
        "versions": {"python": platform.python_version()}
        | {library: version(library) for library in LIBRARIES},
        "target": target,
        "stakes": stakes,
        "predictions": predictions,
        "meta_model": meta.tolist(),
        "numerai_corr": numerai_corr(frame, live).tolist(),
        "correlation_contribution": correlation_contribution(frame, meta, live).tolist(),
    }


def dense(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name in CASES:
        lines = [f'"{key}":{dense(value)}' for key, value in golden(name).items()]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        (OUT / f"{name}.json").write_text(text, encoding="ascii", newline="\n")
        print(name, len(text))


if __name__ == "__main__":
    main()
