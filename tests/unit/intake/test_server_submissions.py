"""Predictions through the tournament server to operators: real files and HTTP, real contracts on a
chain in this process, real ingests that check every signature; both databases."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from server_operators import SUBMITTER, Operators, allow, caller
from server_people import EIGHT, Person, close, next_round
from server_world import SITE_URL, ServerWorld, Serving

from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.settlement.submitters import submitter
from oracle.settlement.typed_data import Submission as Said
from oracle.settlement.wire import ReceiptsFile

# ---------------------------------------------------------------------- on time


def test_create__file_for_the_open_round__every_operator_has_it_by_the_owners_word(
    person: Person, operators: Operators, number: int
) -> None:
    raw = person.world.files[number].predictions(3)
    made = person.create(
        person.put(raw).filename, trigger_id="trigger", source="numerapi", data_datestamp=5
    )
    assert (made.status, made.round, made.late, made.reason) == ("accepted", number, False, "")
    assert (made.trigger_id, made.source, made.data_datestamp) == ("trigger", "numerapi", 5)
    said = Said(number, 0, hashlib.sha256(raw).digest(), made.sequence or 0)
    assert operators.files(number, 0) == [{said: raw}] * len(operators.ingests)
    assert made.signature is not None
    assert submitter(said, person.world.domain, made.signature) == person.wallet.address
    proof = ReceiptsFile.model_validate_json(made.receipts)
    assert proof.submission.key() == said
    assert {r.operator for r in proof.submission.receipts} == {
        one.address for one in person.world.operators
    }


def test_create__same_name_again__same_submission_and_nothing_more_sent(
    person: Person, operators: Operators, number: int
) -> None:
    filename = person.put(person.world.files[number].predictions(1)).filename
    first = person.create(filename)
    assert person.create(filename).id == first.id
    assert [len(files) for files in operators.files(number, 0)] == [1] * len(operators.ingests)


def test_create__eight_at_once_of_one_upload__sent_once(
    person: Person, operators: Operators, number: int
) -> None:
    filename = person.put(person.world.files[number].predictions(1)).filename

    def create() -> str:
        try:
            return person.create(filename).id
        except RefusedError as error:
            return error.message

    with ThreadPoolExecutor(8) as pool:
        answers = [asked.result() for asked in [pool.submit(create) for _ in range(8)]]
    [row] = person.history()
    assert set(answers) <= {row.id, "this file is being worked on"}
    assert row.id in answers
    assert [len(files) for files in operators.files(number, 0)] == [1] * len(operators.ingests)


def test_submissions__two_files_in_a_round__the_later_one_is_selected(
    person: Person, number: int
) -> None:
    first = person.send(person.world.files[number].predictions(1))
    second = person.send(person.world.files[number].predictions(2))
    listed = {row.id: row.selected for row in person.history()}
    assert listed == {first.id: False, second.id: True}


def test_submissions__round_was_scored__the_scored_one_is_selected(
    person: Person, number: int
) -> None:
    world = person.world
    mine = person.send(world.files[number].predictions(1))
    # What operators scored is a file that the owner sent them himself, with a lower sequence.
    world.submit(number, 0, world.files[number].predictions(5))
    close(world, person.serving, number)
    world.commit(number)
    world.chain.finalize()
    person.serving.follow()
    assert [(row.id, row.selected) for row in person.history()] == [(mine.id, False)]


def test_download__own_submission__its_bytes_by_a_signed_address(
    person: Person, number: int
) -> None:
    raw = person.world.files[number].predictions(3)
    made = person.send(raw)
    given = person.intake.download(person.caller, made.id)
    assert given.filename == made.filename
    assert given.url.startswith(f"{SITE_URL}/files/")
    got = person.serving.client.get(given.url)
    assert (got.status_code, got.content) == (200, raw)
    stranger = caller(person.serving, SUBMITTER)
    with pytest.raises(InputError, match="no submission of yours"):
        person.intake.download(stranger, made.id)


# ---------------------------------------------------------------------- refused


def test_create__owner_has_not_allowed_it__told_where_to_sign_and_then_taken(
    world: ServerWorld, serving: Serving, operators: Operators, number: int
) -> None:
    person = Person(world, serving, model=1)
    filename = person.put(world.files[number].predictions(1)).filename
    page = f"{SITE_URL}/sign?tournament=8&model=1&action=submit"
    with pytest.raises(RefusedError) as caught:
        person.create(filename)
    assert page in caught.value.message
    assert [row.status for row in person.history()] == ["refused"]
    assert operators.files(number, 1) == [{}] * len(operators.ingests)
    allow(serving, world, person.wallet)
    assert person.create(filename).status == "accepted"
    assert [row.status for row in person.history()] == ["accepted"]


def test_create__word_for_other_rounds_only__refused(
    world: ServerWorld, serving: Serving, number: int
) -> None:
    person = Person(world, serving, model=1)
    allow(serving, world, person.wallet, rounds=1)
    close(world, serving, number)
    close(world, serving, next_round(world, serving))
    last = next_round(world, serving)
    with pytest.raises(RefusedError, match=f"submissions of round {last} yet"):
        person.send(world.files[last].predictions(1))


def test_create__rules_refuse_the_file__documented_words_and_kept_in_the_history(
    person: Person, operators: Operators, number: int
) -> None:
    rows = person.world.files[number].predictions(1).decode().splitlines()
    filename = person.put("\n".join([*rows[:-1], ""]).encode()).filename
    for _ in range(2):  # the same words again, and no second row
        with pytest.raises(InputError, match=r"^invalid_submission_ids: 1 of 40 live ids"):
            person.create(filename)
    [row] = person.history()
    assert row.status == "refused"
    assert row.reason.startswith("invalid_submission_ids: 1 of 40")
    assert operators.files(number, 0) == [{}] * len(operators.ingests)


@pytest.mark.parametrize(
    ("raw", "prefix"),
    [
        (b"", "invalid_submission_file"),
        (b"\x1f\x8b\x08\x00\x00", "invalid_submission_file"),
        (b"name,prediction\na,0.5\n", "invalid_submission_headers"),
        (b"id,prediction\n" + b"x" * 300 + b",0.5\n", "invalid_submission_"),
    ],
    ids=["empty", "gzip", "wrong columns", "endless id"],
)
def test_create__no_table__documented_prefix(person: Person, raw: bytes, prefix: str) -> None:
    with pytest.raises(InputError, match=f"^{prefix}"):
        person.send(raw)


def test_create__nothing_was_put__said_and_later_taken(person: Person, number: int) -> None:
    made = person.intake.authorize(person.caller, EIGHT, person.model, "a.csv")
    with pytest.raises(InputError, match="nothing was put"):
        person.create(made.filename)
    raw = person.world.files[number].predictions(1)
    assert person.serving.client.put(made.url, content=raw).status_code == 200
    assert person.create(made.filename).status == "accepted"


def test_create__somebody_elses_upload_or_model__refused(person: Person, number: int) -> None:
    filename = person.put(person.world.files[number].predictions(1)).filename
    other = Person(person.world, person.serving, model=1)
    with pytest.raises(InputError, match="no upload"):
        other.create(filename)
    with pytest.raises(RefusedError, match="not yours"):
        other.intake.create(other.caller, EIGHT, person.model, filename)
    with pytest.raises(RefusedError, match="not yours"):
        other.intake.authorize(other.caller, EIGHT, person.model, "a.csv")
    with pytest.raises(InputError, match="tournament 8, not 11"):
        person.intake.create(person.caller, 11, person.model, filename)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b.csv", "", "x" * 200, "a\r\nb"])
def test_authorize__no_name_of_a_file__refused(person: Person, name: str) -> None:
    with pytest.raises(InputError):
        person.intake.authorize(person.caller, EIGHT, person.model, name)


def test_create__operators_do_not_answer__the_same_call_works_later(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> None:
    closed = ["http://127.0.0.1:9", "http://127.0.0.1:19"]
    settings = operators.config(tmp_path, operators=closed)
    with world.serving(where, tmp_path / "home", **settings) as serving:
        number = next_round(world, serving)
        person = Person(world, serving)
        allow(serving, world, person.wallet)
        filename = person.put(world.files[number].predictions(1)).filename
        with pytest.raises(UnreachableError, match="does not answer"):
            person.create(filename)
        [row] = person.history()
        assert row.status == "refused"
        assert "does not answer" in row.reason
    with world.serving(where, tmp_path / "home", **operators.config(tmp_path)) as serving:
        serving.follow()
        person = Person(world, serving)
        made = person.create(filename)
        assert (made.id, made.status, made.sequence) == (row.id, "accepted", row.sequence)


def test_create__one_operator_down__taken_by_the_others(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> None:
    urls = ["http://127.0.0.1:9", *list(operators.ingests)[1:]]
    settings = operators.config(tmp_path, operators=urls)
    with world.serving(where, tmp_path / "home", **settings) as serving:
        number = next_round(world, serving)
        person = Person(world, serving)
        allow(serving, world, person.wallet)
        made = person.send(world.files[number].predictions(1))
        assert len(ReceiptsFile.model_validate_json(made.receipts).submission.receipts) == 3
