"""Files that come after the close: scored late, and sent for the next round under its ids."""

import hashlib

from server_operators import Operators, reasons
from server_people import EIGHT, Person, close, next_round

from oracle.tournaments.remapping import ids_bytes


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


def test_queued__provider_maps_no_ids__refused_with_that_reason(
    person: Person, number: int
) -> None:
    _late(person, number)
    following = next_round(person.world, person.serving)
    _queue(person)
    row = max(person.history(), key=lambda one: one.round)
    assert (row.status, row.round) == ("refused", following)
    assert "does not say which ids" in row.reason


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
    model = world.register("for sale", person.wallet)
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
