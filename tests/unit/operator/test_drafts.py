"""What operators vote on: drafts made, shown, taken, refused, and followed after the commit."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from agreeing_world import (
    ORACLE_DOMAIN,
    AgreeingWorld,
    Honest,
    file_of,
    one_result,
    voted,
)
from eth_account import Account
from ingest_world import CLOSES, ROUND, signed
from synthetic_round import account, inputs

from oracle.operator.folders import manifest_digest
from oracle.operator.paging import PAGE
from oracle.settlement.agreement import NIL, Step
from oracle.settlement.manifest import TARGETS
from oracle.settlement.typed_data import Submission, digest
from oracle.store.artefacts import RoundFolder
from oracle.store.listing import Listed

CHALLENGE = b"\x0c" * 32


@pytest.fixture
def world(tmp_path: Path) -> Iterator[AgreeingWorld]:
    made = AgreeingWorld(tmp_path)
    yield made
    made.close()


def test_attest__proposer_leaves_out_what_others_have__is_not_followed(
    world: AgreeingWorld,
) -> None:
    """A draft that leads where it says is refused by those that had more at first."""
    first, second, _ = world.honest
    for one in world.honest:
        one.take(file_of(1), 1)
    empty = second.drafts._of(ROUND, [])
    second.drafts.keep(empty)
    world.due()
    first.cycle()
    votes = first.agreeing._votes[ROUND, NIL]
    assert not first.agreeing._is_acceptable(votes, empty.digest)
    assert first.context.ballots.page(ROUND, empty.digest, 0) is None


def test_lacks_nothing__late_or_missing_or_badly_signed__says_so(world: AgreeingWorld) -> None:
    one, other, _ = world.honest
    for operator in (one, other):
        operator.take(file_of(1), 1)
    world.due()
    one.cycle()
    own = one.drafts.newest(ROUND)
    (entry,) = own.entries
    assert one.drafts.lacks_nothing(own, own)
    for theirs in ([], [replace(entry, on_time=False)], [replace(entry, signature=bytes(65))]):
        assert not one.drafts.lacks_nothing(replace(own, entries=theirs), own)
    assert one.drafts.lacks_nothing(own, replace(own, entries=[replace(entry, on_time=False)]))
    assert digest(own.result.commit, ORACLE_DOMAIN) == own.digest
    assert entry.on_time is (world.chain.now >= CLOSES)


def test_is_acceptable__result_kept_from_the_commit_lacks_what_is_known_now__not_as_an_answer(
    world: AgreeingWorld,
) -> None:
    """What was right before the challenge was raised is no answer to it."""
    one, liar = world.honest[0], world.liars[0]
    one.take(file_of(1), 1)
    omitted = one.take(file_of(2), 2)
    world.due()
    committed = one.drafts.newest(ROUND)
    one.drafts.keep(committed)
    votes = one.agreeing._known(one.agreeing.matter(ROUND, CHALLENGE, 3))
    liar.shows(one, omitted)
    one.attesting.sharing.synchronise(ROUND, "answer")
    assert one.drafts.newest(ROUND).digest != committed.digest
    assert not one.agreeing._is_acceptable(votes, committed.digest)


def test_lacks_nothing__signed_by_nobody_that_counts__any_other_signature_is_as_good(
    world: AgreeingWorld,
) -> None:
    """Two that owned a model before its last owner: whose signature is kept decides nothing."""
    one, _, _ = world.honest
    key = one.take(file_of(1), 1)
    world.due()
    one.attesting.sharing.synchronise(ROUND, "attest")
    (entry,) = one.drafts._entries(ROUND, _listed_once(one, key))
    own = replace(one.drafts.newest(ROUND), entries=[entry])
    former = [replace(own, entries=[replace(entry, signature=by)]) for by in _formers(key)]
    assert one.drafts.lacks_nothing(former[0], former[1])
    assert one.drafts.lacks_nothing(former[1], former[0])
    assert one.drafts.lacks_nothing(own, former[0])
    assert not one.drafts.lacks_nothing(former[0], own)


def _formers(key: Submission) -> list[bytes]:
    return [signed(key, Account.from_key(bytes([n]) * 32)) for n in (0x71, 0x72)]


def _listed_once(one: Honest, key: Submission) -> list[Listed]:
    receipts = [r for r in one.context.journal.receipts(ROUND) if r.key == key]
    return [(key, signed(key, account(key.model)), receipts)]


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1])
def test_draft__any_number_of_submissions__a_peer_reads_it_to_its_end(
    world: AgreeingWorld, count: int
) -> None:
    """A page that is full is not the last."""
    one, other, _ = world.honest
    one.take(file_of(1), 1)
    world.due()
    own = one.drafts.newest(ROUND)
    items = [(replace(own_key(one), sequence=n), bytes(65), []) for n in range(count)]
    one.drafts.keep(replace(own, items=items))
    found = next(found for p in other.peers if (found := p.draft(ROUND, own.digest)) is not None)
    assert [message.key() for message in found] == [key for key, *_ in items]


def test_follow__committed_without_a_receipt_held_here__has_what_a_signers_draft_leads_to(
    world: AgreeingWorld,
) -> None:
    away, signers = world.honest[2], world.honest[:2]
    for one in world.honest:
        one.take(file_of(1), 1)
    late = away.take(file_of(2), 2)
    away.is_up = False
    world.due()
    agreed = voted(signers[0])
    for one in signers:
        for step in Step:
            world.liars[0].votes_for(one, agreed, step=step)
    world.play(random.Random(6))
    away.is_up = True
    world.liars[0].shows(away, late)
    own = signers[0].attesting.own(ROUND)
    assert own is not None
    commit = own.attestation().commit
    world.chain.committed = lambda number: commit
    for _ in range(3):
        world.now += 20.0
        away.following.follow(ROUND, commit.manifest)
    assert manifest_digest(away.context.folder(ROUND)) == commit.manifest
    assert away.drafts.newest(ROUND).digest != agreed


def test_follow__nobodys_draft_leads_to_the_commit__no_folder(world: AgreeingWorld) -> None:
    one = world.honest[0]
    one.take(file_of(1), 1)
    world.due()
    commit = replace(one.drafts.newest(ROUND).result.commit, manifest=b"\x09" * 32)
    world.chain.committed = lambda number: commit
    for _ in range(3):
        world.now += 20.0
        one.following.follow(ROUND, commit.manifest)
    assert not one.context.folder(ROUND).exists()


def replace_targets(one: Honest) -> None:
    """The provider puts others in their place."""
    path = one.ingest.data.folder / str(ROUND) / "targets.csv"
    lines = path.read_text().splitlines()
    values = [line.split(",")[1] for line in lines[1:]]
    ids = [line.split(",")[0] for line in lines[1:]]
    turned = [f"{name},{value}" for name, value in zip(ids, reversed(values), strict=True)]
    path.write_text("\n".join([lines[0], *turned]) + "\n")


def test_attest__targets_replaced_after_the_votes__signed_by_those_that_were_voted_by(
    world: AgreeingWorld,
) -> None:
    for one in world.honest:
        one.take(file_of(1), 1)
    world.due()
    first = {voted(one) for one in world.honest}
    assert not any(one.signed for one in world.honest)
    for one in world.honest:
        replace_targets(one)
    world.play(random.Random(9))
    assert {one_result(world)} == first
    folders = [RoundFolder(o.context.folder(ROUND), o.context.identity) for o in world.honest]
    targets = {folder.read(TARGETS) for folder in folders}
    assert targets == {inputs().targets} != {world.honest[0].context.data.targets(ROUND)}


def test_attest__one_got_the_other_targets_before_its_vote__follows_the_others(
    world: AgreeingWorld,
) -> None:
    for one in world.honest:
        one.take(file_of(1), 1)
    replace_targets(world.honest[2])
    world.due()
    agreed = voted(world.honest[0])
    assert voted(world.honest[2]) != agreed
    for one in world.honest:
        for step in Step:
            world.liars[0].votes_for(one, agreed, step=step)
    world.play(random.Random(10))
    assert one_result(world) == agreed


def test_fetched__other_targets_and_nobody_honest_behind_it__is_not_taken(
    world: AgreeingWorld,
) -> None:
    one, other, _ = world.honest
    for operator in world.honest:
        operator.take(file_of(1), 1)
    replace_targets(other)
    world.due()
    theirs = voted(other)
    assert one.drafts.fetched(ROUND, theirs, backed=False) is None
    found = one.drafts.fetched(ROUND, theirs)
    assert found is not None
    assert found.targets == other.context.data.targets(ROUND)


def own_key(one: Honest) -> Submission:
    return next(one.context.journal.listed(ROUND)).key
