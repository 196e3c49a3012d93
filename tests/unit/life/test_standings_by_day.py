"""Standings over days and seasons, by rows as the ledger writes them. Both databases."""

import hashlib
from dataclasses import dataclass

import pytest
from sqlalchemy import delete, insert, update

from oracle.life.boards import STAKES_SECONDS, Boards
from oracle.life.leaders import Leaders
from oracle.life.points import Points
from oracle.life.standings import Standings
from oracle.records.rows import template_text
from oracle.records.schema import chain
from oracle.settlement.payout import Template
from oracle.settlement.specs import SPECS
from oracle.settlement.units import UNITS_PER_NMR
from oracle.store.database import Database
from oracle.tournaments.standing import DAY, SEASON_ROUNDS, YEAR, Tier, season_span

EIGHT = 8
NEW_YEAR = season_span(2027).start
MIDNIGHT = NEW_YEAR + 100 * DAY
TEMPLATE = Template((1, 2, 0), (2_000_000, 1_000_000, 0), 10**11, 10**11, 10**15, 0)
"""Pays 2 x CORR + MMC."""


@dataclass(frozen=True)
class Table:
    """Writes what the ledger would."""

    database: Database

    def model(self, number: int, stake: int = 0) -> None:
        row = {
            "tournament": EIGHT,
            "model": number,
            "uuid": f"00000000-0000-0000-0000-{number:012d}",
            "owner": f"0x{number % 2:040x}",
            "payout": f"0x{number % 2:040x}",
            "name_hash": number.to_bytes(32, "big"),
            "registered_at": 1,
        }
        position = {"stake": stake, "take_profit": False, "claimable": 0}
        with self.database.begin() as connection:
            connection.execute(insert(chain.models), [row])
            key = {"tournament": EIGHT, "model": number}
            connection.execute(insert(chain.positions), [{**key, **position}])

    def round(
        self, number: int, due: int, corr: dict[int, int], *, at_risk: int = UNITS_PER_NMR
    ) -> None:
        """A round with scores; those of MMC are a tenth of those of CORR."""
        row = {
            "tournament": EIGHT,
            "round": number,
            "opens": due - 200,
            "closes": due - 100,
            "horizon": 100,
            "spec_hash": list(SPECS.values())[-1].hash,
            "template": template_text(TEMPLATE),
            "cancelled": False,
            "gains": 0,
            "burns": 0,
            "stakes_taken": True,
            "scored": hashlib.sha256(bytes([number % 256])).digest(),
        }
        key = {"tournament": EIGHT, "round": number}
        scores = [
            {**key, "model": model, "name": name, "value": value // part, "percentile": 0}
            for model, value in corr.items()
            for name, part in (("corr", 1), ("mmc", 10))
        ]
        results = [
            {**key, "model": model, "status": "scored", "stake": at_risk, "reason": ""}
            for model in corr
        ]
        with self.database.begin() as connection:
            connection.execute(insert(chain.rounds), [row])
            connection.execute(insert(chain.scores), scores)
            connection.execute(insert(chain.results), results)

    def make(self, now: int) -> int:
        """One run; how many boards it made."""
        return Boards(self.database, [EIGHT]).update({EIGHT: now})

    def change(self, number: int, **values: object) -> None:
        here = (chain.rounds.c.tournament == EIGHT, chain.rounds.c.round == number)
        with self.database.begin() as connection:
            connection.execute(update(chain.rounds).where(*here).values(values))

    def of(self, model: int) -> list[tuple[int, int | None, int | None]]:
        """Date, reputation by CORR and place by it, the newest first."""
        return [
            (one.date, one.reputations.get("corr"), one.ranks.get("corr"))
            for one in Standings(self.database, EIGHT).of(model)
        ]

    def board(self) -> list[tuple[int, int, int | None]]:
        """Model, rank, rank before."""
        found = Leaders(self.database).page(EIGHT, 100, 0)
        return [(one.model, one.rank, one.prev_rank) for one in found]


@pytest.fixture
def table(database: Database) -> Table:
    made = Table(database)
    for model in (1, 2, 3):
        made.model(model, stake=model * UNITS_PER_NMR)
    return made


def test_standings__of_each_day__are_as_of_its_end(table: Table) -> None:
    table.round(1, MIDNIGHT + 10, {1: 1000, 2: 500})
    table.round(2, MIDNIGHT + 20, {1: 3000})
    table.round(3, MIDNIGHT + DAY, {1: -1000, 2: 4000})
    assert table.make(MIDNIGHT + DAY + 100) == 1
    assert table.of(1) == [(MIDNIGHT + DAY, 1000, 2), (MIDNIGHT, 2000, 1)]
    assert table.of(2) == [(MIDNIGHT + DAY, 2250, 1), (MIDNIGHT, 500, 2)]
    # The last has stake and no score: behind those that have one, and it was nowhere before.
    assert table.board() == [(2, 1, 2), (1, 2, 1), (3, 3, None)]


def test_standings__a_year_later__a_round_is_left_out(table: Table) -> None:
    table.round(1, MIDNIGHT, {1: 1000, 2: 10})
    table.round(2, MIDNIGHT + YEAR - 1, {1: 3000, 2: 20})
    table.make(MIDNIGHT + YEAR - 1)
    assert [one.reputations["corr"] for one in Leaders(table.database).page(EIGHT, 1, 0)] == [2000]
    table.make(MIDNIGHT + YEAR)
    assert [one.reputations["corr"] for one in Leaders(table.database).page(EIGHT, 1, 0)] == [3000]
    assert [date for date, _, _ in table.of(1)] == [MIDNIGHT + YEAR - DAY]


def test_standings__a_round_turns_void__it_counts_for_nothing(table: Table) -> None:
    table.round(1, MIDNIGHT, {1: 1000, 2: 500})
    table.round(2, MIDNIGHT + DAY, {1: 9000, 2: 500})
    table.make(MIDNIGHT + 2 * DAY)
    table.change(2, ended="void", ended_at=MIDNIGHT + 2 * DAY)
    assert table.make(MIDNIGHT + 2 * DAY) == 1
    assert table.of(1) == [(MIDNIGHT, 1000, 1)]
    assert [one.round for one in Points(table.database, EIGHT).update()[0]] == [1]


def test_standings__another_result__is_taken_in(table: Table) -> None:
    table.round(1, MIDNIGHT, {1: 1000, 2: 500})
    table.make(MIDNIGHT)
    with table.database.begin() as connection:
        connection.execute(
            delete(chain.scores).where(chain.scores.c.round == 1, chain.scores.c.model == 1)
        )
    assert table.make(MIDNIGHT) == 0  # the same manifest: the same scores
    table.change(1, scored=bytes(32))
    assert table.make(MIDNIGHT) == 1
    assert table.of(1) == []
    assert table.of(2) == [(MIDNIGHT, 500, 1)]


def test_points__pay_the_templates_scores__and_sharpe_is_of_them(table: Table) -> None:
    for number, corr in enumerate((10_000_000, 30_000_000), 1):
        table.round(number, MIDNIGHT + number, {1: corr})
    table.make(MIDNIGHT + 10)
    first = Leaders(table.database).page(EIGHT, 1, 0)[0]
    # 2.1 times CORR: 21,000,000 and 63,000,000.
    assert (first.model, first.score, first.today) == (1, 42_000_000, 63_000_000)
    assert first.sharpe == 2 * 10**9


def test_points__beyond_all_bounds__still_fit(table: Table) -> None:
    for number in range(5):
        table.round(number, MIDNIGHT + number, {1: 10**16 + number, 2: -(10**16) * (number + 1)})
    assert table.make(MIDNIGHT + 10) == 1
    first, last = Leaders(table.database).page(EIGHT, 2, 0)
    assert (first.sharpe, last.sharpe) == (None, None)
    assert (first.model, first.score) == (1, 21 * (10**16 + 2) // 10)


def test_boards__of_many_rounds__are_made_when_all_are_there(table: Table) -> None:
    for number in range(25):
        table.round(number, MIDNIGHT + number * DAY, {1: 1000 * number})
    made = [table.make(MIDNIGHT + 25 * DAY) for _ in range(6)]
    assert made == [0, 0, 0, 0, 1, 0]
    assert [value for _, value, _ in table.of(1)] == [500 * n for n in range(24, -1, -1)]
    assert table.board()[0] == (1, 1, 1)


def test_boards__stakes_alone_change__wait_a_minute(table: Table) -> None:
    table.round(1, MIDNIGHT, {1: 1000})
    boards = Boards(table.database, [EIGHT])

    def make(now: int) -> tuple[int, list[int]]:
        made = boards.update({EIGHT: now})
        return made, [one.stake // UNITS_PER_NMR for one in leaders.page(EIGHT, 10, 0)]

    leaders, nmr = Leaders(table.database), UNITS_PER_NMR
    assert make(MIDNIGHT) == (1, [1, 3, 2])
    with table.database.begin() as connection:
        of_1 = chain.positions.c.model == 1
        connection.execute(update(chain.positions).where(of_1).values(stake=9 * nmr))
    assert make(MIDNIGHT + STAKES_SECONDS - 1) == (0, [1, 3, 2])
    assert make(MIDNIGHT + STAKES_SECONDS) == (1, [9, 3, 2])
    assert make(MIDNIGHT + 2 * STAKES_SECONDS) == (0, [9, 3, 2])
    with table.database.begin() as connection:
        connection.execute(update(chain.positions).where(of_1).values(stake=8 * nmr))
    table.round(2, MIDNIGHT + 2 * STAKES_SECONDS, {2: 7000})
    assert make(MIDNIGHT + 2 * STAKES_SECONDS) == (1, [2, 8, 3])


def test_seasons__end_with_the_year__and_ask_for_rounds(table: Table) -> None:
    last = season_span(2027)[-1]
    for number in range(SEASON_ROUNDS):
        scores = {1: 1_000_000, 2: 2_000_000} if number else {2: 2_000_000}
        table.round(number + 1, last - number, scores)
    table.round(90, last + 1, {1: 5_000_000, 3: 1_000_000}, at_risk=UNITS_PER_NMR - 1)
    assert [table.make(last + 100) for _ in range(3)] == [0, 0, 1]
    leaders = Leaders(table.database)
    of_2027 = leaders.season(EIGHT, 2027)
    assert [(one.model, one.rank, one.rounds, one.tier) for one in of_2027] == [
        (2, 1, SEASON_ROUNDS, Tier.GRANDMASTER),
        (1, 2, SEASON_ROUNDS - 1, Tier.NOVICE),
    ]
    assert of_2027[0].score == 4_200_000
    assert of_2027[1].score == 2_100_000 * (SEASON_ROUNDS - 1) // SEASON_ROUNDS
    # With less than an NMR at risk the next year's round counts for nobody.
    assert {(one.score, one.rounds) for one in leaders.season(EIGHT, 2028)} == {(0, 0)}
    assert leaders.season(EIGHT, 2027, ids=[1]) == of_2027[1:]
    assert leaders.season(EIGHT, 2026) == []


def test_returns__by_windows__count_from_when_settling_began(table: Table) -> None:
    now = MIDNIGHT + 400 * DAY
    ages = {1: 399 * DAY, 2: 300 * DAY, 3: 50 * DAY, 4: 100}
    for number, age in ages.items():
        table.round(number, now - age, {1: 1000})
        table.change(number, begun_at=now - age, ended="settled", ended_at=now - age + 1)
    moved = [
        {
            "tournament": EIGHT,
            "round": number,
            "model": 1,
            "stake": 100,
            "change": change,
            "taken": 0,
        }
        for number, change in zip(ages, (100, -50, 20, 10), strict=True)
    ]
    with table.database.begin() as connection:
        connection.execute(insert(chain.settlements), moved)
    table.make(now)
    leaders = Leaders(table.database)
    [one] = [one for one in leaders.page(EIGHT, 10, 0) if one.model == 1]
    assert one.returns == {
        "1_day": 100_000_000,
        "13_weeks": 320_000_000,
        "52_weeks": -340_000_000,
    }
    account = next(a for a in leaders.accounts(EIGHT, 10, 0) if a.address.endswith("1"))
    # Of models 1 and 3, the second of which nothing was done to.
    assert account.returns == {"3m": 320_000_000, "1y": -340_000_000, "all_time": 320_000_000}
    assert account.gains == {"3m": 30, "1y": -20, "all_time": 80}
    assert account.stake == 4 * UNITS_PER_NMR
    assert leaders.accounts(None, 10, 0) == leaders.accounts(EIGHT, 10, 0)
