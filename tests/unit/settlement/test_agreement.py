"""Operators that exchange votes come to one result, whatever liars and the network do."""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.agreement import (
    NIL,
    Cast,
    Decided,
    Elector,
    Matter,
    Step,
    Votes,
    Wait,
)
from oracle.settlement.typed_data import Vote

ROUND = 7
X, Y = b"\x11" * 32, b"\x22" * 32
SIGNATURE = bytes(65)


def members(count: int) -> tuple[str, ...]:
    return tuple(f"0x{n:040x}" for n in range(1, count + 1))


def matter_of(count: int) -> Matter:
    """The largest number of liars that so many operators bear."""
    liars = (count - 1) // 3
    return Matter(ROUND, members(count), count - liars, liars)


FOUR = matter_of(4)
A, B, C, D = FOUR.members


def votes(*cast: tuple[str, int, Step, bytes], matter: Matter = FOUR) -> Votes:
    made = Votes(matter)
    for who, view, step, value in cast:
        assert made.add(who, Vote(matter.round, matter.challenge, view, step, value), SIGNATURE)
    return made


def move(
    known: Votes,
    *,
    own: bytes | None = X,
    acceptable: Iterable[bytes] = (X, Y),
    expired: Iterable[Wait] = (),
    who: str = A,
) -> Cast | Decided | None:
    taken, late = tuple(acceptable), tuple(expired)
    elector = Elector(who, lambda: own, taken.__contains__, lambda view, wait: wait in late)
    return elector.next_move(known)


def prevotes(view: int, value: bytes, *who: str) -> list[tuple[str, int, Step, bytes]]:
    return [(one, view, Step.PREVOTE, value) for one in who]


def precommits(view: int, value: bytes, *who: str) -> list[tuple[str, int, Step, bytes]]:
    return [(one, view, Step.PRECOMMIT, value) for one in who]


FAILED = [*prevotes(0, X, A, B), *prevotes(0, Y, C), *precommits(0, NIL, A, B, C)]
"""View 0 of operators that came to different results."""


def proposer(view: int) -> str:
    return FOUR.proposer(view)


def follower(view: int) -> str:
    return next(who for who in FOUR.members if who != proposer(view))


# ---------------------------------------------------------------------- single moves


def test_next_move__nothing_known__prevotes_what_it_came_to_itself() -> None:
    assert move(votes()) == Cast(0, Step.PREVOTE, X)


def test_next_move__not_evaluated_yet__waits() -> None:
    assert move(votes(), own=None, expired=Wait) is None


def test_next_move__enough_prevoted_the_same__precommits_it() -> None:
    assert move(votes(*prevotes(0, X, A, B, C))) == Cast(0, Step.PRECOMMIT, X)


def test_next_move__enough_prevoted_what_cannot_be_come_to_here__waits_then_precommits_none() -> (
    None
):
    known = votes(*prevotes(0, Y, B, C, D), *prevotes(0, X, A))
    assert move(known, acceptable=()) is None
    assert move(known, acceptable=(), expired=[Wait.PREVOTES]) == Cast(0, Step.PRECOMMIT, NIL)
    assert move(known, acceptable=[Y]) == Cast(0, Step.PRECOMMIT, Y)


def test_next_move__prevotes_differ__waits_for_the_last_one_before_it_gives_up() -> None:
    known = votes(*prevotes(0, X, A, B), *prevotes(0, Y, C))
    assert move(known) is None
    assert move(known, expired=[Wait.PREVOTES]) == Cast(0, Step.PRECOMMIT, NIL)


def test_next_move__fewer_than_enough_prevoted__time_changes_nothing() -> None:
    assert move(votes(*prevotes(0, X, A, B)), expired=Wait) is None


def test_next_move__enough_precommitted__decided() -> None:
    known = votes(*prevotes(0, X, A, B, C), *precommits(0, X, A, B, C))
    assert move(known) == Decided(0, X)
    assert move(known, own=None, acceptable=()) == Decided(0, X)


