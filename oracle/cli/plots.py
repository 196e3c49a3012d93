"""Drawings of diagnostics and audits, to PNG or SVG; needs the extra ``plots``."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from oracle.audit.diagnose import Diagnostics, Report
from oracle.audit.payouts import Payouts
from oracle.errors import EnvironmentLacksError, InputError
from oracle.scoring.limits import SCALE
from oracle.settlement.units import UNITS_PER_NMR

FORMATS = (".png", ".svg")
TITLES = {"corr": "CORR", "mmc": "MMC", "bmc": "BMC", "fnc": "FNC"}
MOST_FEATURES = 20
UP, DOWN, LINE = "#2b6cb0", "#c2572b", "#333333"
CYCLE = ("#2b6cb0", "#c2572b", "#2f855a", "#805ad5", "#b7791f", "#4a5568", "#d53f8c", "#319795")


def require_plots(path: Path) -> Path:
    """Finds out before the work whether ``path`` can be drawn to."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"cannot draw to {path}", "name a file that ends in .png or .svg")
    try:
        import_module("matplotlib")
    except ImportError:
        raise EnvironmentLacksError(
            "drawing needs matplotlib, which is not installed",
            "install the extra: pip install 'assay[plots]'",
        ) from None
    return path


def draw_diagnostics(report: Report, path: Path) -> None:
    """Scores of each era, or the means of several models; their sums; exposures."""
    shown = [name for name in TITLES if any(m.summary(name).eras for m in report.models)]
    figure, grid = new_figure(len(shown) + 1, 2.1, 3.2)
    for row, name in enumerate(shown):
        bars, sums = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])
        (_eras if len(report.models) == 1 else _means)(bars, report, name)
        _cumulative(sums, report, name)
    below = figure.add_subplot(grid[len(shown), :])
    if len(report.models) == 1:
        _exposures(below, report.features, report.models[0])
    else:
        _largest_exposures(below, report)
    names = report.models[0].name if len(report.models) == 1 else f"{len(report.models)} models"
    figure.suptitle(
        f"{names}: {len(report.eras)} eras, {report.target}, feature set {report.feature_set}",
        fontsize=11,
    )
    save(figure, path)


def draw_audit(report: Report, payouts: Payouts, path: Path) -> None:
    """What the stake would have done in each past era, how often, and why."""
    model = report.models[0]
    figure, grid = new_figure(3, 2.8, 3.2)
    axes = figure.add_subplot(grid[0, :])
    _changes(axes, payouts)
    _distribution(figure.add_subplot(grid[1, 0]), payouts)
    _levels(figure.add_subplot(grid[1, 1]), report.eras, model)
    _exposures(figure.add_subplot(grid[2, :]), report.features, model)
    eras = len(payouts.outcomes)
    figure.suptitle(
        f"{model.name}: a stake of {_nmr(payouts.stake):g} NMR on {eras} past eras", fontsize=11
    )
    save(figure, path)


