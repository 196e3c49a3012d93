"""``assay leaderboard``: models by their past scores."""

from typing import TYPE_CHECKING, Any

import click

from oracle.cli.output import Output, with_output
from oracle.cli.server_options import with_server

if TYPE_CHECKING:
    from oracle.participant.client import Client


@click.command("leaderboard")
@click.option(
    "--tournament", type=int, default=8, show_default=True, help="8 Classic, 11 Signals, 12 Crypto."
)
@click.option(
    "--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many models."
)
@click.option("--search", help="Only models whose name or owner holds this, or with this number.")
@click.option(
    "--season",
    type=click.IntRange(2000, 2999),
    help="The year whose tiers are shown.  [default: the one that goes on]",
)
@click.option("--sort", help="Order: rank (default), stake, season, a score's or a return's name.")
@with_server
@with_output
def command(
    tournament: int,
    limit: int,
    search: str | None,
    season: int | None,
    sort: str | None,
    server: "Client",
    out: Output,
) -> None:
    """Rank models by the mean of their past scores, as a tournament server has worked it out.

    \b
    Examples:
      assay leaderboard --server https://server.example
      assay leaderboard --limit 100 --json --server https://server.example
    """
    page = server.get(
        f"/v1/tournaments/{tournament}/leaderboard",
        limit=limit,
        search=search,
        season=season,
        sort=sort,
    )
    items = page["items"]
    names = list(dict.fromkeys(name for one in items for name in one["reputations"]))
    out.table(
        f"Leaderboard of tournament {tournament}",
        (">rank", "model", "tier", ">stake, NMR", ">score", *(f">{name}" for name in names)),
        [
            (
                one["rank"],
                one["name"],
                one["season"]["tier"] if one["season"] else "-",
                one["stake"],
                _text(one["score"]),
                *(_text(one["reputations"].get(name)) for name in names),
            )
            for one in items
        ],
    )
    out.result({"tournament": tournament, "items": items, "next": page["next"]})


def _text(value: Any) -> str:
    return "-" if value is None else f"{value:.4f}"
