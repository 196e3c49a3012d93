"""Leaderboards, seasons and standings of a played tournament, against its committed results and
settlements. Both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import pytest
from graphql_calls import asker
from played_rounds import History, history, serving
from server_databases import server
from server_world import Serving
from sqlalchemy import event

from oracle.life.boards import Boards
from oracle.life.leaders import Leaders
from oracle.records.schema import metadata
from oracle.settlement.units import nmr

__all__ = ["history", "server", "serving"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]

CLASSIC = """query($limit: Int, $offset: Int) { v2Leaderboard(limit: $limit, offset: $offset) {
  nmrStaked rank username corr20Rep corr20V2Rep corj60Rep fncRep fncV3Rep tcRep mmcRep bmcRep team
  return_1_day return_13_weeks return_52_weeks } }"""
ACCOUNTS = """query($tournament: Int) { accountLeaderboard(tournament: $tournament) {
  displayName nmrStaked rank username v2Corr20 cort20 corJ60 corrV4 fncV4 icV2 mmc ric
  return1y return3m returnAllTime return1yNmr return3mNmr returnAllTimeNmr } }"""
DAILY = """query($name: String!) { v3UserProfile(model_name: $name, tournament: 8) {
  dailyModelPerformances { date corrRep corrRank mmcRep mmcRank tcRep tcRank fncRep fncRank
    fncV3Rep fncV3Rank } } }"""
NAMES = ("corr", "mmc", "tc")
_TABLES = (
    "boards",
    "leaders",
    "leader_scores",
    "account_leaders",
    "season_scores",
    "standings",
    "standing_days",
    "round_points",
    "pointed_rounds",
)


def _make(serving: Serving) -> None:
    serving.run("make boards")


@pytest.fixture
def made(serving: Serving) -> Serving:
    _make(serving)
    return serving


def _committed(history: History, model: int) -> dict[int, dict[str, int]]:
    """Of each round that the model is in, its scores as the folder has them."""
    found = {}
    for number in history.settled:
        text = history.world.results[number].files["outputs/scores.csv"].decode()
        header, *rows = (line.split(",") for line in text.splitlines())
        for row in rows:
            if int(row[0]) == model:
                values = dict(zip(header, map(int, row), strict=True))
                found[number] = {name: values[name] for name in NAMES}
    return found


def _reputations(history: History, model: int) -> dict[str, int]:
    rounds = _committed(history, model).values()
    return {name: sum(one[name] for one in rounds) // len(rounds) for name in NAMES if rounds}


def _points(history: History, number: int, scores: dict[str, int]) -> int:
    """What the round pays on, by the template on the chain."""
    multipliers = history.world.announced(number).template.multipliers
    return sum(scores[n] * m for n, m in zip(NAMES, multipliers, strict=True)) // 10**6


def _score(history: History, model: int) -> int:
    found = [_points(history, n, scores) for n, scores in _committed(history, model).items()]
    return sum(found) // len(found)


def _return(serving: Serving, *models: int) -> Fraction:
    exact = Fraction(1)
    for row in serving.services.stakes.settlements(8, models=models):
        exact *= Fraction(row.stake + row.change, row.stake)
    return exact - 1


def _get(serving: Serving, path: str, **params: Any) -> Any:
    answer = serving.client.get("/v1" + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_leaderboard__of_played_rounds__then_reputations_are_the_committed_means(
    made: Serving, history: History
) -> None:
    rows = asker(made).ask(CLASSIC)
    ranked = sorted((history.alpha, history.beta, history.gamma), key=lambda m: -_score(history, m))
    names = {history.alpha: "alpha", history.beta: "beta", history.gamma: "gamma"}
    assert [(row["rank"], row["username"]) for row in rows] == [
        (place, names[model]) for place, model in enumerate(ranked, 1)
    ]
    for row, model in zip(rows, ranked, strict=True):
        expected = _reputations(history, model)
        assert row["corr20Rep"] == row["corr20V2Rep"] == expected["corr"] / 10**9
        assert row["mmcRep"] == expected["mmc"] / 10**9
        assert row["tcRep"] == expected["tc"] / 10**9
        assert row["nmrStaked"] == nmr(made.services.stakes.positions(8, [model])[model].stake)
        if model == history.gamma:  # it never had anything at stake when a round was settled
            assert row["return_52_weeks"] == 0 or row["return_52_weeks"] is None
            continue
        for window in ("return_1_day", "return_13_weeks", "return_52_weeks"):
            assert row[window] == pytest.approx(float(_return(made, model)), abs=2e-9)
            assert row[window] != 0
        assert {row[name] for name in ("corj60Rep", "fncRep", "fncV3Rep", "bmcRep")} == {None}


def test_leaderboard__page__then_it_is_the_part_asked_for(made: Serving) -> None:
    every = asker(made).ask(CLASSIC)
    assert asker(made).ask(CLASSIC, limit=1, offset=1) == every[1:2]
    assert asker(made).ask(CLASSIC, limit=5, offset=3) == []


def test_accounts__then_they_are_their_models_by_stake(made: Serving, history: History) -> None:
    rows = asker(made).ask(ACCOUNTS, tournament=8)
    assert rows == asker(made).ask(ACCOUNTS)  # the only tournament
    owners = {history.world.owner(m).address for m in (history.alpha, history.beta, history.gamma)}
    assert {row["displayName"] for row in rows} == owners
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    staked = [float(row["nmrStaked"]) for row in rows]
    assert staked == sorted(staked, reverse=True)
    [mine] = [r for r in rows if r["displayName"] == history.world.owner(history.alpha).address]
    gained = sum(row.change for row in made.services.stakes.settlements(8, models=[history.alpha]))
    assert mine["returnAllTimeNmr"] == mine["return1yNmr"] == mine["return3mNmr"] == nmr(gained)
    # Its owner's other model has no stake and no scores.
    assert mine["v2Corr20"] == _reputations(history, history.alpha)["corr"] / 10**9
    assert mine["returnAllTime"] == pytest.approx(float(_return(made, history.alpha)), abs=2e-9)


def test_accounts__who_chose_a_name__go_by_it(made: Serving, history: History) -> None:
    wallet = history.world.owner(history.beta)
    account = made.services.accounts.people.met(wallet.address, 1)
    made.services.accounts.people.rename(account.id, "beta_owner")
    rows = asker(made).ask(ACCOUNTS)
    assert [r["rank"] for r in rows if r["username"] == "beta_owner"] == [
        r["rank"]
        for r in _get(made, "/leaderboard/accounts")["items"]
        if r["address"] == wallet.address
    ]


def test_daily_performances__then_places_are_those_of_that_day(
    made: Serving, history: History
) -> None:
    found = asker(made).ask(DAILY, name="alpha")["dailyModelPerformances"]
    # Both rounds became due on one day, or on two where midnight lay between them.
    assert len(found) in {1, 2}
    newest = found[0]
    expected = _reputations(history, history.alpha)
    for name in NAMES:
        assert newest[f"{name}Rep"] == expected[name] / 10**9
        values = [
            _reputations(history, m)[name] for m in (history.alpha, history.beta, history.gamma)
        ]
        assert newest[f"{name}Rank"] == 1 + sum(value > expected[name] for value in values)
    assert newest["fncRep"] is newest["fncRank"] is None
    assert newest["date"].endswith("T00:00:00Z")


def test_rest__leaderboard__says_the_same_and_more(made: Serving, history: History) -> None:
    page = _get(made, "/tournaments/8/leaderboard")
    assert page["next"] is None
    rows = asker(made).ask(CLASSIC)
    assert [(one["rank"], one["name"], one["stake"]) for one in page["items"]] == [
        (row["rank"], row["username"], row["nmrStaked"]) for row in rows
    ]
    for one in page["items"]:
        assert one["score"] == _score(history, one["number"]) / 10**9
        [row] = made.services.models.by_id(8, [one["number"]])
        assert (one["id"], one["owner"]) == (row.uuid, row.owner)
        assert set(one["returns"]) == {"1_day", "13_weeks", "52_weeks"}
        assert one["season"]["tier"] == "Novice"
        counted = 0 if one["number"] == history.gamma else 2
        assert one["season"]["rounds"] == counted
    [alpha] = [one for one in page["items"] if one["name"] == "alpha"]
    scores = _committed(history, history.alpha)
    assert alpha["today"] == (
        _points(history, history.settled[-1], scores[history.settled[-1]]) / 10**9
    )
    season = _get(made, f"/tournaments/8/seasons/{alpha['season']['year']}")
    assert [(one["rank"], one["number"]) for one in season["items"]] == [
        (one["season"]["rank"], one["number"])
        for one in sorted(page["items"], key=lambda one: one["season"]["rank"])
    ]
    assert _get(made, "/tournaments/8/seasons/2000")["items"] == []


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"search": "LPH"}, ["alpha"]),
        ({"search": "0"}, None),
        ({"search": "%"}, []),
        ({"search": "nobody"}, []),
        ({"search": "' or 1=1 --"}, []),
    ],
    ids=["part of a name", "number and addresses", "wildcard", "nobody", "SQL"],
)
def test_rest__leaderboard_searched__then_only_what_fits(
    made: Serving, history: History, asked: dict[str, str], expected: list[str] | None
) -> None:
    found = _get(made, "/tournaments/8/leaderboard", **asked)["items"]
    if expected is not None:
        assert [one["name"] for one in found] == expected
        return
    everyone = _get(made, "/tournaments/8/leaderboard")["items"]
    fits = [o["name"] for o in everyone if "0" in o["owner"] or o["number"] == 0]
    assert [one["name"] for one in found] == fits


@pytest.mark.parametrize("sort", ["stake", "corr", "return_52_weeks", "season"])
def test_rest__leaderboard_sorted__then_the_best_come_first(made: Serving, sort: str) -> None:
    found = _get(made, "/tournaments/8/leaderboard", sort=sort)["items"]

    def value(one: dict[str, Any]) -> float:
        if sort == "stake":
            return -float(one["stake"])
        if sort == "season":
            return float(one["season"]["rank"])
        if sort == "corr":
            return -one["reputations"]["corr"]
        rate = one["returns"]["52_weeks"]
        return float("inf") if rate is None else -rate

    assert len(found) == 3
    assert found == sorted(found, key=value)


def test_rest__pages__then_together_they_are_all(made: Serving) -> None:
    every = _get(made, "/tournaments/8/leaderboard", sort="stake")["items"]
    found, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = _get(made, "/tournaments/8/leaderboard", sort="stake", limit=1, **more)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == every


@pytest.mark.parametrize(
    "asked",
    [{"sort": "alpha"}, {"sort": "points"}, {"sort": "1; drop table leaders"}, {"season": 1}],
    ids=["other tournament", "inner name", "SQL", "year"],
)
def test_rest__what_is_not_there__is_refused(made: Serving, asked: dict[str, Any]) -> None:
    answer = made.client.get("/v1/tournaments/8/leaderboard", params=asked)
    assert answer.status_code == 422
    assert set(answer.json()["error"]) == {"code", "message", "fix"}


def test_rest__standings__then_the_newest_is_the_board(made: Serving, history: History) -> None:
    [row] = made.services.models.by_id(8, [history.alpha])
    found = _get(made, f"/models/{row.uuid}/standings")
    [leader] = [
        one
        for one in _get(made, "/tournaments/8/leaderboard")["items"]
        if one["number"] == history.alpha
    ]
    for name in ("score", "rank", "reputations", "ranks"):
        assert found[0][name] == leader[name]


@contextmanager
def _statements(serving: Serving) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    engine = serving.services.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    "ask",
    [
        lambda serving, limit: asker(serving).ask(CLASSIC, limit=limit),
        lambda serving, limit: _get(serving, "/tournaments/8/leaderboard", limit=limit),
        lambda serving, limit: _get(serving, "/leaderboard/accounts", limit=limit),
    ],
    ids=["GraphQL", "REST", "accounts"],
)
def test_boards__longer_pages__cost_no_more_queries(made: Serving, ask: Any) -> None:
    counts = []
    for limit in (1, 3):
        with _statements(made) as seen:
            ask(made, limit)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 8


def test_boards__nothing_happened__are_not_made_again(made: Serving) -> None:
    services = made.services
    boards = Boards(services.database, [8])
    now = {8: services.tournament(8).now()}
    assert boards.update(now) == 0
    with _statements(made) as seen:
        assert boards.update(now) == 0
    assert not [one for one in seen if not one.upper().startswith(("BEGIN", "SELECT", "WITH"))]


def test_boards__tables_emptied__come_back_the_same(made: Serving, history: History) -> None:
    before = _get(made, "/tournaments/8/leaderboard"), asker(made).ask(DAILY, name="beta")
    leaders = Leaders(made.services.database).page(8, 10, 0)
    services = made.services
    services.tournament(8).ledger._begin_anew("a test wants it")
    _make(made)  # leaves them alone while the tables show a past
    assert Leaders(services.database).page(8, 10, 0) == leaders
    with services.database.begin() as connection:
        for name in _TABLES:
            connection.execute(metadata.tables[name].delete())
    assert Leaders(services.database).page(8, 10, 0) == []
    made.follow()
    _make(made)
    assert (_get(made, "/tournaments/8/leaderboard"), asker(made).ask(DAILY, name="beta")) == before