def test_next_move__precommits_of_two_views__are_not_added_up() -> None:
    known = votes(
        *prevotes(0, X, A, B, C), *precommits(0, X, A, B), *precommits(1, X, C), *prevotes(1, X, C)
    )
    assert not isinstance(move(known), Decided)


def test_next_move__view_failed__the_proposer_proposes_what_it_came_to() -> None:
    assert move(votes(*FAILED), who=proposer(1), own=Y) == Cast(1, Step.PREVOTE, Y)


def test_next_move__view_failed__the_others_wait_for_the_proposal_then_vote_for_none() -> None:
    who = follower(1)
    known = votes(*prevotes(0, X, who, A, B, C, D)[:1], *_others(FAILED, who), *_nil(who))
    assert move(known, who=who) is None
    assert move(known, who=who, expired=[Wait.PROPOSAL]) == Cast(1, Step.PREVOTE, NIL)


def _others(cast: list[tuple[str, int, Step, bytes]], who: str) -> list:
    return [one for one in cast if one[0] != who]


def _nil(who: str) -> list[tuple[str, int, Step, bytes]]:
    return precommits(0, NIL, who)


def test_next_move__proposal_is_acceptable__prevotes_it() -> None:
    known = votes(*FAILED, *prevotes(1, Y, proposer(1)))
    who = next(one for one in (A, B, C) if one != proposer(1))
    assert move(known, who=who) == Cast(1, Step.PREVOTE, Y)
    assert move(known, who=who, acceptable=[X]) is None
    late = move(known, who=who, acceptable=[X], expired=[Wait.PROPOSAL])
    assert late == Cast(1, Step.PREVOTE, NIL)


def test_next_move__locked_on_another_result__does_not_follow_the_proposal() -> None:
    who = follower(1)
    locked = votes(
        *prevotes(0, X, A, B, C, D),
        *precommits(0, X, who),
        *precommits(0, NIL, *[one for one in FOUR.members if one != who]),
        *prevotes(1, Y, proposer(1)),
    )
    assert move(locked, who=who) is None
    assert move(locked, who=who, expired=[Wait.PROPOSAL]) == Cast(1, Step.PREVOTE, NIL)


def test_next_move__locked_but_enough_prevoted_another_later__follows_again() -> None:
    who = next(one for one in FOUR.members if one not in (proposer(1), proposer(2)))
    others = [one for one in FOUR.members if one != who]
    known = votes(
        *prevotes(0, X, *FOUR.members),
        *precommits(0, X, who),
        *precommits(0, NIL, *others),
        *prevotes(1, NIL, who),
        *prevotes(1, Y, *others),
        *precommits(1, NIL, *FOUR.members),
        *prevotes(2, Y, proposer(2)),
    )
    assert move(known, who=who) == Cast(2, Step.PREVOTE, Y)


def test_next_move__proposer_saw_enough_prevotes_before__proposes_that_not_its_own() -> None:
    known = votes(*prevotes(0, X, A, B, C, D), *precommits(0, NIL, A, B, C, D))
    assert move(known, who=proposer(1), own=Y) == Cast(1, Step.PREVOTE, X)


def test_next_move__others_are_further_on__joins_the_view_of_an_honest_one() -> None:
    known = votes(*prevotes(5, NIL, B), *prevotes(3, NIL, C))
    assert move(known, expired=[Wait.PROPOSAL]).view == 3


def test_next_move__one_alone_claims_to_be_far_on__is_not_believed() -> None:
    assert move(votes(*prevotes(9, Y, D))) == Cast(0, Step.PREVOTE, X)


# ---------------------------------------------------------------------- counting


@pytest.mark.parametrize(
    "vote",
    [
        Vote(ROUND + 1, NIL, 0, Step.PREVOTE, X),
        Vote(ROUND, X, 0, Step.PREVOTE, X),
        Vote(ROUND, NIL, 0, 3, X),
        Vote(ROUND, NIL, 99, Step.PREVOTE, X),
    ],
    ids=["other round", "other challenge", "no step", "far ahead"],
)
def test_add__not_of_this_matter__is_not_counted(vote: Vote) -> None:
    assert not Votes(FOUR).add(A, vote, SIGNATURE)


