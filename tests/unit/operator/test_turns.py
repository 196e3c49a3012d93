"""Whose turn it is, and when to ask again, on a clock that the test moves."""

from dataclasses import dataclass

from oracle.operator.turns import Turns

MEMBERS = ["0x30", "0x10", "0x20"]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_is_mine__round_by_round__the_leader_changes() -> None:
    turns = Turns(5.0, Clock())
    leaders = [
        [who for who in MEMBERS if turns.is_mine(who, MEMBERS, number, f"commit {who}")]
        for number in (3, 4, 5, 6)
    ]
    assert leaders == [["0x10"], ["0x30"], ["0x20"], ["0x10"]]


def test_is_mine__leader_silent__the_next_ones_follow_one_stagger_apart() -> None:
    clock = Clock()
    turns = Turns(5.0, clock)
    started = {}
    for moment in range(16):
        clock.now = float(moment)
        for who in (*MEMBERS, "0x99"):
            if turns.is_mine(who, MEMBERS, 3, who):
                started.setdefault(who, moment)
    assert started == {"0x10": 0, "0x20": 5, "0x30": 10, "0x99": 15}


def test_done__asked_again__waits_anew() -> None:
    clock = Clock()
    turns = Turns(5.0, clock)
    assert not turns.is_mine("0x20", MEMBERS, 3, "flush")
    clock.now = 5.0
    assert turns.is_mine("0x20", MEMBERS, 3, "flush")
    turns.done(3, "flush")
    assert not turns.is_mine("0x20", MEMBERS, 3, "flush")


def test_is_time__asked_all_the_time__ever_more_seldom_up_to_ten_seconds() -> None:
    clock = Clock()
    turns = Turns(0.0, clock)
    times = []
    while clock.now < 40:
        if turns.is_time(1, "share"):
            times.append(clock.now)
        clock.now += 0.5
    assert times == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5]


def test_forget_before__ended_rounds__leave_nothing_behind() -> None:
    turns = Turns(1.0, Clock())
    for number in range(1, 100):
        turns.waited(number, "commit")
        turns.is_time(number, "share")
        turns.forget_before(number)
    assert len(turns._since) == len(turns._asks) == 1
