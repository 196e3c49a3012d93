"""Where a round stands, and what a stream is told of it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from oracle.gateway.rest.stages import Stages, stage_of
from oracle.records.rows import RoundRow

ROW = RoundRow(8, 3, closes=200, opens=100, horizon=50)
COMMITTED = replace(ROW, committed_at=260, final_at=300)


@pytest.mark.parametrize(
    ("row", "now", "stage"),
    [
        (ROW, 99, "upcoming"),
        (ROW, 100, "open"),
        (ROW, 199, "open"),
        (ROW, 200, "closed"),
        (ROW, 249, "closed"),
        (ROW, 250, "due"),
        (COMMITTED, 299, "committed"),
        (COMMITTED, 300, "final"),
        (replace(COMMITTED, final_at=None, challenged_at=270), 400, "challenged"),
        (replace(COMMITTED, challenged_at=270, confirmed_at=280), 400, "final"),
        (replace(COMMITTED, begun_at=310), 400, "settling"),
        (replace(COMMITTED, begun_at=310, ended="settled"), 400, "settled"),
        (replace(ROW, cancelled=True), 150, "cancelled"),
        (replace(ROW, cancelled=True, ended="void"), 250, "void"),
        (RoundRow(8, 3, closes=200, ended="skipped"), 200, "skipped"),
    ],
)
def test_stage__at_each_moment__is_the_rounds(row: RoundRow, now: int, stage: str) -> None:
    assert stage_of(row, now) == stage


class _World:
    """Rounds and a time that a test sets."""

    def __init__(self) -> None:
        self.rows: list[RoundRow] = []
        self.time = 0
        rounds = SimpleNamespace(list=lambda number, limit: self.rows[::-1][:limit])
        served = SimpleNamespace(now=lambda: self.time, ledger=SimpleNamespace(is_whole=True))
        self.services: Any = SimpleNamespace(tournaments={8: served}, rounds=rounds)


def test_stages__a_round_moves_on__each_change_once_and_in_order() -> None:
    world = _World()
    stages = Stages(world.services)
    world.rows = [ROW]
    for world.time in (100, 150, 200, 200, 250):
        stages.look()
    assert [(s.number, s.stage, s.at) for s in stages.after(0)] == [
        (1, "open", 100),
        (2, "closed", 200),
        (3, "due", 250),
    ]
    assert [s.stage for s in stages.after(2)] == ["due"]
    assert [s.number for s in stages.under_way()] == [3]
    world.rows = [replace(ROW, ended="void")]
    assert stages.look() == 1
    assert stages.under_way() == []


def test_stages__id_of_this_process_another_or_none__told_apart() -> None:
    world = _World()
    stages, other = Stages(world.services), Stages(world.services)
    world.rows, world.time = [ROW], 100
    stages.look()
    other.look()
    [stage] = stages.under_way()
    assert stages.number_of(stages.id_of(stage)) == stage.number
    assert stages.number_of(other.id_of(stage)) is None
    for text in ("", "-", f"{stages.began}-", f"{stages.began}-x", f"{stages.began}-²"):
        assert stages.number_of(text) is None


def test_stages__more_changes_than_are_kept__an_old_id_is_told_to_begin_anew() -> None:
    world = _World()
    stages = Stages(world.services)
    for number in range(1, 1_102):
        world.rows = [replace(ROW, number=number)]
        stages.look()
    assert len(stages.after(0)) == 1_000
    assert stages.number_of(f"{stages.began}-5") is None
    assert stages.number_of(f"{stages.began}-101") == 101
