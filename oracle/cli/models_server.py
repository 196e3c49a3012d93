"""``assay models`` as a tournament server knows them: names, stakes, scores, submissions."""

from typing import TYPE_CHECKING, Any

import click

from oracle.cli.output import Output, with_output
from oracle.cli.server_options import need_token, with_server
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.participant.client import Client

_MOST_SHOWN = 40
_tournament = click.option(
    "--tournament", type=int, default=8, show_default=True, help="Where MODEL is looked for."
)
_model = click.argument("model")


@click.command("scores")
@_model
@_tournament
@with_server
@with_output
def scores(model: str, tournament: int, server: "Client", out: Output) -> None:
    """Show final scores of MODEL (name, number or id) and what each round did to its stake.

    \b
    Example:
      assay models scores my-model --server URL
    """
    found = find(server, model, tournament)
    path = f"/v1/models/{found['id']}"
    scored = server.pages(f"{path}/scores")
    paid = {one["round"]: one for one in server.pages(f"{path}/payouts")}
    names = list(dict.fromkeys(one["name"] for one in scored))
    values: dict[int, dict[str, float]] = {number: {} for number in paid}
    for one in scored:
        values.setdefault(one["round"], {})[one["name"]] = one["value"]
    numbers = sorted(values, reverse=True)
    out.table(
        f"{found['name']}: final scores, payouts in NMR",
        (">round", *(f">{name}" for name in names), ">stake", ">payout"),
        [
            (
                number,
                *(_text(values[number].get(name)) for name in names),
                paid[number]["stake"] if number in paid else "-",
                paid[number]["payout"] if number in paid else "-",
            )
            for number in numbers[:_MOST_SHOWN]
        ],
    )
    out.result({"model": found, "scores": scored, "payouts": list(paid.values())})


@click.command("submissions")
@_model
@_tournament
@with_server
@with_output
def submissions(model: str, tournament: int, server: "Client", out: Output) -> None:
    """Show what was sent for a MODEL of yours through the server, and why it was refused."""
    found = find(need_token(server), model, tournament)
    sent = server.get(f"/v1/models/{found['id']}/submissions")
    out.table(
        f"Submissions of {found['name']}",
        (">round", "status", "late", "counts", "sent", "reason"),
        [
            (
                one["round"],
                one["status"],
                "yes" if one["late"] else "no",
                "yes" if one["selected"] else "no",
                one["inserted"],
                one["reason"],
            )
            for one in sent[:_MOST_SHOWN]
        ],
    )
    out.result({"model": found, "submissions": sent})


def list_models(
    server: "Client",
    tournament: int,
    mine: bool,
    name: str | None,
    owner: str | None,
    out: Output,
) -> None:
    """``assay models list --server``."""
    if mine:
        found = need_token(server).get("/v1/account/models")
    else:
        path = f"/v1/tournaments/{tournament}/models"
        found = server.pages(path, name=name, owner=owner, limit=500)
    out.table(
        "Models",
        (">tournament", ">number", "name", "=id", "owner"),
        [(one["tournament"], one["number"], one["name"], one["id"], one["owner"]) for one in found],
    )
    out.result({"models": found})


def show(model: str, server: "Client", out: Output) -> None:
    """``assay models show --server``."""
    found = find(server, model, 8)
    stake = server.get(f"/v1/models/{found['id']}/stake")
    rows = [(name, found[name]) for name in ("id", "number", "owner", "payout", "registered")]
    rows += [(name, f"{stake[name]} NMR") for name in ("stake", "claimable")]
    rows += [
        (f"round {one['round']}", f"deposit {one['deposit']}, release {one['release']} NMR")
        for one in stake["waiting"]
    ]
    out.table(f"{found['name']} (tournament {found['tournament']})", ("", ""), rows)
    out.result({"model": found, "stake": stake})


def find(server: "Client", named: str, tournament: int) -> Any:
    """The model with this UUID, one's own of this name or number, or anybody's of this name in a
    tournament. Raises ``InputError``."""
    from oracle.participant.sending import find_model, is_uuid

    if is_uuid(named):
        return find_model(server, named)
    if server.authorization:
        mine = server.get("/v1/account/models")
        if any(named in (one["name"], str(one["number"])) for one in mine):
            return find_model(server, named)
    found = server.pages(f"/v1/tournaments/{tournament}/models", name=named)
    if not found:
        raise InputError(
            f"tournament {tournament} has no model called {named[:64]!r}",
            "see `assay models list --server URL`; another's model goes by its name or id",
        )
    return found[0]


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"
