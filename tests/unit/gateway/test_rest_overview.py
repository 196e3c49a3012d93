"""Sums, bands, boards and operators over HTTP, on both databases, held against the chain."""

from typing import Any

import pytest
from played_rounds import History
from server_world import Serving

from oracle.gateway.roster import rosters_of
from oracle.settlement.units import UNITS_PER_NMR, nmr

EIGHT = 8
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("played")]


def get(serving: Serving, path: str, **params: Any) -> Any:
    answer = serving.client.get("/v1" + path, params=params or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def units(text: str) -> int:
    whole, _, places = text.partition(".")
    return int(whole) * UNITS_PER_NMR + int(places.ljust(9, "0"))


def board(serving: Serving, number: int, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = get(
        serving, f"/tournaments/{EIGHT}/rounds/{number}/models", **params
    )["items"]
    return items


def test_overview__after_two_rounds__adds_up_to_what_the_pool_holds(
    serving: Serving, history: History
) -> None:
    shown = get(serving, f"/tournaments/{EIGHT}/overview")
    totals = history.world.reader.totals()
    assert units(shown["staked"]) == totals["staked"]
    assert units(shown["claimable"]) == totals["out"]
    assert units(shown["burned"]) == totals["burn_owed"] > 0
    assert shown["models"] == 4
    assert shown["settled_rounds"] == len(history.settled)
    assert [row["number"] for row in shown["under_way"]] == [history.open]
    assert shown["under_way"][0]["stage"] == "open"
    assert shown["last_settled"]["number"] == history.settled[-1]


def test_board__of_a_settled_round__has_everyones_scores_and_payouts(
    serving: Serving, history: History
) -> None:
    number = history.settled[0]
    found = {row["model"]: row for row in board(serving, number)}
    result = get(serving, f"/tournaments/{EIGHT}/rounds/{number}/scores")["items"]
    assert len(result) > 4
    for score in result:
        placed = found[score["model"]]["scores"][score["name"]]
        assert placed == {"value": score["value"], "percentile": score["percentile"]}
    for model in (history.alpha, history.beta):
        uuid = found[model]["id"]
        payouts = get(serving, f"/models/{uuid}/payouts")["items"]
        paid = next(one for one in payouts if one["round"] == number)
        assert (found[model]["payout"], found[model]["stake"]) == (paid["payout"], paid["stake"])
    assert found[history.alpha]["payout"][0] != "-"
    assert found[history.beta]["payout"][0] == "-"


@pytest.mark.parametrize("sort", ["payout", "corr", "stake", "name", "model"])
def test_board__sorted_and_in_pages__has_each_model_once_in_order(
    serving: Serving, history: History, sort: str
) -> None:
    number = history.settled[1]
    path = f"/tournaments/{EIGHT}/rounds/{number}/models"
    whole = board(serving, number, sort=sort, order="desc")
    pages, cursor = [], None
    while True:
        asked = {"sort": sort, "order": "desc", "limit": 1}
        page = get(serving, path, **asked, **({} if cursor is None else {"cursor": cursor}))
        pages += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == whole
    assert {row["model"] for row in whole} >= {history.alpha, history.beta, history.gamma}

    def key(row: dict[str, Any]) -> Any:
        if sort == "corr":
            return row["scores"]["corr"]["value"] if "corr" in row["scores"] else None
        return float(row[sort]) if sort in ("payout", "stake") and row[sort] else row[sort]

    values = [key(row) for row in whole]
    there = [value for value in values if value is not None]
    assert there == sorted(there, reverse=True)
    assert values[: len(there)] == there


def test_board__searched__finds_names_in_part_and_numbers(
    serving: Serving, history: History
) -> None:
    number = history.settled[1]
    assert [row["name"] for row in board(serving, number, search="ALPH")] == ["alpha"]
    by_number = board(serving, number, search=str(history.beta))
    assert history.beta in [row["model"] for row in by_number]
    assert board(serving, number, search="%") == []
    assert board(serving, number, search="' or 1=1") == []


def test_board__sorted_by_what_is_no_score__is_refused(serving: Serving, history: History) -> None:
    path = f"/v1/tournaments/{EIGHT}/rounds/{history.settled[0]}/models"
    answer = serving.client.get(path, params={"sort": "uuid"})
    assert answer.status_code == 422
    assert "sort by" in answer.json()["error"]["message"]


def test_bands__of_scored_rounds__lie_among_the_scores_of_the_round(
    serving: Serving, history: History
) -> None:
    bands = get(serving, f"/tournaments/{EIGHT}/bands", name="corr")
    assert [band["round"] for band in bands] == list(history.settled)
    for band in bands:
        scores = get(serving, f"/tournaments/{EIGHT}/rounds/{band['round']}/scores")["items"]
        values = sorted(one["value"] for one in scores if one["name"] == "corr")
        shown = [band[share] for share in ("p10", "p25", "p50", "p75", "p90")]
        assert shown == sorted(shown)
        assert set(shown) <= set(values)
    assert get(serving, f"/tournaments/{EIGHT}/bands", name="corr", last=history.settled[0]) == [
        bands[0]
    ]
    assert get(serving, f"/tournaments/{EIGHT}/bands", name="nothing") == []


def test_movements__of_a_model__are_its_events_the_newest_first(
    serving: Serving, history: History
) -> None:
    alpha = next(row for row in board(serving, history.settled[0]) if row["name"] == "alpha")
    found = get(serving, f"/models/{alpha['id']}/movements")["items"]
    deposits = [(one["round"], one["amount"]) for one in found if one["kind"] == "deposited"]
    assert deposits == [(history.open, nmr(3 * UNITS_PER_NMR // 2)), (history.settled[0], "5")]
    page = get(serving, f"/models/{alpha['id']}/movements", limit=1)
    assert page["items"] == found[:1]
    rest = get(serving, f"/models/{alpha['id']}/movements", cursor=page["next"])
    assert rest["items"] == found[1:]


def test_operators__read_from_the_chain__are_those_that_signed(
    serving: Serving, history: History
) -> None:
    serving.run("look at operators")
    shown = get(serving, f"/tournaments/{EIGHT}/operators")
    world = history.world
    assert [one["address"] for one in shown["operators"]] == world.reader.operators()
    assert shown["threshold"] == world.reader.needed(history.open)
    assert all(one["commits"] == len(history.settled) for one in shown["operators"])
    assert sum(one["signed"] for one in shown["operators"]) == shown["threshold"] * len(
        history.settled
    )
    assert not any(one["revoked"] or one["convicted"] for one in shown["operators"])
    signers = get(serving, f"/tournaments/{EIGHT}/rounds/{history.settled[0]}/signers")
    signed = [one["address"] for one in signers["signers"] if one["signed"]]
    ordered = sorted((one.address for one in world.operators), key=lambda a: int(a, 16))
    assert sorted(signed) == sorted(ordered[: shown["threshold"]])
    answer = serving.client.get(f"/v1/tournaments/{EIGHT}/rounds/{history.open}/signers")
    assert answer.status_code == 409


def test_operators__before_the_first_look__are_not_made_up(serving: Serving) -> None:
    roster = serving.services.part(rosters_of)[EIGHT]
    kept, roster.rules = roster.rules, None
    try:
        answer = serving.client.get(f"/v1/tournaments/{EIGHT}/operators")
    finally:
        roster.rules = kept
    assert answer.status_code == 409


def test_counts__of_a_settled_round__say_who_was_scored_and_settled(
    serving: Serving, history: History
) -> None:
    number = history.settled[1]
    shown = get(serving, f"/tournaments/{EIGHT}/rounds/{number}/counts")
    rows = board(serving, number)
    for status in ("scored", "late", "rejected", "none"):
        assert shown[status] == sum(row["status"] == status for row in rows)
    assert shown["late"] == 1
    assert shown["settled"] == sum(row["payout"] is not None for row in rows) > 0
    assert shown["stage"] == "settled"
