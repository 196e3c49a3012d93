"""Uploads have places by purpose and account, and what an account has here is bounded."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from server_operators import Operators, caller
from server_world import ServerWorld, Serving, server_world
from test_file_addresses import listening

from oracle.accounts.caller import Caller
from oracle.errors import RefusedError, UnreachableError
from oracle.gateway.intaking import intake_of, pickles_of, uploads_of
from oracle.gateway.transfers import Pace
from oracle.intake import quota
from oracle.intake.rows import Purpose
from oracle.records.rows import ModelRow

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("gateway")]
KIB = 2**10


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for number in range(2):
            made.register(f"model {number}")
        made.announce()
        made.chain.finalize()
        yield made


@pytest.fixture
def serving(world: ServerWorld, where: str, tmp_path: Path) -> Iterator[Serving]:
    config = Operators(world, {}).config(tmp_path)
    files = {"max_upload": 20 * KIB, "max_pickle": 40 * KIB, "account_bytes": 100 * KIB}
    with world.serving(where, tmp_path / "home", **config, files=files) as made:
        made.follow()
        yield made


@pytest.fixture
def owners(world: ServerWorld, serving: Serving) -> list[tuple[Caller, ModelRow]]:
    models = serving.services.models.by_id(8, [0, 1])
    return [(caller(serving, world.owner(model.model)), model) for model in models]


def authorized(serving: Serving, owner: tuple[Caller, ModelRow], purpose: Purpose):
    person, model = owner
    return serving.services.part(intake_of).authorize(person, 8, model, "a.bin", purpose)


class Lines:
    """Uploads that go on and on, over sockets."""

    def __init__(self, serving: Serving, stack: ExitStack, **paces: Pace) -> None:
        self.serving, self.stack = serving, stack
        self.where = stack.enter_context(listening(serving, **paces))

    def slow(self, owner: tuple[Caller, ModelRow], purpose: Purpose) -> None:
        """One that is at work: its place is taken when the next is begun or answered."""
        url = urlsplit(authorized(self.serving, owner, purpose).url)
        line = self.stack.enter_context(socket.create_connection(self.where))
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        line.sendall(f"{head}Content-Length: 1000\r\n\r\n".encode())
        line.settimeout(30)
        # The server asks for the body once it reads it, and by then the place is taken.
        assert line.recv(100).startswith(b"HTTP/1.1 100")

    def put(self, owner: tuple[Caller, ModelRow], purpose: Purpose) -> tuple[int, str]:
        url = urlsplit(authorized(self.serving, owner, purpose).url)
        host, port = self.where
        answer = httpx.put(f"http://{host}:{port}{url.path}?{url.query}", content=b"x")
        return answer.status_code, answer.text


def test_put__all_places_of_models_are_taken__submissions_go_on(serving: Serving, owners) -> None:
    pace = Pace(uploads=1, seconds=60)
    with ExitStack() as stack:
        lines = Lines(serving, stack, pickle=pace)
        lines.slow(owners[0], Purpose.PICKLE)
        assert lines.put(owners[1], Purpose.PICKLE)[0] == 503
        assert lines.put(owners[1], Purpose.SUBMISSION)[0] == 200


def test_put__one_account_takes_all_it_may__others_go_on(serving: Serving, owners) -> None:
    pace = Pace(uploads=3, of_one=1, seconds=60)
    with ExitStack() as stack:
        lines = Lines(serving, stack, submission=pace)
        lines.slow(owners[0], Purpose.SUBMISSION)
        status, text = lines.put(owners[0], Purpose.SUBMISSION)
        assert (status, "too many uploads at work" in text) == (503, True)
        assert lines.put(owners[1], Purpose.SUBMISSION)[0] == 200


def test_authorize__addresses_for_more_than_an_account_may_have__refused(
    serving: Serving, owners
) -> None:
    for _ in range(2):
        authorized(serving, owners[0], Purpose.PICKLE)
    with pytest.raises(RefusedError, match="above the 102400 that it may have"):
        authorized(serving, owners[0], Purpose.PICKLE)
    authorized(serving, owners[0], Purpose.SUBMISSION)
    for _ in range(2):
        authorized(serving, owners[1], Purpose.PICKLE)


def test_authorize__files_that_came__count_by_what_they_have(serving: Serving, owners) -> None:
    for _ in range(3):
        url = authorized(serving, owners[0], Purpose.PICKLE).url
        assert serving.client.put(url, content=bytes(20 * KIB)).status_code == 200
    authorized(serving, owners[0], Purpose.PICKLE)
    with pytest.raises(RefusedError):
        authorized(serving, owners[0], Purpose.SUBMISSION)


def test_authorize__days_later__models_count_and_used_predictions_do_not(
    serving: Serving, owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, model = owners[0]
    uploads = serving.services.part(uploads_of)
    for purpose, size in ((Purpose.PICKLE, 40), (Purpose.SUBMISSION, 20), (Purpose.SUBMISSION, 20)):
        made = authorized(serving, owners[0], purpose)
        assert serving.client.put(made.url, content=bytes(size * KIB)).status_code == 200
        if purpose is Purpose.PICKLE:
            serving.services.part(pickles_of).create(person, model, made.filename)
        else:
            uploads.claim(uploads.find(person.account.id, model, made.filename, purpose))
    with pytest.raises(RefusedError):
        authorized(serving, owners[0], Purpose.PICKLE)
    later = uploads.now() + 2 * 86_400
    monkeypatch.setattr(uploads, "_clock", lambda: later)
    authorized(serving, owners[0], Purpose.PICKLE)
    with pytest.raises(RefusedError):
        authorized(serving, owners[0], Purpose.PICKLE)


def test_authorize__disk_nearly_full__503_and_no_address(
    serving: Serving, owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = serving.services.config.files
    real = shutil.disk_usage
    free = config.free_bytes + config.max_upload

    def usage(path: Path):
        return real(path)._replace(free=free)

    monkeypatch.setattr(quota.shutil, "disk_usage", usage)
    authorized(serving, owners[0], Purpose.SUBMISSION)
    free -= 1
    with pytest.raises(UnreachableError, match="no room for files"):
        authorized(serving, owners[0], Purpose.SUBMISSION)
