"""Draws what ``examples/read_scores.py`` wrote: scores by round, and the sum of payouts.

python examples/plot.py scores.csv --out scores.png
"""

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores", type=Path)
    parser.add_argument("--out", type=Path, default=Path("scores.png"))
    given = parser.parse_args()
    rows = pd.read_csv(given.scores).set_index("round")
    if rows.empty:
        raise SystemExit(f"{given.scores} has no rounds yet")
    scores = [name for name in ("corr", "mmc", "tc", "alpha", "mpc") if name in rows]
    figure = Figure(figsize=(8, 6), layout="tight")
    above, below = figure.subplots(2, 1, sharex=True)
    rows[scores].plot(ax=above, marker="o")
    above.axhline(0, color="grey", linewidth=0.8)
    above.set_ylabel("score")
    if "payout" in rows:
        rows["payout"].astype(float).cumsum().plot(ax=below, marker="o", color="black")
    below.axhline(0, color="grey", linewidth=0.8)
    below.set_ylabel("sum of payouts, NMR")
    below.set_xlabel("round")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(given.out)
    print("drawn to", given.out)


if __name__ == "__main__":
    main()
