"""``assay operator check`` and ``cost``: is it well, and what does it spend."""

import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oracle.cli.findings import show_findings
from oracle.cli.output import Output, with_output

if TYPE_CHECKING:
    from oracle.operator.cost import Expected, Spent

_GWEI = 10**9
_DAY = 86_400
_config = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    help="The operator's configuration (TOML).",
)


@click.command("check")
@_config
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=30,
    show_default=True,
    help="How long the gas money should last.",
)
@with_output
def check_command(config_file: Path, days: int, out: Output) -> None:
    """Look at everything an operator needs, and name the fix for what is wrong.

    Key, identity, database, disks, bucket, port; endpoints, clock, role, gas money, peers, rounds.
    The operator may run or not; nothing is signed, sent or changed. Exit code 0 without a failure
    (warnings do not count), 7 if the chain does not take this operator, 6 for any other failure.

    \b
    Example:
      assay operator check --config operator.toml
    """
    from oracle.operator.checks import findings
    from oracle.operator.config import load_config

    show_findings(findings(load_config(config_file), days), out)


@click.command("cost")
@_config
@click.option(
    "--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="Days to look back."
)
@click.option(
    "--models", type=click.IntRange(0), help="Models to expect.  [default: as registered]"
)
@click.option("--gwei", type=click.FloatRange(0, min_open=True), help="Gas price.  [default: now]")
@with_output
def cost_command(
    config_file: Path, days: int, models: int | None, gwei: float | None, out: Output
) -> None:
    """What the operator's transactions cost, and what a month is expected to.

    What was sent is taken from the operator's own database and the chain's receipts. Expected is
    what one operator pays that sends everything; where all run, each pays about its part.

    \b
    Example:
      assay operator cost --config operator.toml --days 90
    """
    from oracle.chain.reader import PoolReader
    from oracle.operator.checks import Look
    from oracle.operator.config import load_config
    from oracle.operator.cost import expected, spent

    config = load_config(config_file)
    look = Look(config, days)
    try:
        reader: PoolReader = look.reader
        database = look.filled
        since = int(time.time()) - days * _DAY
        paid = [] if database is None else spent(database, reader.web3, since)
        due = expected(
            reader,
            30,
            announces=config.announce is not None,
            models=models,
            price=None if gwei is None else int(Decimal(str(gwei)) * _GWEI),
        )
    finally:
        look.close()
    _show_paid(paid, days, out)
    _show_expected(due, out)
    out.result(
        {
            "days": days,
            "spent": [
                {"call": s.call, "count": s.count, "gas": s.gas, "wei": str(s.wei)} for s in paid
            ],
            "expected": _expected(due),
        }
    )


def _show_paid(paid: list["Spent"], days: int, out: Output) -> None:
    from oracle.operator.checks_of_chain import coins

    if not paid:
        out.say(f"nothing was sent in the last {days} days\n")
        return
    rows = [(s.call, s.count, f"{s.gas // s.count:,}", coins(s.wei)) for s in paid]
    rows.append(("together", sum(s.count for s in paid), "", coins(sum(s.wei for s in paid))))
    columns = ["call", ">transactions", ">gas each", ">coins"]
    out.table(f"Sent in the last {days} days", columns, rows)


def _show_expected(due: "Expected", out: Output) -> None:
    from oracle.operator.checks_of_chain import coins

    rows: list[tuple[str, ...]] = [
        (call, f"{gas:,}", coins(gas * due.price * due.rounds)) for call, gas in due.gas.items()
    ]
    rows.append(("together", f"{sum(due.gas.values()):,}", coins(due.wei)))
    title = (
        f"Expected in {due.days} days: {due.rounds} rounds, {due.models:,} models, "
        f"{due.price / _GWEI:.3g} gwei"
    )
    out.table(title, ["call", ">gas a round", ">coins"], rows)


def _expected(due: "Expected") -> dict[str, Any]:
    return {
        "days": due.days,
        "rounds": due.rounds,
        "models": due.models,
        "price": str(due.price),
        "gas": dict(due.gas),
        "wei": str(due.wei),
    }
