"""Files that come after the close: scored late, and sent for the next round under its ids."""

import hashlib
from dataclasses import replace
from uuid import uuid4

import pytest
from server_operators import Operators, allow, reasons
from server_people import EIGHT, Person, close, next_round

from oracle.chain.signing import LocalSigner
from oracle.errors import UnreachableError
from oracle.intake.queue import send_queued
from oracle.intake.rows import Submission
from oracle.operator.client import submit
from oracle.records.schema.uploads import submission_keys
from oracle.settlement.wire import ReceiptsFile
from oracle.tournaments.remapping import ids_bytes

_NOBODY = ["http://127.0.0.1:9", "http://127.0.0.1:19"]


def test_create__after_the_close__late_and_queued_for_the_next_round(
    person: Person, number: int
) -> None:
    close(person.world, person.serving, number)
    made = person.send(person.world.files[number].predictions(1))
    assert (made.status, made.round, made.late) == ("accepted", number, True)
    waiting, sent = sorted(person.history(), key=lambda row: -row.round)
    assert (waiting.status, waiting.round, waiting.queued_from) == ("queued", number + 1, number)
    assert (sent.id, sent.selected, waiting.selected) == (made.id, True, False)


def _late(person: Person, number: int) -> bytes:
    close(person.world, person.serving, number)
    raw = person.world.files[number].predictions(4)
    person.send(raw)
    return raw


def _queue(person: Person) -> None:
    person.serving.run("send queued")


def test_queued__next_round_opens_and_ids_are_mapped__sent_under_its_ids(
    person: Person, operators: Operators, number: int
) -> None:
    world = person.world
    raw = _late(person, number)
    _queue(person)  # no round is open: it waits
    assert [row.status for row in person.history()].count("queued") == 1
    following = next_round(world, person.serving)
    before, after = world.files[number].ids, world.files[following].ids
    mapping = dict(zip(before, reversed(after), strict=True))
    (world.provider / str(following) / "ids.csv").write_bytes(ids_bytes(mapping))
    _queue(person)
    row = max(person.history(), key=lambda one: one.round)
    assert (row.status, row.round, row.queued_from) == ("accepted", following, number)
    assert (row.late, row.selected) == (False, True)
    [found] = operators.files(following, 0)[0].values()
    values = dict(line.split(",") for line in raw.decode().splitlines()[1:])
    expected = {mapping[name]: value for name, value in values.items()}
    assert dict(line.split(",") for line in found.decode().splitlines()[1:]) == expected
    assert row.sha256 == hashlib.sha256(found).digest()
    given = person.intake.download(person.caller, row.id)
    assert person.serving.client.get(given.url).content == found


def _newest(person: Person) -> Submission:
    return max(person.history(), key=lambda row: row.round)


def _same_order(person: Person, number: int, following: int) -> None:
    """The provider says that ids follow each other in their order."""
    files = person.world.files
    ids = dict(zip(files[number].ids, files[following].ids, strict=True))
    (person.world.provider / str(following) / "ids.csv").write_bytes(ids_bytes(ids))


def test_queued__provider_maps_ids_later__waits_saying_so_and_is_sent(
    person: Person, number: int
) -> None:
    _late(person, number)
    following = next_round(person.world, person.serving)
    _queue(person)
    row = _newest(person)
    assert (row.status, row.round) == ("queued", following)
    assert "not sent yet: the data provider does not say which ids" in row.reason
    _same_order(person, number, following)
    _queue(person)
    row = _newest(person)
    assert (row.status, row.round, row.reason) == ("accepted", following, "")


def test_queued__universe_or_owners_word_comes_later__waits_for_both(
    person: Person, number: int
) -> None:
    _late(person, number)
    database = person.serving.services.database
    database.run(lambda connection: connection.execute(submission_keys.delete()))
    following = next_round(person.world, person.serving)
    _same_order(person, number, following)
    universe = person.world.provider / str(following) / "universe.csv"
    raw = universe.read_bytes()
    universe.unlink()
    _queue(person)
    assert "has not allowed this server" in _newest(person).reason
    allow(person.serving, person.world, person.wallet)
    _queue(person)
    assert "universe of round" in _newest(person).reason
    universe.write_bytes(raw)
    _queue(person)
    assert _newest(person).status == "accepted"


