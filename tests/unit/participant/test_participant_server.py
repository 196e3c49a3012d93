"""A participant's requests against the server itself, whose application is called in place."""

from collections.abc import Iterator

import pytest
from server_operators import Operators, serving_operators
from server_world import ServerWorld, Serving, server_world

from oracle.chain.signing import LocalSigner
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.participant.client import Client, refusal
from oracle.participant.files import DATASETS, upload
from oracle.participant.signing_in import new_token, sign_in
from oracle.participant.words import allow_submissions, give_mandate
from oracle.settlement.units import UNITS_PER_NMR

EIGHT = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        made.register("alpha")
        made.chain.finalize()
        yield made


@pytest.fixture(scope="module")
def operators(world: ServerWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with serving_operators(world, tmp_path_factory.mktemp("operators")) as made:
        yield made


@pytest.fixture(scope="module")
def serving(
    world: ServerWorld, operators: Operators, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    home = tmp_path_factory.mktemp("home")
    fields = operators.config(home)
    fields["relayer"] = fields["submitter"]
    with world.serving("server.sqlite", home, **fields) as running:
        running.follow()
        yield running


@pytest.fixture
def client(serving: Serving) -> Client:
    return Client("", http=serving.client)


@pytest.fixture
def owner(world: ServerWorld) -> LocalSigner:
    return LocalSigner(world.owner(0))


def test_sign_in__key__account_of_its_address(client: Client, owner: LocalSigner) -> None:
    session = sign_in(client, owner)
    assert session.get("/v1/account")["address"] == owner.address
    token = new_token(session, "mine", ["read_user_info"])
    assert client.with_token(token).get("/v1/account")["address"] == owner.address
    with pytest.raises(RefusedError, match="Insufficient permission for upload_submission"):
        upload(client.with_token(token), EIGHT, _uuid(session), "a.csv", b"x")


def test_errors__never_show_credentials(client: Client) -> None:
    assert "hidden" not in repr(client.with_token("id$hidden"))
    gone = Client("http://127.0.0.1:1")
    with pytest.raises(UnreachableError) as info:
        gone.send("PUT", "http://127.0.0.1:1/files/x?signature=hidden")
    assert "hidden" not in info.value.message
    assert "127.0.0.1:1 does not answer" in info.value.message


@pytest.mark.parametrize("body", [None, [], {}, {"error": "x"}, {"error": {"message": "x"}}, 3])
def test_refusal__answer_of_another_kind_of_server__says_so(body: object) -> None:
    error = refusal(502, body, "host")
    assert isinstance(error, UnreachableError)
    assert error.message == "host answered with status 502"


def test_upload__as_numerais_clients_do__taken_or_refused_in_the_documented_words(
    world: ServerWorld, serving: Serving, client: Client, owner: LocalSigner
) -> None:
    number = world.announce(window=4_000).round
    serving.follow()
    session = sign_in(client, owner)
    known = session.pages(f"/v1/tournaments/{EIGHT}/rounds", limit=1)
    assert [one["number"] for one in known] == list(range(number, 0, -1))
    token = client.with_token(new_token(session, "mine", ["upload_submission", "read_user_info"]))
    raw, seen = world.files[number].predictions(3), []
    with pytest.raises(RefusedError, match="sign once at"):
        upload(token, EIGHT, _uuid(session), "mine.csv", raw)
    key = allow_submissions(session, EIGHT, world.domain, owner, rounds=10)
    assert key.holds_for(number)
    made = upload(token, EIGHT, _uuid(session), "mine.csv", raw, lambda *at: seen.append(at))
    assert seen[-1] == (len(raw), len(raw))
    shown = session.get(f"/v1/models/{_uuid(session)}/submissions")
    assert made in {one["id"] for one in shown}
    with pytest.raises(InputError, match="invalid_submission_"):
        upload(token, EIGHT, _uuid(session), "mine.csv", raw[:-40])
    assert client.graphql(DATASETS) == {"listDatasets": []}


def test_mandate__as_asked__stored_for_these_models(
    world: ServerWorld, client: Client, owner: LocalSigner
) -> None:
    session, where = sign_in(client, owner), world.reader.addresses
    given = give_mandate(
        session, EIGHT, where, owner, (0,), 3 * UNITS_PER_NMR, days=2, now=world.now
    )
    [shown] = session.get(f"/v1/tournaments/{EIGHT}/mandates")
    assert shown["hash"] == "0x" + given.hash().hex()
    assert (shown["models"], shown["max_deposit"], shown["max_release"]) == ([0], "3", None)


@pytest.mark.parametrize("field", ["max_deposit", "models", "expiry", "owner"])
def test_mandate__server_asks_for_more__nothing_is_signed(
    world: ServerWorld, client: Client, owner: LocalSigner, field: str
) -> None:
    session, where = sign_in(client, owner), world.reader.addresses
    put: list[str] = []

    class Greedy(Client):
        def get(self, path: str, **parameters: object) -> object:
            answer = session.get(path, **parameters)
            mandate = answer["unsigned"]["mandate"]
            more = {"max_deposit": "9" * 30, "models": [0, 1], "expiry": 2**40, "owner": where.pool}
            mandate[field] = more[field]
            return answer

        def put(self, path: str, body: object) -> None:
            put.append(path)

    with pytest.raises(RefusedError, match="another mandate"):
        give_mandate(Greedy(""), EIGHT, where, owner, (0,), 5, days=2, now=world.now)
    assert not put


def _uuid(session: Client) -> str:
    return str(session.get("/v1/account/models")[0]["id"])
