"""Files whose sending was broken off: by a kill, by operators that were away, by each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from server_operators import Operators, allow
from server_people import Person, close, next_round
from server_world import ServerWorld

from oracle.errors import RefusedError
from oracle.intake import making
from oracle.intake.intake import Intake
from oracle.intake.rows import Purpose, Submission
from oracle.intake.uploads import Uploads
from oracle.settlement.wire import ReceiptsFile


class _KilledError(BaseException):
    """What follows does not happen: the process is gone."""


@pytest.fixture
def again(world: ServerWorld, operators: Operators, where: str, tmp_path: Path):
    """The server of one database, as a new process each time."""

    @contextmanager
    def serve(**changes: Any) -> Iterator[Person]:
        settings = operators.config(tmp_path, **changes)
        with world.serving(where, tmp_path / "home", **settings) as serving:
            serving.follow()
            yield Person(world, serving)

    return serve


def _opened(person: Person) -> int:
    number = next_round(person.world, person.serving)
    allow(person.serving, person.world, person.wallet)
    return number


def _kill_within_create(person: Person, filename: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After operators have signed, and before anything of that is written."""

    def killed(*_: object) -> Submission:
        raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(making, "accepted", killed)
        patch.setattr(Uploads, "give_back", lambda *_: None)
        with pytest.raises(_KilledError):
            person.create(filename)


def _receipts(row: Submission) -> int:
    return len(ReceiptsFile.model_validate_json(row.receipts).submission.receipts)


def test_create__killed_before_anything_was_sent__same_call_works(again) -> None:
    with again() as person:
        number = _opened(person)
        filename = person.put(person.world.files[number].predictions(1)).filename
        account = person.caller.signed_in().id
        uploads = person.intake.uploads
        uploads.take(uploads.find(account, person.model, filename, Purpose.SUBMISSION))
    with again() as person:
        assert person.create(filename).status == "accepted"


def test_create__killed_after_operators_signed__receipts_come_back_by_themselves(
    again, operators: Operators, monkeypatch: pytest.MonkeyPatch
) -> None:
    with again() as person:
        number = _opened(person)
        filename = person.put(person.world.files[number].predictions(1)).filename
        _kill_within_create(person, filename, monkeypatch)
        [row] = person.history()
        assert (row.status, row.round) == ("sending", number)
    with again() as person:
        person.serving.run("send queued")
        [sent] = person.history()
        assert (sent.status, sent.sequence, sent.late) == ("accepted", row.sequence, False)
        assert _receipts(sent) == len(operators.ingests)
        assert person.create(filename).id == sent.id
    assert [len(files) for files in operators.files(number, 0)] == [1] * len(operators.ingests)


def test_create__killed_and_asked_again__the_same_submission(
    again, operators: Operators, monkeypatch: pytest.MonkeyPatch
) -> None:
    with again() as person:
        number = _opened(person)
        filename = person.put(person.world.files[number].predictions(1)).filename
        _kill_within_create(person, filename, monkeypatch)
    with again() as person:
        assert person.create(filename).status == "accepted"
        assert [row.status for row in person.history()] == ["accepted"]
    assert [len(files) for files in operators.files(number, 0)] == [1] * len(operators.ingests)


def test_create__killed_and_the_round_is_over__the_history_says_that_operators_may_have_it(
    again, monkeypatch: pytest.MonkeyPatch
) -> None:
    with again() as person:
        number = _opened(person)
        filename = person.put(person.world.files[number].predictions(1)).filename
        _kill_within_create(person, filename, monkeypatch)
    with again() as person:
        announced = person.world.announced(number)
        close(person.world, person.serving, number)
        person.world.chain.advance_to(announced.closes + announced.horizon)
        person.world.chain.finalize()
        person.serving.follow()
        person.serving.run("send queued")
        [row] = person.history()
        assert row.status == "refused"
        assert f"round {number} is over; operators may have it" in row.reason


def test_create__too_few_operators_took_it__their_receipts_are_kept_and_more_come(
    again, operators: Operators
) -> None:
    urls = list(operators.ingests)
    with again(operators=[urls[0], "http://127.0.0.1:9"]) as person:
        number = _opened(person)
        filename = person.put(person.world.files[number].predictions(1)).filename
        with pytest.raises(RefusedError, match="1 operators took the file, 2 must"):
            person.create(filename)
        [row] = person.history()
        assert (row.status, _receipts(row)) == ("partial", 1)
        assert "it may count" in row.reason
        person.intake.uploads._clock = lambda: row.inserted_at + 10 * 86_400
        person.intake.uploads.tidy()
    with again() as person:
        made = person.create(filename)
        assert (made.status, made.sequence) == ("accepted", row.sequence)
        assert _receipts(made) == len(urls)
    assert [len(files) for files in operators.files(number, 0)] == [1] * len(urls)


def test_create__of_two_at_once_both_fail__a_third_works(
    again, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is asked for while the first is at work, and again once that has failed."""
    with again() as person:
        number = _opened(person)
        filename = person.put(person.world.files[number].predictions(1)).filename

        def fails(*_: object) -> Submission:
            raise RefusedError("not now")

        def meets_another(*arguments: object) -> Submission:
            with pytest.raises(RefusedError, match="being worked on"):
                person.create(filename)
            return fails(*arguments)

        for failing in (meets_another, fails):
            with monkeypatch.context() as patch:
                patch.setattr(Intake, "send", failing)
                with pytest.raises(RefusedError, match="not now"):
                    person.create(filename)
        assert person.create(filename).status == "accepted"


def test_tidy__file_that_a_killed_process_took__removed_after_a_day(again) -> None:
    with again() as person:
        number = _opened(person)
        raw = person.world.files[number].predictions(1)
        account = person.caller.signed_in().id
        uploads, filename = person.intake.uploads, person.put(raw).filename
        kept = person.send(raw)
        upload = uploads.find(account, person.model, filename, Purpose.SUBMISSION)
        uploads.claim(upload)
        now = uploads.now()
        uploads._clock = lambda: now + 10 * 86_400
        with uploads.working(upload.id):
            assert uploads.tidy() == 0
        assert uploads.tidy() == 1
        assert uploads.blobs.stat(upload.key) is None
        assert uploads.blobs.stat(kept.key) == len(raw)
