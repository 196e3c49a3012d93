"""What clients send, held against the schema. The texts are taken from the clients as they run, or
from their sources where running them takes a cloud; none is written down here."""

import ast
import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from clients import Call, Client
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

_UUID = "9b157d9b-ce61-4ab5-9413-413f13a0c0a6"
_LEAVES = {
    "ID": _UUID,
    "String": "1",
    "Int": 1,
    "Float": 0.5,
    "Boolean": True,
    "Nmr": "1.5",
    "DateTime": "2026-11-23T13:00:00Z",
}
_GIVEN: Mapping[str, Any] = {
    "tournament": 8,
    "nmr": "1",
    "max_amount": "1",
    "limit": 5,
    "offset": 0,
    "hours": 12,
    "number": 3,
    "round_num": 3,
    "day": 1,
    "last_n_rounds": 5,
    "resolved": True,
    "distinct_on_round": True,
    "data_datestamp": 20261123,
    "status": "open",
    "action": "increase",
    "file_path": "predictions.csv",
    "model_id": _UUID,
    "submission_id": _UUID,
    "query": "query { rounds(tournament: 8) { number } }",
    "directory": "data",
    "filename": "live.parquet",
    "dest_path": "downloaded.parquet",
    "docker_image": _UUID,
    "data_version": _UUID,
}
"""Arguments by the name of the parameter; others are given a text."""
_LEFT_OUT = frozenset(
    {"df", "timeout", "filters", "amount", "retries", "delay", "backoff", "variables"}
    | {"authorization"}
)


@dataclass
class Standin:
    """A server that knows the schema and nothing else: it refuses what does not fit, and answers
    all else with values of the right types. ``wrong`` is what did not fit."""

    schema: GraphQLSchema
    url: str = ""
    asked: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def answer(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        query, variables = sent["query"], sent.get("variables") or {}
        found = unfit(self.schema, query, variables)
        self.wrong += [f"{message}\n{query}" for message in found]
        if found:
            return {"errors": [{"message": message} for message in found]}
        operation = _operation(query)
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        self.asked |= {
            node.name.value
            for node in operation.selection_set.selections
            if isinstance(node, FieldNode)
        }
        return {"data": self._object(root, operation.selection_set)}

    def _object(self, kind: GraphQLObjectType, selection: SelectionSetNode) -> dict[str, Any]:
        return {
            node.name.value: self._value(node, kind.fields[node.name.value].type)
            for node in selection.selections
            if isinstance(node, FieldNode)
        }

    def _value(self, node: FieldNode, kind: Any) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self._value(node, kind.of_type)
        if isinstance(kind, GraphQLList):
            return [self._value(node, kind.of_type)]
        if isinstance(kind, GraphQLObjectType):
            assert node.selection_set is not None
            return self._object(kind, node.selection_set)
        if isinstance(kind, GraphQLEnumType):
            return next(iter(kind.values))
        if node.name.value in {"url", "dataset"}:
            return f"{self.url}/file"
        return _LEAVES[get_named_type(kind).name]


def unfit(schema: GraphQLSchema, query: str, variables: Mapping[str, Any]) -> list[str]:
    """Why the schema does not take a query with these variables; empty if it does."""
    errors = validate(schema, parse(query))
    if not errors:
        definitions = _operation(query).variable_definitions or ()
        values = get_variable_values(schema, definitions, dict(variables))
        errors = values if isinstance(values, list) else []
    return [error.message for error in errors]


def _operation(query: str) -> OperationDefinitionNode:
    [operation] = [n for n in parse(query).definitions if isinstance(n, OperationDefinitionNode)]
    return operation


@contextmanager
def standin(schema: GraphQLSchema) -> Iterator[Standin]:
    """The stand-in on a port of its own."""
    told = Standin(schema)
    table = pa.table({"numerai_ticker": ["AAPL US"]})
    pq.write_table(table, buffer := io.BytesIO())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(json.dumps(told.answer(json.loads(self._body()))).encode())

        def do_PUT(self) -> None:
            self._body()
            self._answer(b"")

        def do_GET(self) -> None:
            self._answer(buffer.getvalue())

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield told
        finally:
            server.shutdown()


def every_call(client: Client) -> list[Call]:
    """Every public method of every class, with arguments of the right kinds."""
    _, classes = client.methods()
    return [
        Call(
            api,
            method,
            {name: _GIVEN.get(name, "text") for name in parameters if name not in _LEFT_OUT},
        )
        for api, methods in classes.items()
        for method, parameters in methods.items()
    ]


def read_queries(folder: Path) -> list[tuple[str, str]]:
    """Queries in the sources below ``folder``, each with its file: what is passed as text to
    ``raw_query``."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "raw_query":
                text = node.args[0]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found.append((path.relative_to(folder).as_posix(), text.value))
    return found
