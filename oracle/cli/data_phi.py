"""``assay data phi`` and ``assay data series``: the volatility factor of the next announcement."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from oracle.cli.output import Output, with_output
from oracle.errors import EnvironmentLacksError, InputError

_EPOCH = date(1970, 1, 1)


@click.command("phi")
@click.argument("series", type=click.Path(path_type=Path))
@click.option("--target", help="Daily volatility up to which phi is 1, such as 0.009.")
@click.option("--gamma", help="How strongly phi falls above it, such as 1 or 0.5.")
@click.option("--previous", default="1", show_default=True, help="phi of the last announced round.")
@click.option("--day", help="Day of the announcement; by default the day after the last return.")
@click.option("--publish", type=click.Path(path_type=Path), help="Write the text that is hashed.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw sigma and phi (extra `plots`).")
@with_output
def phi(
    series: Path,
    target: str | None,
    gamma: str | None,
    previous: str,
    day: str | None,
    publish: Path | None,
    plot: Path | None,
    out: Output,
) -> None:
    """Compute phi and the series hash of a round to be announced.

    SERIES is a CSV file of daily returns (`day,return`) or levels (`day,close`). Only days before
    the announcement count. A file that --publish wrote names its target and gamma itself, and its
    sha256 is the series hash, so that anybody can run this again.

    \b
    Example:
      assay data series sp500 sp500.csv
      assay data phi sp500.csv --target 0.009 --gamma 1 --previous 0.9
    """
    from oracle.datasets.series import day_number, read_series
    from oracle.scoring.errors import ScoringError
    from oracle.scoring.limits import SCALE
    from oracle.scoring.volatility import GAMMA_ONE, PHI_ONE, announced_phi, decimal

    read = read_series(series)
    goal = read.target if target is None else _number("--target", target, SCALE)
    power = read.gamma if gamma is None else _number("--gamma", gamma, GAMMA_ONE)
    if goal is None or power is None:
        raise click.UsageError("--target and --gamma are needed: the file does not name them")
    last_phi = _number("--previous", previous, PHI_ONE)
    try:
        when = day_number(day) if day is not None else int(read.days[-1:].sum()) + 1
    except ValueError as error:
        raise InputError(f"--day {day} {error}") from None
    try:
        found = announced_phi(read.days, read.returns, when, goal, power, last_phi)
    except ScoringError as error:
        raise InputError(f"{series}: {error}") from None
    if publish is not None:
        _write_new(publish, found.text)
    if plot is not None:
        _draw(plot, read, goal, power)
    announced = (_EPOCH + timedelta(days=when)).isoformat()
    used = read.days[: found.returns_used]
    first, last = ((_EPOCH + timedelta(days=int(d))).isoformat() for d in (used[0], used[-1]))
    result = {
        "day": announced,
        "phi": found.phi,
        "phi_without_step_bound": found.free_phi,
        "previous": last_phi,
        "sigma": decimal(found.sigma, SCALE),
        "target": decimal(goal, SCALE),
        "gamma": decimal(power, GAMMA_ONE),
        "returns": found.returns_used,
        "first": first,
        "last": last,
        "series_hash": "0x" + found.series_hash.hex(),
    }
    out.table(
        f"Announcement on {announced}",
        ("", ""),
        [
            ("phi", f"{decimal(found.phi, PHI_ONE)} (announce {found.phi})"),
            ("series hash", result["series_hash"]),
            ("sigma", f"{result['sigma']} a day, target {result['target']}"),
            ("phi without the step bound", decimal(found.free_phi, PHI_ONE)),
            ("returns", f"{found.returns_used}, {first} to {last}"),
        ],
    )
    out.result(result)


@click.command("series")
@click.argument("name", required=False)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@with_output
def series(name: str | None, file: Path | None, out: Output) -> None:
    """Write a daily return series that an installed package ships to FILE.

    Without arguments, list the names. They are indices of the past: good for trying `assay data
    phi`, not for announcing rounds today.
    """
    from oracle.datasets.series import SHIPPED, VOLATILITIES, shipped_series
    from oracle.scoring.limits import SCALE
    from oracle.scoring.volatility import decimal

    if name is None:
        names = [n for n in SHIPPED if n not in VOLATILITIES]
        out.table("Return series", ("name", "shipped by"), [(n, SHIPPED[n][0][0]) for n in names])
        out.result({"series": names})
        return
    if file is None:
        raise click.UsageError("name the FILE to write")
    found = shipped_series(name)
    lines = ["day,return"]
    for day, value in zip(found.days.tolist(), found.returns.tolist(), strict=True):
        lines.append(f"{(_EPOCH + timedelta(days=day)).isoformat()},{decimal(value, SCALE)}")
    _write_new(file, ("\n".join(lines) + "\n").encode())
    out.say(f"{len(found.days)} returns of {name} in {file}")
    out.result({"series": name, "file": str(file), "returns": len(found.days)})


def _number(option: str, text: str, scale: int) -> int:
    """An option's decimal in units of 1 / ``scale``; it must be a whole number of them."""
    from oracle.datasets.series import scaled

    try:
        value = scaled(text, scale)
        if scaled(text, scale * 10**12) != value * 10**12:
            raise ValueError(f"has more than {len(str(scale)) - 1} decimals")
    except ValueError as error:
        raise InputError(f"{option} {text} {error}") from None
    return value


def _write_new(path: Path, content: bytes) -> None:
    if path.exists():
        raise InputError(f"{path} exists already", "remove it or name another file")
    path.write_bytes(content)


def _draw(path: Path, read: Any, target: int, gamma: int) -> None:
    """sigma of every day and phi of a round a day, above each other, as an image."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise EnvironmentLacksError(
            "matplotlib is not installed", "install the extra `plots`, or leave out --plot"
        ) from None
    from oracle.scoring.limits import SCALE
    from oracle.scoring.volatility import PHI_ONE, SEED_RETURNS, phi_path, volatility_path

    if path.suffix not in (".png", ".svg", ".pdf"):
        raise InputError(f"{path}: a plot's name ends in .png, .svg or .pdf")
    if path.exists():
        raise InputError(f"{path} exists already", "remove it or name another file")
    sigma = volatility_path(read.returns)
    days = read.days[SEED_RETURNS - 1 :].astype("datetime64[D]")
    figure = Figure(figsize=(10, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(days, sigma / SCALE, linewidth=0.8)
    above.axhline(target / SCALE, linestyle="--", linewidth=0.8, color="black")
    above.set_ylabel("sigma, daily")
    below.plot(days, phi_path(sigma, target, gamma) / PHI_ONE, linewidth=0.8)
    below.set_ylabel("phi, a round a day")
    below.set_ylim(0.45, 1.05)
    figure.savefig(path)