def test_add__stranger_or_known__is_not_counted() -> None:
    known, vote = Votes(FOUR), Vote(ROUND, NIL, 0, Step.PREVOTE, X)
    assert not known.add("0x" + "99" * 20, vote, SIGNATURE)
    assert known.add(A, vote, SIGNATURE)
    assert not known.add(A, vote, SIGNATURE)
    assert list(known) == [(vote, SIGNATURE)]


def test_add__liar_votes_for_everything__few_are_kept_but_what_honest_ones_voted_for() -> None:
    known = votes(*prevotes(0, X, A, B))
    junk = [Vote(ROUND, NIL, 0, Step.PREVOTE, bytes([n]) * 32) for n in range(100, 200)]
    assert sum(known.add(D, vote, SIGNATURE) for vote in junk) < 10
    assert known.add(D, Vote(ROUND, NIL, 0, Step.PREVOTE, X), SIGNATURE)
    assert known.enough(0, Step.PREVOTE) == X


# ---------------------------------------------------------------------- all together


def named(receipts: Iterable[int]) -> bytes:
    """The result that receipts lead to."""
    return hashlib.sha256(repr(sorted(receipts)).encode()).digest()


@dataclass
class Node:
    """An honest operator: its receipts, those it first evaluated, and the votes it knows."""

    address: str
    matter: Matter
    receipts: set[int]
    frozen: frozenset[int] | None = None
    results: dict[bytes, frozenset[int]] = field(default_factory=dict)
    said: dict[tuple[int, Step], bytes] = field(default_factory=dict)
    late: set[tuple[int, Wait]] = field(default_factory=set)
    asked: set[tuple[int, Wait]] = field(default_factory=set)
    decided: Decided | None = None

    def __post_init__(self) -> None:
        self.votes = Votes(self.matter)

    def step(self, peers: list["Node"]) -> bool:
        """One move; False if there is none."""
        if self.decided:
            return False
        if self.frozen is None:
            self.frozen = frozenset(self.receipts)
        own = named(self.receipts)
        self.results[own] = frozenset(self.receipts)

        def acceptable(value: bytes) -> bool:
            shown = next((p.results[value] for p in [self, *peers] if value in p.results), None)
            if shown is None or not (shown >= self.frozen or self.votes.is_backed(value)):
                return False
            self.results[value] = shown
            return True

        def expired(view: int, wait: Wait) -> bool:
            self.asked.add((view, wait))
            return (view, wait) in self.late

        found = Elector(self.address, lambda: own, acceptable, expired).next_move(self.votes)
        if isinstance(found, Decided):
            self.decided = found
        elif found is not None:
            assert (found.view, found.step) not in self.said, "voted twice in one step"
            assert found.view >= max((view for view, _ in self.said), default=0)
            self.said[found.view, found.step] = found.value
            vote = Vote(self.matter.round, NIL, found.view, found.step, found.value)
            assert self.votes.add(self.address, vote, SIGNATURE)
        return found is not None

    def hear(self, other: "Node", signers: Iterable[str]) -> None:
        """What another one shows: its votes, those it knows of others, and its receipts."""
        self.receipts |= other.receipts
        for signer in signers:
            for view, step in list(other.votes._by):
                for value in other.votes.of(signer, view, step):
                    vote = Vote(self.matter.round, NIL, view, step, value)
                    self.votes.add(signer, vote, SIGNATURE)


def play(count: int, seed: int, moves: int) -> list[Node]:
    """Liars, as many as are borne, and a network that does what it likes for ``moves`` moves; then
    messages arrive."""
    dice, matter = random.Random(seed), matter_of(count)
    liars = dice.sample(matter.members, count - matter.needed)
    common = set(range(dice.randrange(3)))
    nodes = [
        Node(who, matter, common | {dice.randrange(10) for _ in range(dice.randrange(3))})
        for who in matter.members
        if who not in liars
    ]
    for _ in range(moves):
        _disturb(dice, matter, liars, nodes)
    for _ in range(60):
        if all(node.decided for node in nodes):
            break
        _settle(matter, nodes)
        if dice.random() < 0.5:
            _disturb(dice, matter, liars, nodes)
    return nodes


