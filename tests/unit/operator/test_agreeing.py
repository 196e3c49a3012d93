"""Honest operators sign one result, whatever liars show to whom and when."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from agreeing_world import (
    ORACLE_DOMAIN,
    AgreeingWorld,
    KilledError,
    file_of,
    one_result,
    voted,
)
from eth_account import Account
from ingest_world import ROUND, signed

from oracle.operator import agreeing
from oracle.operator.failpoints import Failpoint
from oracle.settlement.agreement import NIL, Step
from oracle.settlement.round_receipts import RECEIPTS, parse_receipts
from oracle.settlement.typed_data import Domain, Vote, recover

CHALLENGE = b"\x0c" * 32


@pytest.fixture
def world(tmp_path: Path) -> Iterator[AgreeingWorld]:
    made = AgreeingWorld(tmp_path)
    yield made
    made.close()


def models_in(world: AgreeingWorld) -> set[int]:
    raw = (world.honest[0].context.folder(ROUND) / RECEIPTS).read_bytes()
    return {receipt.key.model for receipt in parse_receipts(raw)}


def test_attest__all_have_the_same__sign_it_in_the_first_view(world: AgreeingWorld) -> None:
    for one in world.honest:
        one.take(file_of(1), 1)
    world.due()
    world.play(random.Random(1))
    one_result(world)
    votes = world.honest[0].context.ballots.own(ROUND, NIL)
    assert [(vote.view, vote.step) for vote, _ in votes] == [(0, Step.PREVOTE), (0, Step.PRECOMMIT)]


def test_attest__liar_agrees_with_one_then_shows_the_others_a_receipt__nobody_is_alone(
    world: AgreeingWorld,
) -> None:
    """With no more than equal proposals to go by, the first would sign what nobody else can."""
    liar, (first, second, third) = world.liars[0], world.honest
    for one in world.honest:
        one.take(file_of(1), 1)
    held_back = second.take(file_of(2), 2)
    world.due()
    voted_for = voted(first)
    liar.votes_for(first, voted_for)
    liar.shows(second, held_back)
    liar.shows(third, held_back)
    assert voted(second) != voted_for
    liar.votes_for(first, voted_for, step=Step.PRECOMMIT)
    world.play(random.Random(1))
    one_result(world)


@pytest.mark.parametrize("seed", range(6))
def test_attest__liars_show_receipts_and_votes_at_random__one_result(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    world = AgreeingWorld(
        tmp_path, count=7 if seed % 3 == 2 else 4, liars=2 if seed % 3 == 2 else 1
    )
    for one in world.honest:
        one.take(file_of(1), 1)
    held_back = [
        dice.choice(world.honest).take(file_of(model), model) for model in (2, 4, 7, 10, 11)
    ]
    world.due()

    def lie() -> None:
        liar, to = dice.choice(world.liars), dice.choice(world.honest)
        match dice.randrange(4):
            case 0:
                key = dice.choice(held_back)
                shown = {item.model for item in liar.lists.get(to.key.address, [])}
                if key.model not in shown:
                    accomplices = [one for one in world.liars if one is not liar]
                    liar.shows(to, key, *(one.receipt(key) for one in accomplices))
            case 1 | 2:
                cast = [one.context.ballots.own(ROUND, NIL) for one in world.honest]
                values = [vote.value for votes in cast for vote, _ in votes]
                value = dice.choice([*values, NIL, b"\x77" * 32])
                liar.votes_for(to, value, dice.randrange(3), dice.choice(list(Step)))
            case 3:
                world.now += dice.random() * 10

    world.play(dice, 400, lie)
    one_result(world)
    assert 1 in models_in(world)
    world.close()


@pytest.mark.parametrize(
    "place",
    [
        Failpoint.EVALUATED,
        Failpoint.VOTE_KEPT,
        Failpoint.AGREED,
        Failpoint.FOLDER_WRITTEN,
        Failpoint.COMMIT_RESERVED,
        Failpoint.COMMIT_SIGNED,
        Failpoint.COMMIT_SHOWN,
    ],
)
def test_attest__all_killed_on_the_way__come_to_one_result_and_vote_once_a_step(
    world: AgreeingWorld, place: Failpoint
) -> None:
    for one in world.honest:
        one.take(file_of(1), 1)
        one.doom = place
    world.due()
    killed = 0
    for _ in range(8):
        for one in world.honest:
            world.now += 1.0
            try:
                one.cycle()
            except KilledError:
                killed += 1
                one.restart()
    assert killed == len(world.honest)
    world.play(random.Random(2))
    one_result(world)


def test_attest__all_killed_after_a_vote_and_more_receipts_come__the_draft_is_not_lost(
    world: AgreeingWorld,
) -> None:
    """What they came to before can be come to no more by what is known now."""
    liar = world.liars[0]
    for one in world.honest:
        one.take(file_of(1), 1)
    late = world.honest[0].take(file_of(2), 2)
    world.due()
    for one in world.honest:
        for _ in range(2):
            world.now += 1.0
            one.cycle()
    voted = world.honest[0].context.ballots.own(ROUND, NIL)[0][0].value
    assert all(one.signed is None for one in world.honest[:2])
    for one in world.honest:
        one.restart()
        liar.shows(one, late)
    world.play(random.Random(3))
    assert one_result(world) == voted


def test_attest__one_was_away__comes_to_the_others_result_by_their_draft(
    world: AgreeingWorld,
) -> None:
    away = world.honest[2]
    for one in world.honest:
        one.take(file_of(1), 1)
    only_its_own = away.take(file_of(2), 2)
    away.is_up = False
    world.due()
    agreed = voted(world.honest[0])
    for one in world.honest[:2]:
        world.liars[0].votes_for(one, agreed)
        world.liars[0].votes_for(one, agreed, step=Step.PRECOMMIT)
    world.play(random.Random(4))
    assert {one.signed for one in world.honest[:2]} == {agreed}
    away.is_up = True
    world.liars[0].shows(away, only_its_own)
    world.play(random.Random(5))
    assert one_result(world) == agreed


def test_attest__dry_run__shows_no_vote_and_writes_nothing(world: AgreeingWorld) -> None:
    one = world.honest[0]
    one.context.signer = None
    one.take(file_of(1), 1)
    world.due()
    one.attesting.attest(ROUND)
    assert one.agreeing.shown(ROUND, NIL) == []
    assert not one.context.folder(ROUND).exists()


def test_attest__blocked_round__casts_no_vote_and_signs_nothing(world: AgreeingWorld) -> None:
    one = world.honest[0]
    one.context.journal.block(ROUND)
    world.due()
    for _ in range(3):
        world.now += 5.0
        one.attesting.attest(ROUND)
    assert one.agreeing.shown(ROUND, NIL) == []
    assert one.signed is None


def test_attest__too_few_agree__waits_without_a_signature(world: AgreeingWorld) -> None:
    for one in world.honest:
        one.take(file_of(1), 1)
    world.honest[2].is_up = False
    world.due()
    for _ in range(20):
        world.now += 1.0
        for one in world.honest:
            one.cycle()
    assert [one.signed for one in world.honest] == [None, None, None]


def test_decided__peer_shows_a_vote_of_a_stranger__reads_no_further(world: AgreeingWorld) -> None:
    liar, one = world.liars[0], world.honest[0]
    one.take(file_of(1), 1)
    world.due()
    true_key, liar.key = liar.key, Account.create()
    liar.votes_for(one, b"\x01" * 32)
    liar.key = true_key
    liar.votes_for(one, b"\x02" * 32)
    one.cycle()
    one.cycle()
    shown = {message.value for message in one.agreeing.shown(ROUND, NIL)}
    assert "0x" + "02" * 32 not in shown


def test_decided__liar_shows_honest_votes_behind_a_forged_one__they_are_heard_of_others(
    world: AgreeingWorld,
) -> None:
    liar, (one, other, _) = world.liars[0], world.honest
    one.peers.reverse()
    for operator in (one, other):
        operator.take(file_of(1), 1)
    world.due()
    voted(other)
    true_key, liar.key = liar.key, Account.create()
    liar.votes_for(one, b"\x01" * 32)
    liar.key = true_key
    liar.votes[one.key.address] += other.agreeing.shown(ROUND, NIL)
    voted(one)
    votes = one.agreeing._votes[ROUND, NIL]
    assert other.key.address in votes.voters(0, Step.PREVOTE)


def test_decided__liar_shows_many_votes_beyond_what_counts__few_are_checked_and_each_once(
    world: AgreeingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To check a signature takes a millisecond, to show thousands again in each answer nothing."""
    checked = []

    def recover_and_note(vote: Vote, domain: Domain, signature: bytes) -> str | None:
        checked.append(signature)
        return recover(vote, domain, signature)

    monkeypatch.setattr(agreeing, "recover", recover_and_note)
    monkeypatch.setattr(agreeing, "_MOST_IDLE", 16)
    liar, (one, other, _) = world.liars[0], world.honest
    for operator in (one, other):
        operator.take(file_of(1), 1)
    world.due()
    for n in range(100):
        liar.votes_for(one, n.to_bytes(32, "big"))
    one.cycle()
    one.cycle()
    assert 16 <= len(checked) <= 2 * 16
    before = len(checked)
    for _ in range(3):
        world.now += 10.0
        one.cycle()
    assert len(checked) == before
    voted(other)
    one.peers.reverse()
    liar.votes[one.key.address][:0] = other.agreeing.shown(ROUND, NIL)
    one.cycle()
    votes = one.agreeing._votes[ROUND, NIL]
    assert other.key.address in votes.voters(0, Step.PREVOTE)


