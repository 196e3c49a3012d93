"""Drawing of ``assay bridge latency``, to PNG or SVG; needs the extra ``plots``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oracle.bridge.latency import DepositTimes, WithdrawalTimes
from oracle.bridge.latency_report import seconds_of
from oracle.cli.plots import DOWN, LINE, UP, new_figure, save, tidy

_STEPS = {
    "deposits": ("locked", "synced", "committed", "usable"),
    "withdrawals": ("burnt", "checkpointed", "exited"),
}
_COLOURS = (UP, DOWN, LINE)


def draw_latency(
    deposits: Sequence[DepositTimes], withdrawals: Sequence[WithdrawalTimes], path: Path
) -> None:
    """How many transfers had each step done after so many seconds; and each transfer's steps."""
    figure, grid = new_figure(2, 3.2, 3.2)
    for row, (name, times) in enumerate((("deposits", deposits), ("withdrawals", withdrawals))):
        _shares(figure.add_subplot(grid[row, 0]), name, times)
        _each(figure.add_subplot(grid[row, 1]), name, times)
    figure.suptitle(
        f"the last {len(deposits)} deposits and {len(withdrawals)} withdrawals", fontsize=11
    )
    save(figure, path)


def _shares(axes: Any, name: str, times: Sequence[object]) -> None:
    """Per cent of all that had a step done this long after the first one."""
    first, *later = _STEPS[name]
    for step, colour in zip(later, _COLOURS, strict=False):
        seconds = seconds_of(times, first, step)
        if seconds:
            shares = [100 * (rank + 1) / len(times) for rank in range(len(seconds))]
            axes.step([seconds[0], *seconds], [0, *shares], where="post", color=colour, label=step)
    axes.set_ylim(0, 102)
    axes.set_xlabel(f"seconds since {first}", fontsize=8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="lower right", frameon=False)
    tidy(axes, f"{name}: % that were so far")


def _each(axes: Any, name: str, times: Sequence[object]) -> None:
    """A bar a transfer, its steps one behind the other."""
    steps = _STEPS[name]
    for place, one in enumerate(times):
        for first, last, colour in zip(steps, steps[1:], _COLOURS, strict=False):
            begin, end = getattr(one, first), getattr(one, last)
            if begin is not None and end is not None:
                start = begin - getattr(one, steps[0])
                axes.bar(place, end - begin, bottom=start, color=colour, width=0.8)
    axes.set_ylabel("seconds", fontsize=8)
    axes.set_xlabel("transfer, the newest last", fontsize=8)
    tidy(axes, f"{name}: each one's steps")
