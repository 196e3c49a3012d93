"""The operator's example deployment agrees with the code, with itself, and with the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_docs import anchors, table

from oracle.chain.endpoint import EndpointHealth
from oracle.operator.cost import WEEKDAYS_A_MONTH, round_gas
from oracle.operator.metrics import Metrics, Sights
from oracle.settlement.rounds import Phase

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deployments" / "operator"
RUNBOOK = ROOT / "docs" / "runbook.md"
METRIC = re.compile(r"\bassay_\w+")


def load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]


def exported() -> set[str]:
    """Names of all metrics as Prometheus sees them, those without a value so far included."""
    health = EndpointHealth("rpc.example", True, 1, 1, 0, 0, "")
    metrics = Metrics(Sights(endpoints=lambda: [health], folders=[Path("/")]))
    found = set()
    for family in metrics.registry.collect():
        found.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return found


each_rule = pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))


# ---------------------------------------------------------------------- alerts


def test_alerts__names__are_unique() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 10


@each_rule
def test_alerts__every_metric__is_exported(rule: dict[str, Any]) -> None:
    named = set(METRIC.findall(rule["expr"]))
    assert named <= exported()
    assert named or rule["expr"].startswith("up{")


@each_rule
def test_alerts__phases_named__are_phases(rule: dict[str, Any]) -> None:
    phases = set(re.findall(r'phase="([^"]*)"', rule["expr"]))
    assert phases <= {phase.value for phase in Phase}


@each_rule
def test_alerts__severity_and_runbook__are_there(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "warn"}
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert ROOT / path == RUNBOOK
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(RUNBOOK)


def test_runbook__sections_of_alerts__are_those_of_the_rules() -> None:
    """A section for an alert that is gone would send people the wrong way."""
    _, _, below = RUNBOOK.read_text().partition("\n## Alerts\n")
    section = below.partition("\n## ")[0]
    headings = re.findall(r"^### (\w+)$", section, re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules()]


@pytest.mark.parametrize("what", ["Means", "Look at", "Do"])
def test_runbook__every_alert__says_what_it_means_and_what_to_do(what: str) -> None:
    _, _, below = RUNBOOK.read_text().partition("\n## Alerts\n")
    for part in below.partition("\n## ")[0].split("\n### ")[1:]:
        assert f"**{what}:**" in part, part.splitlines()[0]


def test_runbook__sections_that_checks_name__are_there() -> None:
    sources = "".join(p.read_text() for p in (ROOT / "oracle" / "operator").glob("checks*.py"))
    named = set(re.findall(r"docs/runbook\.md#(\w+)", sources))
    assert len(named) >= 3
    assert named <= anchors(RUNBOOK)


def test_runbook__gas_of_a_round__is_what_cost_expects() -> None:
    for models, *cells in table(RUNBOOK, "Gas"):
        gas = round_gas(_number(models), 4, announces=True)
        shown = [_number(cell) for cell in cells[:6]]
        assert shown == [*gas.values(), sum(gas.values())]
        for price, coins in zip((30, 100, 500), cells[6:], strict=True):
            month = WEEKDAYS_A_MONTH * price * sum(gas.values()) / 10**9
            assert float(coins) == pytest.approx(month, rel=0.05)


def _number(text: str) -> int:
    return int(text.replace(",", ""))


# ---------------------------------------------------------------------- prometheus, compose


def test_prometheus__job_and_rules__are_those_of_the_alerts() -> None:
    config = load("prometheus.yml")
    assert config["rule_files"] == ["alerts.yml"]
    [job] = config["scrape_configs"]
    assert 'job="assay-operator"' in rules()[0]["expr"]
    assert job["job_name"] == "assay-operator"
    [target] = job["static_configs"][0]["targets"]
    service, _, port = target.partition(":")
    assert port in load("compose.yml")["services"][service]["ports"][0]


def test_compose__files_mounted_and_secrets__are_declared() -> None:
    compose = load("compose.yml")
    secrets, volumes = set(compose["secrets"]), set(compose["volumes"])
    used: set[str] = set()
    for service in compose["services"].values():
        used |= set(service.get("secrets", []))
        for mounted in service.get("volumes", []):
            source = mounted.split(":")[0]
            if not source.startswith("./"):
                assert source in volumes
            elif source not in {"./config", "./provider"}:  # the operator's own
                assert (FOLDER / source).is_file(), source
    assert used == secrets


def test_compose__secrets_read_by_libpq__are_of_one_user_each() -> None:
    """libpq ignores a password file that others may read, and services run as different users."""
    named = [
        service["environment"]["PGPASSFILE"]
        for service in load("compose.yml")["services"].values()
        if "PGPASSFILE" in service.get("environment", {})
    ]
    assert len(named) == len(set(named)) == 2


def test_compose__command__is_one_of_the_image_and_of_the_command_line() -> None:
    service = load("compose.yml")["services"]["operator"]
    dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
    given = re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert given is not None
    assert yaml.safe_load(given[1]) == service["command"]
    # What is written to is a volume whose folder the image gives to its user.
    homes = [v.split(":")[1] for v in service["volumes"] if not v.endswith(":ro")]
    assert homes == ["/var/lib/assay/home"]
    assert f"install -d -o assay -g assay -m 700 {homes[0]}" in dockerfile
    assert service["read_only"] is True


def test_dockerfile__files_it_copies__are_there_and_not_ignored() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().split()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert "requirements-operator.lock" in copied
    assert [name for name in copied if not (ROOT / name).exists() or name in ignored] == []
