"""Questions to the server's tables that need no chain: many values, names, forms."""

import pytest
from eth_utils import keccak
from sqlalchemy import insert

from oracle.errors import InputError
from oracle.records.models import Models
from oracle.records.results import Results
from oracle.records.rows import RoundRow, RoundStatus, model_uuid
from oracle.records.schema import chain
from oracle.records.stakes import Stakes
from oracle.settlement.payout import Template
from oracle.store.database import Database

MANY = 1_200
POOL = "0x" + "aB" * 20


@pytest.fixture
def filled(database: Database) -> Database:
    """Many models of two tournaments, each with a position and a score."""
    with database.begin() as connection:
        for tournament in (8, 12):
            here = {"tournament": tournament}
            connection.execute(
                insert(chain.models),
                [
                    {
                        **here,
                        "model": model,
                        "uuid": model_uuid(tournament, POOL, model),
                        "owner": f"0x{model % 3:040x}",
                        "payout": POOL,
                        "name_hash": keccak(text=f"name {model}"),
                        "registered_at": model,
                    }
                    for model in range(MANY)
                ],
            )
            connection.execute(
                insert(chain.positions),
                [
                    {**here, "model": m, "stake": m, "take_profit": False, "claimable": 0}
                    for m in range(MANY)
                ],
            )
            connection.execute(
                insert(chain.scores),
                [
                    {**here, "round": k, "model": m, "name": "corr", "value": -m, "percentile": 0}
                    for m in range(MANY)
                    for k in (1, 2)
                ],
            )
    return database


def test_queries__more_values_than_one_statement_holds__all_answered(filled: Database) -> None:
    models, wanted = Models(filled), list(range(0, MANY, 2))
    found = models.by_id(12, wanted)
    assert [row.model for row in found] == wanted
    assert len(models.by_uuid([row.uuid for row in found])) == len(wanted)
    assert sorted(Stakes(filled).positions(8, wanted)) == wanted
    assert len(Results(filled).scores(8, models=wanted, rounds=[2])) == len(wanted)


def test_queries__values_twice_or_none__each_row_once(filled: Database) -> None:
    assert [row.model for row in Models(filled).by_id(8, [5, 5, 5])] == [5]
    assert Models(filled).by_id(8, []) == []
    assert Stakes(filled).positions(8, []) == {}
    assert Results(filled).scores(8, models=[]) == []
    assert Results(filled).scores(8, rounds=[]) == []


def test_queries__one_tournament__nothing_of_the_other(filled: Database) -> None:
    assert len(Models(filled).all(8)) == MANY
    owner = f"0x{0:040x}"
    assert len(Models(filled).of_owner([owner])) == 2 * MANY // 3
    assert {row.tournament for row in Models(filled).of_owner([owner], 12)} == {12}
    assert len(Results(filled).scores(8, rounds=[1])) == MANY


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a\nb", "a\0b", "x" * 65, "model-7", "\u202eevil"], ids=ascii
)
def test_say__no_name__refused(database: Database, name: str) -> None:
    with pytest.raises(InputError, match="no name for a model"):
        Models(database).say(name)


def test_say__name__has_the_hash_that_the_chain_has(filled: Database) -> None:
    assert Models(filled).say("name 3") == keccak(text="name 3")
    Models(filled).say("name 3")
    [row] = Models(filled).by_name(8, ["name 3"])
    assert (row.model, row.name) == (3, "name 3")
    assert [r.model for r in Models(filled).by_name(8, ["model-4", "model-3"])] == [4]


def test_model_uuid__same_model_spelled_otherwise__the_same() -> None:
    assert model_uuid(137, POOL, 3) == model_uuid(137, POOL.lower(), 3)
    assert len({model_uuid(c, POOL, m) for c in (1, 137) for m in (3, 4)}) == 4


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (99, RoundStatus.UPCOMING),
        (100, RoundStatus.OPEN),
        (199, RoundStatus.OPEN),
        (200, RoundStatus.RESOLVING),
        (10_000, RoundStatus.RESOLVING),
    ],
)
def test_status__by_the_time__until_it_ended(now: int, status: RoundStatus) -> None:
    row = RoundRow(tournament=8, number=1, opens=100, closes=200, horizon=50)
    assert row.status(now) == status
    for ended in ({"ended": "void"}, {"ended": "settled"}, {"cancelled": True}):
        over = RoundRow(tournament=8, number=1, opens=100, closes=200, **ended)  # type: ignore[arg-type]
        assert over.status(now) == RoundStatus.RESOLVED


@pytest.mark.parametrize(
    ("at_risk", "factor"), [(None, None), (0, 10**6), (72, 10**6), (144, 500_000)]
)
def test_payout_factor__at_risk__threshold_over_it(at_risk: int | None, factor: int | None) -> None:
    template = Template((1, 2, 3), (1, 1, 1), 1, 1, 72, 0)
    row = RoundRow(tournament=8, number=1, closes=2, template=template, at_risk=at_risk)
    assert row.payout_factor == factor
