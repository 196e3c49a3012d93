"""Drawing of ``assay simulate``, to PNG or SVG; needs the extra ``plots``."""

from pathlib import Path
from typing import Any

from oracle.audit.simulate import Simulation
from oracle.cli.plots import DOWN, LINE, UP, new_figure, save, tidy
from oracle.settlement.units import UNITS_PER_NMR

_BANDS = ((5, 95, 0.12), (25, 75, 0.25))
_SHOWN_PATHS = 30
_FAR = 8
"""Times the stake from which on amounts are drawn logarithmically."""


def draw_simulation(found: Simulation, path: Path) -> None:
    """What paths did round by round, where they ended, and how far they fell on the way."""
    figure, grid = new_figure(2, 3.6, 3.0)
    _paths(figure.add_subplot(grid[0, :]), found)
    _ends(figure.add_subplot(grid[1, 0]), found)
    _drawdowns(figure.add_subplot(grid[1, 1]), found)
    plan = found.plan
    figure.suptitle(
        f"a stake of {plan.stake / UNITS_PER_NMR:g} NMR over {plan.rounds} rounds, "
        f"{plan.paths} paths",
        fontsize=11,
    )
    save(figure, path)


def _paths(axes: Any, found: Simulation) -> None:
    rounds = range(found.plan.rounds + 1)
    for path in found.paths[:_SHOWN_PATHS]:
        axes.plot(rounds, _nmr(path.values), color=LINE, linewidth=0.4, alpha=0.25)
    for low, high, alpha in _BANDS:
        lower, upper = _nmr(found.band(low)), _nmr(found.band(high))
        axes.fill_between(rounds, lower, upper, color=UP, alpha=alpha, linewidth=0)
    axes.plot(rounds, _nmr(found.band(50)), color=UP, linewidth=1.6)
    axes.axhline(found.plan.stake / UNITS_PER_NMR, color=LINE, linewidth=0.8, linestyle="--")
    _scaled(axes.set_yscale, found)
    axes.set_xlim(0, found.plan.rounds)
    axes.set_xlabel("rounds", fontsize=8)
    tidy(axes, "NMR by round: median, middle 50 % and 90 % of the paths, some paths")


def _ends(axes: Any, found: Simulation) -> None:
    """How many paths ended at an amount or below it."""
    ends, stake = _nmr(found.ends), found.plan.stake / UNITS_PER_NMR
    shares = [100 * (rank + 1) / len(ends) for rank in range(len(ends))]
    axes.step([ends[0], *ends], [0, *shares], where="post", color=UP, linewidth=1.4)
    axes.axvspan(min(ends[0], stake), stake, color=DOWN, alpha=0.12, linewidth=0)
    axes.axvline(stake, color=LINE, linewidth=0.8, linestyle="--")
    _scaled(axes.set_xscale, found)
    axes.set_ylim(0, 102)
    axes.set_xlabel("NMR", fontsize=8)
    tidy(
        axes,
        f"% of paths that end at this or below: a loss in {100 * found.chance_of_loss():.1f} %",
    )


def _scaled(set_scale: Any, found: Simulation) -> None:
    """Logarithmic where the paths end far apart."""
    if found.ends[0] > 0 and found.quantile(95) > _FAR * found.plan.stake:
        set_scale("log")


def _drawdowns(axes: Any, found: Simulation) -> None:
    falls = sorted(100 * path.drawdown for path in found.paths)
    shares = [100 * (rank + 1) / len(falls) for rank in range(len(falls))]
    axes.step([0, *falls], [0, *shares], where="post", color=DOWN, linewidth=1.4)
    axes.set_ylim(0, 102)
    axes.set_xlabel("% below the highest before", fontsize=8)
    tidy(axes, "% of paths whose largest fall was at most this")


def _nmr(units: Any) -> list[float]:
    return [value / UNITS_PER_NMR for value in units]
