"""The operator's documents agree with its configuration, requests and metrics."""

from types import SimpleNamespace
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from test_docs import ROOT, table

from oracle.chain.signers import EnvFileSettings, KeystoreSettings, KmsSettings
from oracle.operator.announce_config import SecondsAnnounce, WeekdaysAnnounce
from oracle.operator.config import (
    BridgeSettings,
    ChainSettings,
    OperatorConfig,
    S3Settings,
    StoreSettings,
)
from oracle.operator.metrics import Metrics
from oracle.operator.server import build

OPERATORS, OPERATOR_HTTP = ROOT / "docs" / "operators.md", ROOT / "docs" / "operator-http.md"
NOTHING = {"none": (None, (), ""), "zeros": ("0x" + bytes(32).hex(),)}


def fields(model: type[BaseModel], sections: dict[str, type[BaseModel]]) -> dict[str, FieldInfo]:
    """A configuration's fields, those of ``sections`` by their name with a dot."""
    found = {}
    for name, field in model.model_fields.items():
        if name in sections:
            below = fields(sections[name], {}).items()
            found |= {f"{name}.{inner}": one for inner, one in below}
        else:
            found[name] = field
    return found


def is_default(text: str, field: FieldInfo) -> bool:
    """Whether a table's cell shows a field's default; an empty cell means that there is none."""
    if field.is_required() or not text:
        return field.is_required() and not text
    default = field.default
    if text in NOTHING:
        return default in NOTHING[text]
    if isinstance(default, bool):
        return text == str(default).lower()
    return (f"({text})" if isinstance(default, tuple) else text) == str(default)


def wrong_defaults(rows: list[list[str]], there: dict[str, FieldInfo]) -> list[str]:
    return [name for name, text, *_ in rows if not is_default(text, there[name])]


def test_operator_fields__table__equals_the_configuration() -> None:
    rows = table(OPERATORS, "Configuration")
    sections = {"bridge": BridgeSettings, "chain": ChainSettings, "store": StoreSettings}
    there = fields(OperatorConfig, sections)
    assert sorted(row[0] for row in rows) == sorted(there)
    assert wrong_defaults(rows, there) == []
    [s3] = [meaning for name, _, meaning in rows if name == "store.s3"]
    assert s3.partition(": ")[2].split(", ") == list(S3Settings.model_fields)


def test_signers__table__equals_the_configuration() -> None:
    rows = {kind: set(names.split(", ")) for kind, names, _ in table(OPERATORS, "Keys")}
    kinds = (KeystoreSettings, EnvFileSettings, KmsSettings)
    there = {kind.__name__.removesuffix("Settings").lower(): kind for kind in kinds}
    assert rows == {name: set(kind.model_fields) - {"kind"} for name, kind in there.items()}


def test_announce__table__equals_the_configuration() -> None:
    rows = table(OPERATORS, "Announcing on a calendar")
    weekdays, seconds = WeekdaysAnnounce.model_fields, SecondsAnnounce.model_fields
    assert {row[0] for row in rows} == set(weekdays) | set(seconds)
    assert wrong_defaults(rows, {**seconds, **weekdays}) == []


def test_operator_requests__table__equals_the_routes() -> None:
    ingest: Any = SimpleNamespace(journal=None, signer=None)
    results: Any = SimpleNamespace()
    paths = build(ingest, results).openapi()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {row[0] for row in table(OPERATOR_HTTP, "Requests")} == there


def test_metrics__table__equals_the_registry() -> None:
    suffix = {"counter": "_total", "info": "_info"}
    there = {f.name + suffix.get(f.type, "") for f in Metrics().registry.collect()}
    assert {row[0] for row in table(OPERATORS, "Metrics")} == there