def new_figure(rows: int, height: float, last: float) -> tuple[Any, Any]:
    """A figure of ``rows`` rows and two columns; the last row has a height of its own."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, height * (rows - 1) + last + 0.4), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure, figure.add_gridspec(rows, 2, height_ratios=[*[height] * (rows - 1), last])


def save(figure: Any, path: Path) -> None:
    import matplotlib

    # The same drawing is the same SVG: no date, and ids from a fixed salt.
    with matplotlib.rc_context({"svg.hashsalt": "assay"}):
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, metadata=metadata)


def tidy(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)


def _era_axis(axes: Any, eras: Sequence[str]) -> None:
    step = max(1, -(-len(eras) // 8))
    axes.set_xticks(range(0, len(eras), step), eras[::step])
    axes.set_xlim(-0.8, len(eras) - 0.2)


def _eras(axes: Any, report: Report, name: str) -> None:
    """A bar an era."""
    [model] = report.models
    known = [(x, v / SCALE) for x, v in enumerate(model.values[name]) if v is not None]
    values = [y for _, y in known]
    axes.bar([x for x, _ in known], values, color=[UP if y >= 0 else DOWN for y in values])
    axes.axhline(0, color=LINE, linewidth=0.6)
    summary = model.summary(name)
    sharpe = "" if summary.sharpe is None else f", Sharpe {summary.sharpe:.2f}"
    tidy(axes, f"{TITLES[name]} by era: mean {summary.mean:+.4f}{sharpe}")
    _era_axis(axes, report.eras)


def _means(axes: Any, report: Report, name: str) -> None:
    """A bar a model, the first on top, with its Sharpe ratio."""
    for place, (model, colour) in enumerate(zip(report.models, _colours(report), strict=True)):
        summary = model.summary(name)
        if summary.mean is not None:
            axes.barh(place, summary.mean, color=colour, height=0.7)
            label = "" if summary.sharpe is None else f"  {summary.sharpe:.2f}  "
            side = "left" if summary.mean >= 0 else "right"
            axes.text(summary.mean, place, label, ha=side, va="center", fontsize=8)
    axes.axvline(0, color=LINE, linewidth=0.6)
    axes.set_yticks(range(len(report.models)), [_short(model.name) for model in report.models])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    tidy(axes, f"{TITLES[name]}: mean, and Sharpe")
    axes.grid(axis="x", alpha=0.25, linewidth=0.6)
    axes.grid(axis="y", visible=False)


def _cumulative(axes: Any, report: Report, name: str) -> None:
    for model, colour in zip(report.models, _colours(report), strict=True):
        total, xs, ys = 0, [], []
        for x, value in enumerate(model.values[name]):
            if value is not None:
                total += value
                xs.append(x)
                ys.append(total / SCALE)
        axes.plot(xs, ys, color=colour, linewidth=1.4)
    axes.axhline(0, color=LINE, linewidth=0.6)
    tidy(axes, f"{TITLES[name]}, cumulative")
    _era_axis(axes, report.eras)


def _exposures(axes: Any, features: Sequence[str], model: Diagnostics) -> None:
    """Mean exposures, the largest first, with the largest of any era as a tick."""
    means = model.mean_exposures.tolist()
    order = sorted(range(len(means)), key=lambda k: -abs(means[k]))[:MOST_FEATURES]
    values = [means[k] for k in order]
    extremes = [int(model.largest_exposures[k]) / SCALE for k in order]
    places = range(len(order))
    axes.bar(places, values, color=[UP if v >= 0 else DOWN for v in values])
    axes.scatter(places, extremes, marker="_", s=90, color=LINE, linewidths=1.3)
    axes.axhline(0, color=LINE, linewidth=0.6)
    axes.set_xticks(places, [_short(features[k]) for k in order], rotation=40, ha="right")
    axes.set_xlim(-0.8, len(order) - 0.2)
    more = f", the {len(order)} largest of {len(means)}" if len(means) > len(order) else ""
    tidy(axes, f"exposure to features{more}: bars are means, ticks the largest of any era")


def _largest_exposures(axes: Any, report: Report) -> None:
    for model, colour in zip(report.models, _colours(report), strict=True):
        known = [(x, v) for x, v in enumerate(model.values["max_exposure"]) if v is not None]
        axes.plot([x for x, _ in known], [v / SCALE for _, v in known], color=colour)
    axes.set_ylim(bottom=0)
    tidy(axes, "largest exposure by era (colours as above)")
    _era_axis(axes, report.eras)


def _changes(axes: Any, payouts: Payouts) -> None:
    changes = [_nmr(outcome.change) for outcome in payouts.outcomes]
    axes.bar(range(len(changes)), changes, color=[UP if c >= 0 else DOWN for c in changes])
    axes.axhline(0, color=LINE, linewidth=0.6)
    title = "gain or burn by era, NMR"
    if payouts.expected is not None:
        mean = float(payouts.expected) / UNITS_PER_NMR
        axes.axhline(mean, color=LINE, linewidth=1, linestyle="--")
        title += f": mean {mean:+.4g} (dashed)"
    tidy(axes, title)
    _era_axis(axes, [outcome.era for outcome in payouts.outcomes])


def _distribution(axes: Any, payouts: Payouts) -> None:
    """How many eras ended at a change or below it."""
    changes = sorted(_nmr(outcome.change) for outcome in payouts.outcomes)
    shares = [100 * (rank + 1) / len(changes) for rank in range(len(changes))]
    if changes:
        axes.step([changes[0], *changes], [0, *shares], where="post", color=UP, linewidth=1.4)
        axes.axvspan(min(changes[0], 0), 0, color=DOWN, alpha=0.08, linewidth=0)
    axes.axvline(0, color=LINE, linewidth=0.6)
    axes.set_ylim(0, 102)
    axes.set_xlabel("NMR", fontsize=8)
    burned = payouts.burn_probability
    known = "" if burned is None else f": a burn in {100 * float(burned):.0f} %"
    tidy(axes, f"% of eras at this change or below{known}")


def _levels(axes: Any, eras: Sequence[str], model: Diagnostics) -> None:
    known = [(x, v / SCALE) for x, v in enumerate(model.values["rho"]) if v is not None]
    axes.plot([x for x, _ in known], [y for _, y in known], color=UP, linewidth=1.2)
    axes.axhspan(0.6, 1, color=DOWN, alpha=0.08, linewidth=0)
    axes.set_ylim(min([0.0, *(y for _, y in known)]) - 0.05, 1.02)
    highest = max(model.levels, default=0)
    tidy(axes, f"rho by era (shaded: burns are hardened), highest level {highest} of 15")
    _era_axis(axes, eras)


def _colours(report: Report) -> list[str]:
    if len(report.models) == 1:
        return [LINE]
    return [CYCLE[position % len(CYCLE)] for position in range(len(report.models))]


def _short(name: str) -> str:
    text = name.removeprefix("feature_")
    return text if len(text) <= 32 else f"{text[:31]}…"


def _nmr(units: int) -> float:
    return units / UNITS_PER_NMR