def _disturb(dice: random.Random, matter: Matter, liars: list[str], nodes: list[Node]) -> None:
    node, other = dice.choice(nodes), dice.choice(nodes)
    match dice.randrange(6):
        case 0 | 1:
            node.step([] if dice.random() < 0.5 else nodes)
        case 2:
            node.hear(other, dice.sample(matter.members, dice.randrange(len(matter.members) + 1)))
        case 3:
            node.late |= set(dice.sample(sorted(node.asked), len(node.asked) // 2))
        case 4 if liars:
            seen = [named(node.receipts), *(v for n in nodes for v in n.said.values())]
            value = dice.choice([*seen, NIL, bytes([dice.randrange(256)]) * 32])
            view = dice.randrange(max((v for n in nodes for v, _ in n.said), default=0) + 2)
            vote = Vote(matter.round, NIL, view, dice.choice(list(Step)), value)
            for one in dice.sample(nodes, dice.randrange(1, len(nodes) + 1)):
                one.votes.add(dice.choice(liars), vote, SIGNATURE)
        case 5:
            node.receipts.add(dice.randrange(100))  # a liar shows it a receipt that it held back


def _settle(matter: Matter, nodes: list[Node]) -> None:
    """All is heard and done that can be; then those that still wait have waited long enough."""
    busy = True
    while busy:
        for node in nodes:
            for other in nodes:
                node.hear(other, matter.members)
        busy = sum(node.step(nodes) for node in nodes) > 0
    for node in nodes:
        node.late |= node.asked


@given(st.sampled_from([1, 3, 4, 7, 10]), st.integers(0, 2**64), st.integers(0, 300))
def test_agreement__any_network_and_as_many_liars_as_are_borne__all_come_to_one_result(
    count: int, seed: int, moves: int
) -> None:
    nodes = play(count, seed, moves)
    assert all(node.decided for node in nodes), "somebody never decided"
    assert len({node.decided.value for node in nodes if node.decided}) == 1


@given(st.integers(0, 2**64), st.integers(0, 300))
def test_agreement__what_every_honest_one_had_at_first__is_in_the_result(
    seed: int, moves: int
) -> None:
    nodes = play(4, seed, moves)
    decided = nodes[0].decided
    assert decided is not None
    shown = next(n.results[decided.value] for n in nodes if decided.value in n.results)
    first = [node.frozen for node in nodes if node.frozen is not None]
    assert frozenset.intersection(*first) <= shown


def test_restore__kept_votes_far_on_or_beyond_what_is_kept_of_one__are_all_there() -> None:
    """They were counted once: a lock that is forgotten is no lock."""
    known = Votes(FOUR)
    known.restore(A, Vote(ROUND, NIL, 40, Step.PRECOMMIT, X), SIGNATURE)
    for n in range(8):
        known.restore(D, Vote(ROUND, NIL, 0, Step.PREVOTE, bytes([n]) * 32), SIGNATURE)
    assert known.lock(A) == (40, X)
    assert known.last_view(A) == 40
    assert len(known.of(D, 0, Step.PREVOTE)) == 8


def test_is_backed__more_must_answer_than_commit__liars_alone_back_nothing() -> None:
    """Six of seven answer a challenge, five commit: two may lie, and say that a result is right."""
    answer = Matter(ROUND, members(7), 6, liars=2, challenge=X)
    two, third = answer.members[:2], answer.members[2]
    cast = [(who, 0, Step.PREVOTE, Y) for who in two]
    assert not votes(*cast, matter=answer).is_backed(Y)
    assert votes(*cast, (third, 0, Step.PREVOTE, Y), matter=answer).is_backed(Y)
    far = [(who, 9, Step.PREVOTE, Y) for who in two]
    assert votes(*far, matter=answer).common_view() == 0
