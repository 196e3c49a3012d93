"""How queries come in and errors go out."""

import json
from collections.abc import Iterator

import pytest
from graphql_calls import Asker, asker
from server_world import ServerWorld, Serving, server_world

from oracle.accounts.caller import Scope
from oracle.gateway.graphql.limits import MAX_BODY, MAX_FIELDS

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]

ROUNDS = "query($tournament: Int!) { rounds(tournament: $tournament) { number } }"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        made.register("alpha")
        made.chain.finalize()
        yield made


@pytest.fixture(scope="module")
def serving(world: ServerWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with world.serving("server.sqlite", tmp_path_factory.mktemp("home")) as running:
        running.follow()
        yield running


@pytest.fixture
def nobody(serving: Serving) -> Asker:
    return asker(serving)


def test_query__no_round__then_the_list_is_empty_and_the_open_one_null(nobody: Asker) -> None:
    assert nobody.ask(ROUNDS, tournament=8) == []
    assert nobody.ask("{ rounds(tournament: 8, number: 0) { number } }") == [None]


def test_query__variables_null__then_they_are_none(nobody: Asker) -> None:
    sent = {"query": "{ tournaments { name tournament } }", "variables": None}
    answer = nobody.client.post("/", json=sent)
    assert answer.json() == {"data": {"tournaments": [{"name": "classic", "tournament": 8}]}}


def test_query__several_operations__then_the_named_one_is_run(nobody: Asker) -> None:
    text = "query a { tournaments { name } } query b { tournaments { tournament } }"
    sent = {"query": text, "operationName": "b"}
    answer = nobody.client.post("/", json=sent).json()
    assert answer == {"data": {"tournaments": [{"tournament": 8}]}}
    unknown = nobody.client.post("/", json={"query": text, "operationName": "c"})
    assert unknown.status_code == 200
    assert "no operation c" in unknown.json()["errors"][0]["message"]
    empty = nobody.client.post("/", json={"query": ""})
    assert empty.status_code == 200
    assert "no operation" in empty.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"{", "application/json", "this is no JSON"),
        (b"[" * 60_000, "application/json", "this is no JSON"),
        (b"[]", "application/json", "there is no query"),
        (b'{"query": 3}', "application/json", "there is no query"),
        (b'{"query": "{a}", "variables": []}', "application/json", "variables are an object"),
        (b'{"query": "{a}", "variables": [1]}', "application/json", "variables are an object"),
        (b'{"query": "{tournaments{name}}"}', "text/plain", "no JSON by its type"),
        (b'{"query": "' + b" " * MAX_BODY + b'"}', "application/json", f"than {MAX_BODY} bytes"),
        (b'{"query": "{ model(modelId: \\"\\\\u0000\\") { id } }"}', "application/json", "U+0000"),
        (b'{"query": "{a}", "variables": {"a": ["\\u0000"]}}', "application/json", "U+0000"),
        (
            b'{"query": "{a}", "variables": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}",
            "application/json",
            "more than 20 levels",
        ),
        (b'{"query": "{a}", "variables": {"a": "\\ud800"}}', "application/json", "characters"),
    ],
    ids=map(str, range(12)),
)
def test_request__no_query_of_that_form__then_it_is_said_with_status_200(
    nobody: Asker, content: bytes, kind: str, message: str
) -> None:
    if message.startswith("variables") and b"[]" in content:
        content = content.replace(b"[]", b'"x"')
    answer = nobody.client.post("/", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 200
    found = answer.json()
    assert found["data"] is None
    assert message in found["errors"][0]["message"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ rounds(tournament: 8) { nothing } }", "Cannot query field 'nothing'"),
        ("{ rounds(tournament: 8) {", "Syntax Error"),
        ("{ rounds(tournament: 9) { number } }", "there is no tournament 9 here: one of 8"),
        ('{ rounds(tournament: "8") { number } }', "Int cannot represent"),
        ('{ model(modelId: "x") { id } }', "You must be authenticated to perform this action"),
        ("{ v2Leaderboard(limit: -1) { rank } }", "limit -1, offset 0"),
        ("{ v2Leaderboard(limit: 10001) { rank } }", "at most 10000 rows"),
        ('{ pipelineStatus(tournament: "classic", date: "soon") { tournament } }', "no date"),
        ('{ pipelineStatus(tournament: "bonds") { tournament } }', "no pipeline 'bonds'"),
    ],
)
def test_query__wrong__then_the_error_says_so(nobody: Asker, query: str, message: str) -> None:
    assert message in nobody.refused(query)


@pytest.mark.parametrize(
    "header", ["Token a$b", "Token ", "Basic YTpi", "Bearer x", "Token " + "x" * 5_000]
)
def test_query__credentials_that_do_not_hold__then_it_is_refused(
    serving: Serving, header: str
) -> None:
    told = Asker(serving.client, header).refused(ROUNDS, tournament=8)
    assert told.startswith("Invalid API credentials")


def test_query__scope_missing__then_the_error_is_what_clients_know(
    serving: Serving, world: ServerWorld
) -> None:
    one = asker(serving, world.owner(0), Scope.STAKE)
    assert one.refused("{ account { id } }") == "Insufficient permission for read_user_info"


def test_query__failing_inside__then_nothing_of_it_is_told(
    serving: Serving, nobody: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(type(serving.services.rounds), "list", fail)
    [error] = nobody.send(ROUNDS, tournament=8)["errors"]
    assert error["message"].startswith("internal error ")
    assert error["extensions"]["code"] == "internal"
    assert error["path"] == ["rounds"]
    assert "swordfish" not in json.dumps(error)


_BOMBS = {
    "aliases": "{" + " ".join(f"a{i}: tournaments {{ name }}" for i in range(50)) + "}",
    "tokens": "{" + " tournaments { name }" * 2_000 + "}",
    "depth": "{ account { models " + "{ submissions { round " * 9 + "{ id }" + "} }" * 9 + " } }",
    "nesting": "{ a" * 700 + "}" * 700,
    "lists": "{ rounds(number: " + "[" * 700 + "]" * 700 + ") { number } }",
    "fragments": "query { ...f0 } "
    + " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(60))
    + " fragment f60 on Query { tournaments { name } }",
    "circles": "query { ...f0 } "
    + " ".join(
        f"fragment f{i} on Query {{ {' '.join(f'...f{j}' for j in range(20) if j != i)} }}"
        for i in range(20)
    ),
    "itself": "query { ...f } fragment f on Query { ...f }",
}


@pytest.mark.parametrize("name", _BOMBS)
def test_query__short_text_that_asks_for_much__then_it_is_refused(nobody: Asker, name: str) -> None:
    found = nobody.send(_BOMBS[name])
    assert found["data"] is None
    assert all("internal" not in error["message"] for error in found["errors"])


def test_query__fields_at_the_bound__then_only_one_more_is_refused(nobody: Asker) -> None:
    def query(fields: int) -> str:
        return (
            "{ tournaments { "
            + "...f " * (fields // 10)
            + "} } fragment f on Tournament {"
            + (" name" * 10 + " }")
        )

    assert nobody.ask(query(MAX_FIELDS - 10)) == [{"name": "classic"}]
    assert nobody.refused(query(MAX_FIELDS)).endswith(f"more than {MAX_FIELDS} fields")


def test_introspection__as_common_tools_send_it__then_it_is_answered(nobody: Asker) -> None:
    from graphql import build_client_schema, get_introspection_query

    found = build_client_schema(nobody.send(get_introspection_query())["data"])
    assert "v2ChangeStake" in found.mutation_type.fields  # type: ignore[union-attr]
