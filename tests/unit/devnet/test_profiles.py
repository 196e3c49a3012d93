"""Profiles and roles: the production rules as they are meant, and what is refused of others."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from oracle.chain.keys import dev_account
from oracle.devnet.profile import Profile, Roles, load_profile, load_roles
from oracle.devnet.topology import load
from oracle.errors import InputError
from oracle.settlement.payout import SCORE_KINDS
from oracle.settlement.reference import Clocks
from oracle.settlement.units import RATE_ONE, UNITS_PER_NMR

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deployments" / "profiles"
NAMES = ("classic", "crypto", "signals")
DAY = 86_400
each_profile = pytest.mark.parametrize("name", NAMES)


def profile(name: str) -> Profile:
    return load_profile(FOLDER / f"{name}.toml")


def test_profiles__folder__holds_these() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize(
    ("name", "number", "scores", "threshold", "clip", "horizon"),
    [
        ("classic", 8, {"CORR": 750_000, "MMC": 2_250_000}, 72_000, RATE_ONE // 20, 90),
        ("signals", 11, {"ALPHA": 300_000, "MPC": 800_000}, 36_000, 17 * RATE_ONE // 1000, 90),
        ("crypto", 12, {"CORR": 100_000, "MMC": 1_000_000}, 10_000, RATE_ONE // 20, 35),
    ],
)
def test_profile__payout_rule__is_the_published_one(
    name: str, number: int, scores: dict[str, int], threshold: int, clip: int, horizon: int
) -> None:
    rules = profile(name)
    template = rules.template.template()
    paid = zip(template.kinds, template.multipliers, strict=True)
    assert {k: m for k, m in paid if k} == {SCORE_KINDS[k]: m for k, m in scores.items()}
    assert (template.threshold, template.clip_up) == (threshold * UNITS_PER_NMR, clip)
    assert template.clip_down == clip
    assert (rules.number, rules.timing.max_horizon) == (number, horizon * DAY)


@each_profile
def test_profile__quorum__is_that_of_production(name: str) -> None:
    rules = profile(name)
    assert (rules.operators, rules.signatures, rules.super_quorum) == (7, 4, 5)
    assert rules.fee == UNITS_PER_NMR // 10


@each_profile
def test_profile__times__are_those_of_production(name: str) -> None:
    rules = profile(name)
    timing = {**rules.timing.model_dump(), "max_horizon": 0}
    assert timing == {**load().tournament.timing.model_dump(), "max_horizon": 0}
    clocks = {**asdict(Clocks()), "wind_down_after": 60 * DAY + rules.timing.max_horizon}
    assert rules.clocks.model_dump() == clocks


def test_profiles__comments__give_the_seconds_they_stand_beside() -> None:
    units = {"d": DAY, "h": 3600}
    for path in FOLDER.iterdir():
        for line in path.read_text().splitlines():
            code, _, comment = line.partition("#")
            words = comment.replace(":", " ").split()
            if code.strip() and len(words) > 1 and words[1] in units:
                assert int(code.split("=")[1]) == int(words[0]) * units[words[1]], line


# ---------------------------------------------------------------------- what is refused

CLASSIC: dict[str, Any] = json.loads(profile("classic").model_dump_json())
PEOPLE: dict[str, Any] = json.loads(load().roles().model_dump_json())


def _written(folder: Path, value: dict[str, Any], change: Callable[[dict[str, Any]], Any]) -> Path:
    copied = json.loads(json.dumps(value))
    change(copied)
    path = folder / "declared.json"
    path.write_text(json.dumps(copied))
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.pop("operators"), "operators: Field required"),
        (lambda p: p.update(signatures=3), "3 signatures of 7 operators"),
        (lambda p: p.update(super_quorum=4), "a super-quorum of 4 with 4 signatures of 7"),
        (lambda p: p.update(super_quorum=7), "a super-quorum of 7 with 4 signatures of 7"),
        (lambda p: p.update(registry_fee_nmr="0"), "registry_fee_nmr 0 is not above zero"),
        (lambda p: p.update(registry_fee_nmr="-1"), "registry_fee_nmr -1 is not above zero"),
        (lambda p: p.update(registry_fee_nmr="1e-10"), "registry_fee_nmr .* is finer than"),
        (lambda p: p["clocks"].pop("pause"), r"clocks\.pause: Field required"),
        (lambda p: p["clocks"].update(paws=1), r"clocks\.paws: Extra inputs"),
        (
            lambda p: p["clocks"].update(wind_down_after=135 * DAY + 7_200),
            "wind_down_after .* not above",
        ),
        (lambda p: p["template"].update(kinds=["CORR", "X", "NONE"]), "score kinds are"),
    ],
)
def test_load_profile__wrong__says_what_and_where(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    path = _written(tmp_path, CLASSIC, change)
    with pytest.raises(InputError, match=said) as info:
        load_profile(path)
    assert str(path) in info.value.message


def test_load_profile__winding_down_a_second_after_the_last_answer__taken(tmp_path: Path) -> None:
    clocks = {"wind_down_after": 135 * DAY + 7_200 + 1}
    path = _written(tmp_path, CLASSIC, lambda p: p["clocks"].update(clocks))
    assert load_profile(path).clocks.wind_down_after == 135 * DAY + 7_200 + 1


MIXED = dev_account(9).address


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(guardian="0x12"), "guardian: .*40 hex digits"),
        (lambda r: r.update(guardian=MIXED[2:]), "guardian: .*40 hex digits"),
        (lambda r: r.update(guardian=MIXED.swapcase().replace("X", "x")), "guardian: .*checksum"),
        (lambda r: r.update(announcer="0x" + "00" * 20), "announcer: .*zero address"),
        (lambda r: r.update(owner=MIXED), "owner: Extra inputs"),
        (lambda r: r["operators"].append(r["operators"][0]), "operators: .* more than once"),
        (lambda r: r.update(token=r["guardian"]), "guardian is .* token or the burn vault"),
        (lambda r: r.update(burn_vault=r["announcer"]), "announcer is .* token or the burn vault"),
        (lambda r: r.update(token=MIXED, burn_vault=MIXED), "the same address"),
        (lambda r: r["timelock"].update(delay=0), r"timelock\.delay: "),
        (
            lambda r: (r["timelock"].update(proposer=None), r.update(tunnel=None)),
            "nobody could propose anything to the timelock",
        ),
        (lambda r: r.update(tunnel={"governor": MIXED, "delay": 0}), r"tunnel\.delay: "),
        (lambda r: r.update(tunnel={"governor": MIXED, "delay": 30 * DAY + 1}), r"tunnel\.delay: "),
        (lambda r: r.update(token=MIXED, tunnel={"governor": MIXED, "delay": 1}), "governor is "),
        (lambda r: r["timelock"].update(delay=90 * DAY + 1), r"timelock\.delay: "),
    ],
)
def test_load_roles__wrong__says_what_and_where(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    path = _written(tmp_path, PEOPLE, change)
    with pytest.raises(InputError, match=said) as info:
        load_roles(path)
    assert str(path) in info.value.message


def test_load_roles__lower_case__becomes_the_checksum(tmp_path: Path) -> None:
    path = _written(tmp_path, PEOPLE, lambda r: r.update(guardian=MIXED.lower()))
    assert load_roles(path).guardian == MIXED


def test_load_roles__tunnel_and_no_proposer__taken(tmp_path: Path) -> None:
    def change(roles: dict[str, Any]) -> None:
        roles["timelock"].pop("proposer")
        roles["tunnel"] = {"governor": MIXED, "delay": 30 * DAY}

    roles = load_roles(_written(tmp_path, PEOPLE, change))
    assert roles.timelock.proposer is None
    assert roles.holders()["tunnel.governor"] == MIXED


def test_roles__of_the_default_topology__accounts_6_and_7() -> None:
    roles: Roles = load().roles()
    assert roles.guardian == roles.timelock.canceller == dev_account(6).address
    assert roles.timelock.proposer == dev_account(7).address
    assert roles.timelock.delay == 7 * DAY
    assert (roles.token, roles.burn_vault) == (None, None)
    assert roles.tunnel is not None
    assert roles.tunnel.governor == dev_account(7).address
    assert dev_account(0).address not in roles.holders().values()
