"""Requests generated from what the server says of itself: no internal error, and every answer is
as declared. Examples follow from the code alone; `make fuzz` draws many more."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fuzzed_server import FuzzedServer, fuzzed_server
from graphql import get_introspection_query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.graphql import nodes
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = [pytest.mark.slow, pytest.mark.hypothesis, pytest.mark.xdist_group("server-fuzz")]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ENDLESS = {"/v1/events"}
"""Streams, which have a test of their own."""
EXAMPLES = 150 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 8
"""Requests of each operation."""
_drawn = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FuzzedServer]:
    with fuzzed_server(tmp_path_factory.mktemp("fuzzed")) as server:
        yield server


def _rest(fuzzed: FuzzedServer) -> list[Any]:
    """Every operation that the server declares."""
    schema = schemathesis.openapi.from_dict(fuzzed.client.get("/v1/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations()]
    return [one for one in operations if one.path not in ENDLESS]


def _try(fuzzed: FuzzedServer, operation: Any) -> None:
    people = fuzzed.people()

    @_drawn
    @given(operation.as_strategy(), st.sampled_from(people))
    def send(case: Any, person: dict[str, str]) -> None:
        for name, value in dict(case.path_parameters or {}).items():
            case.path_parameters[name] = fuzzed.known(name, value)
        sent = case.as_transport_kwargs(base_url=str(fuzzed.client.base_url), headers=person)
        sent.pop("cookies", None)
        case.validate_response(fuzzed.client.request(**sent), checks=CHECKS)

    send()


def test_rest__generated_requests__answers_as_declared_and_no_internal_error(
    fuzzed: FuzzedServer,
) -> None:
    wrong = {}
    operations = _rest(fuzzed)
    for operation in operations:
        try:
            _try(fuzzed, operation)
        except (FailureGroup, AssertionError) as error:
            wrong[operation.label] = str(error)
    assert not wrong, "\n\n".join(f"{label}: {said}" for label, said in wrong.items())
    assert len(operations) > 40


schemathesis.graphql.scalar("bool", st.booleans().map(nodes.Boolean))


def _graphql(fuzzed: FuzzedServer) -> list[Any]:
    """Every query and mutation, by the schema that the server tells."""
    answer = fuzzed.client.post("/", json={"query": get_introspection_query()})
    schema = schemathesis.graphql.from_dict(answer.json()["data"])
    return [found.ok() for found in schema.get_all_operations()]


def test_graphql__generated_queries__an_answer_or_errors_for_people(fuzzed: FuzzedServer) -> None:
    operations = _graphql(fuzzed)
    wrong: list[str] = []
    for operation in operations:
        people = fuzzed.people()

        @_drawn
        @given(operation.as_strategy(), st.sampled_from(people))
        def send(case: Any, person: dict[str, str]) -> None:
            answer = fuzzed.client.post("/", json={"query": case.body}, headers=person)
            said = answer.json()
            errors = said.get("errors", [])
            codes = {error.get("extensions", {}).get("code") for error in errors}
            assert answer.status_code == 200, (case.body, answer.text)
            assert "internal" not in codes, (case.body, errors)
            assert said["data"] is not None or errors, case.body
            assert all(error["message"] for error in errors)

        try:
            send()
        except AssertionError as error:
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)
    assert len(operations) > 40