def test_queued__provider_maps_no_ids_until_the_close__refused(person: Person, number: int) -> None:
    _late(person, number)
    waited_for = next_round(person.world, person.serving)
    _queue(person)
    following = next_round(person.world, person.serving)
    _same_order(person, number, following)
    _queue(person)
    [row] = [row for row in person.history() if row.queued_from]
    assert row.status == "refused"
    assert f"round {waited_for}, for which it waited, is over" in row.reason
    again = person.intake.history.by_id(row.id)
    assert again is not None
    assert again.reason == row.reason


def test_queued__owner_sent_a_newer_file_himself__that_one_counts(
    person: Person, operators: Operators, number: int
) -> None:
    """The server was down when the round opened, and so did not see the owner's file."""
    world = person.world
    _late(person, number)
    following = next_round(world, person.serving)
    _same_order(person, number, following)
    terms = person.intake.desks[EIGHT].terms(following)
    mine = world.files[following].predictions(9)
    signer, urls = LocalSigner(person.wallet), list(operators.ingests)
    submit(mine, following, 0, signer, world.domain, urls, terms.needed, terms.signers, terms.times)
    _queue(person)
    found = operators.files(following, 0)[0]
    assert len(found) == 2
    assert found[max(found, key=lambda key: key.sequence)] == mine


def test_queued__too_few_operators_take_it__sent_again_until_enough_did(
    person: Person, operators: Operators, number: int
) -> None:
    _late(person, number)
    following = next_round(person.world, person.serving)
    _same_order(person, number, following)
    urls = list(operators.ingests)
    desks = {EIGHT: replace(person.intake.desks[EIGHT], operators=[urls[0], *_NOBODY])}
    with pytest.raises(UnreachableError, match="1 operators took the file, 2 must"):
        send_queued(replace(person.intake, desks=desks), EIGHT)
    row = _newest(person)
    assert row.status == "queued"
    assert "1 operators took the file" in row.reason
    assert len(ReceiptsFile.model_validate_json(row.receipts).submission.receipts) == 1
    _queue(person)
    sent = _newest(person)
    assert (sent.status, sent.sequence) == ("accepted", row.sequence)
    assert [len(files) for files in operators.files(following, 0)] == [1] * len(urls)


def test_queued__another_file_for_that_round__the_queued_one_gives_way(
    person: Person, number: int
) -> None:
    _late(person, number)
    following = next_round(person.world, person.serving)
    mine = person.send(person.world.files[following].predictions(2))
    _queue(person)
    rows = [row for row in person.history() if row.round == following]
    assert reasons([row for row in rows if row.id != mine.id]) == [
        ("refused", following, f"queued, then refused: another file was sent for round {following}")
    ]
    assert [row.selected for row in rows if row.id == mine.id] == [True]


def test_queued__two_late_files__only_the_later_one_is_sent(
    person: Person, operators: Operators, number: int
) -> None:
    world = person.world
    _late(person, number)
    _late(person, number)
    following = next_round(world, person.serving)
    ids = dict(zip(world.files[number].ids, world.files[following].ids, strict=True))
    (world.provider / str(following) / "ids.csv").write_bytes(ids_bytes(ids))
    _queue(person)
    rows = [row for row in person.history() if row.round == following]
    assert sorted(row.status for row in rows) == ["accepted", "refused"]
    assert [len(files) for files in operators.files(following, 0)] == [1] * len(operators.ingests)


def test_create__round_is_being_scored__queued_alone(
    person: Person, operators: Operators, number: int
) -> None:
    world = person.world
    close(world, person.serving, number)
    announced = world.announced(number)
    world.chain.advance_to(announced.closes + announced.horizon)
    world.chain.finalize()
    person.serving.follow()
    made = person.send(world.files[number].predictions(1))
    assert (made.status, made.round, made.queued_from) == ("queued", number + 1, number)
    assert operators.files(number, 0) == [{}] * len(operators.ingests)


def test_queued__model_was_sold_meanwhile__refused(person: Person, number: int) -> None:
    world = person.world
    # The chain is one for both databases.
    model = world.register(f"for sale {uuid4()}", person.wallet)
    world.chain.finalize()
    person.serving.follow()
    seller = person
    [seller.model] = person.serving.services.models.by_id(EIGHT, [model])
    _late(seller, number)
    buyer = world.stakers[1]
    world.writer(seller.wallet).offer(model, buyer.address)
    world.chain.advance_to(world.reader.offer_of(model)[1])
    world.writer(buyer).accept(model, world.reader.version_of(model))
    next_round(world, person.serving)
    _queue(person)
    rows = [row for row in seller.history() if row.queued_from]
    assert [row.reason for row in rows] == ["queued, then refused: the model changed hands since"]
