"""A file that was sent through the server, and the round that is scored by it."""

from server_people import EIGHT, Person, close
from server_world import Sent

from oracle.evaluation.evaluate import Entry
from oracle.settlement.wire import ReceiptsFile


def test_create__round_is_scored__by_it(person: Person, number: int) -> None:
    world = person.world
    raw = world.files[number].predictions(1)
    made = person.send(raw)
    assert made.signature is not None
    assert made.sequence is not None
    proof = ReceiptsFile.model_validate_json(made.receipts).submission
    entry = Entry(0, made.sha256, made.sequence, True, made.signature, len(raw))
    receipts = [receipt.stored(proof.key()) for receipt in proof.receipts]
    world.sent.setdefault(number, []).append(Sent(raw, entry, receipts))
    close(world, person.serving, number)
    world.commit(number)
    world.chain.finalize()
    person.serving.follow()
    [result] = person.serving.services.results.list(EIGHT, models=[0], rounds=[number])
    assert (result.status, bytes(result.sha256 or b"")) == ("scored", made.sha256)
    assert [(row.id, row.selected) for row in person.history()] == [(made.id, True)]