def test_decided__restart_in_a_late_view__is_still_locked(world: AgreeingWorld) -> None:
    one = world.honest[0]
    matter = one.agreeing.matter(ROUND, NIL, 3)
    value = b"\x01" * 32
    for view in range(40):
        for step in Step:
            vote = Vote(ROUND, NIL, view, step, value if view == 39 else NIL)
            one.context.ballots.cast(vote, signed(vote, one.key, ORACLE_DOMAIN))
    one.restart()
    assert one.agreeing._known(matter).lock(one.key.address) == (39, value)


def test_decided__database_without_its_vote__stands_by_what_its_peers_show(
    world: AgreeingWorld,
) -> None:
    """An old database put back by hand: it must not vote again with another value."""
    one = world.honest[0]
    one.take(file_of(1), 1)
    world.due()
    value = b"\x01" * 32
    liar = world.liars[0]
    true_key, liar.key = liar.key, one.key
    liar.votes_for(one, value)
    liar.votes_for(one, NIL, step=Step.PRECOMMIT)
    liar.key = true_key
    one.cycle()
    cast = one.context.ballots.own(ROUND, NIL)
    assert [(vote.view, vote.step, vote.value) for vote, _ in cast] == [
        (0, Step.PREVOTE, value),
        (0, Step.PRECOMMIT, NIL),
    ]


def test_attest__decided_by_a_vote_that_the_liar_shows_no_more__all_restart_and_the_last_signs(
    world: AgreeingWorld,
) -> None:
    """Two signatures are too few, and only those two ever saw why they signed."""
    liar, last, first = world.liars[0], world.honest[2], world.honest[:2]
    for one in world.honest:
        one.take(file_of(1), 1)
    last.is_up = False
    world.due()
    agreed = voted(first[0])
    for one in first:
        for step in Step:
            liar.votes_for(one, agreed, step=step)
    world.play(random.Random(7))
    assert {one.signed for one in first} == {agreed}
    liar.votes.clear()
    for one in world.honest:
        one.restart()
    last.is_up = True
    world.play(random.Random(8))
    assert one_result(world) == agreed
