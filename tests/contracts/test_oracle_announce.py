"""RoundOracle: what an announcer may announce, and what it can never choose."""

from collections.abc import Callable
from dataclasses import asdict, astuple, replace
from typing import Any

import boa
import pytest
from assay_system import (
    ONE,
    TEMPLATE,
    TOURNAMENT,
    System,
    Timing,
    compiled,
    deploy,
    operators,
    refused,
)

from oracle.settlement.payout import Template
from oracle.settlement.typed_data import SPEC_HASH, Announcement, template_hash

ORACLE = "contracts/polygon/RoundOracle.vy"
SERIES = b"\x07" * 32
YEAR = 365 * 86_400
ZERO = "0x" + "00" * 20


@pytest.fixture(scope="module")
def system() -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


def announce(system: System, **changes: Any) -> bytes:
    """A valid announcement of round 1, but for ``changes``."""
    now = system.now
    values = {
        "k": 1,
        "opens": now,
        "closes": now + 500,
        "horizon": 300,
        "phi": ONE,
        "series_hash": SERIES,
        "spec_hash": SPEC_HASH,
    }
    sender = changes.pop("sender", system.announcer)
    return system.oracle.announce(*(values | changes).values(), sender=sender)


def test_announce__valid__stored_logged_and_scheduled(system: System) -> None:
    now = system.now
    expected = Announcement(
        pool=system.pool.address,
        tournament=TOURNAMENT,
        round=1,
        opens=now + 10,
        closes=now + 400,
        horizon=250,
        phi=950_000,
        series_hash=SERIES,
        spec_hash=SPEC_HASH,
        epoch=1,
        template=TEMPLATE,
    )
    assert announce(system, opens=now + 10, closes=now + 400, horizon=250, phi=950_000) == (
        expected.hash()
    )
    log = next(e for e in system.oracle.get_logs() if type(e).__name__ == "Announced")
    assert (log.round, log.opens, log.closes, log.horizon) == (1, now + 10, now + 400, 250)
    assert (log.phi, log.series_hash, log.spec_hash, log.epoch) == (950_000, SERIES, SPEC_HASH, 1)
    assert (log.template_hash, log.announce_hash) == (template_hash(TEMPLATE), expected.hash())
    assert tuple(system.oracle.round_of(1)) == (
        1,
        now + 10,
        now + 400,
        250,
        950_000,
        1,
        system.threshold,
        system.super_quorum,
        expected.hash(),
        template_hash(TEMPLATE),
        bytes(32),
        *(0, 0, 0, 0),
        bytes(32),
    )
    assert system.oracle.sealed(1) == expected.hash()
    assert tuple(system.oracle.latest()) == (1, now + 400, 950_000, 1, 1, 4, 5)
    assert system.pool.round_state(1).close == now + 400
    assert system.pool.state().last_announced == 1


def test_views__deployed__show_what_was_given(system: System) -> None:
    assert system.oracle.template_hash() == template_hash(TEMPLATE)
    shown = system.oracle.template()
    assert (tuple(shown.kinds), tuple(shown.multipliers)) == (TEMPLATE.kinds, TEMPLATE.multipliers)
    assert (shown.clip_up, shown.clip_down, shown.threshold, shown.kappa) == (
        TEMPLATE.clip_up,
        TEMPLATE.clip_down,
        TEMPLATE.threshold,
        TEMPLATE.kappa,
    )
    assert tuple(system.oracle.timing()) == tuple(asdict(system.timing).values())
    assert system.oracle.signers() == [s.address for s in system.signers]
    assert (system.oracle.threshold(), system.oracle.super_quorum()) == (4, 5)
    assert system.oracle.announcer() == system.announcer
    assert system.oracle.guardian() == system.guardian
    assert system.oracle.GOVERNOR() == system.governor
    assert (system.oracle.POOL(), system.oracle.TOURNAMENT()) == (system.pool.address, TOURNAMENT)
    assert system.oracle.TOKEN() == system.token.address
    assert system.oracle.BURN_VAULT() == system.burn_vault
    assert tuple(system.oracle.latest()) == (0, 0, ONE, 1, 1, 4, 5)
    assert tuple(system.oracle.round_of(1)) == (*[0] * 8, *[bytes(32)] * 3, *[0] * 4, bytes(32))
    assert system.oracle.is_signer(system.signers[0].address, 1)
    assert system.oracle.is_signer(system.signers[0].address, 2**12 - 1)
    assert not system.oracle.is_signer(system.signers[0].address, 2**12)
    assert not system.oracle.is_signer(system.signers[0].address, 0)
    assert not system.oracle.is_signer(system.announcer, 1)
    assert not system.oracle.is_signer(system.announcer, 0)


def test_template__every_field_at_its_limit__survives_packing(make_system: Callable) -> None:
    widest = Template((6, 5, 4), (10**8, 10**8 - 1, 10**8), 10**12, 10**12 - 1, 2**56 - 1, 10**6)
    system = make_system(template=widest)
    assert system.oracle.template_hash() == template_hash(widest)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"k": 0}, "oracle: round order"),
        ({"k": 2}, "pool: round order"),
        ({"opens": -1}, "bounds: opens in the past"),
        ({"opens": 500}, "bounds: closes before it opens"),
        ({"closes": 99}, "bounds: notice too short"),
        ({"closes": 10_001}, "bounds: too far ahead"),
        ({"horizon": 0}, "bounds: bad horizon"),
        ({"horizon": 10_001}, "bounds: bad horizon"),
        ({"phi": ONE + 1}, "bounds: bad phi"),
        ({"phi": 499_999}, "bounds: bad phi"),
        ({"phi": 899_999}, "bounds: phi step"),
        ({"phi": ONE - 1, "series_hash": bytes(32)}, "bounds: phi without series"),
        ({"spec_hash": bytes(32)}, "oracle: zero spec hash"),
    ],
)
def test_announce__outside_a_bound__refused(
    system: System, changes: dict[str, Any], reason: str
) -> None:
    for time in ("opens", "closes"):
        if time in changes:
            changes = changes | {time: changes[time] + system.now}
    with refused(reason):
        announce(system, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"closes": 100},
        {"closes": 10_000},
        {"horizon": 10_000},
        {"phi": 900_000},
        {"series_hash": bytes(32)},
    ],
)
def test_announce__on_a_bound__accepted(system: System, changes: dict[str, Any]) -> None:
    if "closes" in changes:
        changes = {"closes": changes["closes"] + system.now}
    announce(system, **changes)
    assert system.oracle.latest().number == 1


def test_announce__not_announcer__refused(system: System, stranger: str) -> None:
    with refused("oracle: not announcer"):
        announce(system, sender=stranger)


def test_announce__close_near_the_last_one__needs_the_gap(system: System) -> None:
    close = system.now + 500
    announce(system)
    with refused("bounds: gap too short"):
        announce(system, k=2, closes=close + system.timing.gap - 1)
    announce(system, k=2, closes=close + system.timing.gap)


def test_announce__phi_walks_down__reaches_a_half_in_steps(system: System) -> None:
    for step in range(5):
        close = system.now + 500 + 50 * step
        announce(system, k=step + 1, closes=close, phi=ONE - 100_000 * (step + 1))
    with refused("bounds: phi step"):
        announce(system, k=6, closes=system.now + 800, phi=600_001)
    announce(system, k=6, closes=system.now + 800, phi=600_000)


def test_announce__number_not_above_the_last__refused(system: System) -> None:
    announce(system)
    for k in (0, 1):
        with refused("oracle: round order"):
            announce(system, k=k)


def test_announce__pool_skipped_a_round__goes_on_after_it(system: System) -> None:
    system.warp(system.now + system.clocks.skip_after)
    system.pool.skip(1)
    with refused("pool: round order"):
        announce(system)
    announce(system, k=2)
    assert system.oracle.round_of(1).status == 0
    assert not system.oracle.is_void(1)
    assert system.oracle.latest().number == 2


def test_announce__pool_paused__refused(system: System) -> None:
    system.oracle.pause(sender=system.guardian)
    with refused("pool: paused"):
        announce(system)
    assert system.oracle.latest().number == 0


def test_announce__last_answer_beyond_32_bits__refused(make_system: Callable) -> None:
    timing = Timing()
    boa.env.timestamp = 2**32 - 1 - 400 - timing.grace - timing.window - timing.challenge
    system = make_system()
    with refused("bounds: beyond the last time"):
        announce(system, closes=system.now + 101)
    announce(system, closes=system.now + 100)


def test_announce__96_rounds_pending__needs_a_settled_one(make_system: Callable) -> None:
    system = make_system(timing=Timing(gap=1))
    for k in range(1, 97):
        announce(system, k=k, closes=system.now + 500 + k)
    with refused("pool: too many pending"):
        announce(system, k=97, closes=system.now + 800)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("kinds", (7, 2, 3), "template: bad kind"),
        ("multipliers", (10**8 + 1, 0, 0), "template: bad multiplier"),
        ("kinds", (1, 2, 0), "template: pays no score"),
        ("clip_up", 10**12 + 1, "template: bad clip"),
        ("clip_down", 10**12 + 1, "template: bad clip"),
        ("threshold", 0, "template: bad threshold"),
        ("threshold", 2**56, "template: bad threshold"),
        ("kappa", 10**6 + 1, "template: bad kappa"),
    ],
)
def test_constructor__bad_template__refused(
    make_system: Callable, field: str, value: Any, reason: str
) -> None:
    with refused(reason):
        make_system(template=replace(TEMPLATE, **{field: value}))


@pytest.mark.parametrize("field", list(asdict(Timing())))
@pytest.mark.parametrize("value", [0, YEAR + 1, 2**256 - 1])
def test_constructor__bad_timing__refused(field: str, value: int) -> None:
    arguments = oracle_arguments()
    arguments[-1] = astuple(replace(Timing(), **{field: value}))
    with refused("bounds: bad timing"):
        compiled(ORACLE).deploy(*arguments)


def test_constructor__every_time_a_year__accepted() -> None:
    arguments = oracle_arguments()
    arguments[-1] = (YEAR,) * 7
    assert tuple(compiled(ORACLE).deploy(*arguments).timing()) == (YEAR,) * 7


def test_constructor__notice_beyond_max_ahead__refused(make_system: Callable) -> None:
    with refused("bounds: notice beyond max ahead"):
        make_system(timing=Timing(notice=101, max_ahead=100))


@pytest.mark.parametrize(
    ("n", "threshold", "super_quorum", "reason"),
    [
        (4, 2, 3, "quorum: bad threshold"),
        (4, 4, 0, "quorum: bad threshold"),
        (3, 1, 2, "quorum: bad threshold"),
        (2, 1, 0, "quorum: bad threshold"),
        (0, 0, 0, "quorum: bad threshold"),
        (7, 2**256 - 1, 0, None),
        (7, 4, 3, "quorum: bad super-quorum"),
        (7, 4, 4, "quorum: bad super-quorum"),
        (7, 4, 7, "quorum: bad super-quorum"),
        (4, 3, 4, "quorum: bad super-quorum"),
    ],
)
def test_constructor__bad_quorum__refused(
    make_system: Callable, n: int, threshold: int, super_quorum: int, reason: str | None
) -> None:
    with boa.reverts() if reason is None else refused(reason):
        make_system(n=n, threshold=threshold, super_quorum=super_quorum)


@pytest.mark.parametrize(
    ("n", "threshold", "super_quorum"),
    [(3, 2, 0), (4, 3, 0), (7, 4, 0), (7, 4, 5), (7, 4, 6), (7, 5, 6), (16, 9, 10), (16, 14, 15)],
)
def test_constructor__good_quorum__accepted(
    make_system: Callable, n: int, threshold: int, super_quorum: int
) -> None:
    system = make_system(n=n, threshold=threshold, super_quorum=super_quorum)
    announce(system)
    stored = system.oracle.round_of(1)
    assert (stored.threshold, stored.super_quorum) == (threshold, super_quorum)


def oracle_arguments() -> list[Any]:
    """Of a constructor, with accounts in place of the other contracts."""
    return [
        boa.env.generate_address("pool"),
        TOURNAMENT,
        *(boa.env.generate_address() for _ in range(5)),
        [signer.address for signer in operators(4)],
        3,
        0,
        astuple(TEMPLATE),
        astuple(Timing()),
    ]


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        *((position, ZERO, "oracle: zero address") for position in (0, 2, 3, 4, 5, 6)),
        (7, [ZERO, *(s.address for s in operators(3))], "quorum: zero signer"),
        (7, [s.address for s in operators(2)] * 2, "quorum: signer twice"),
    ],
)
def test_constructor__bad_account__refused(position: int, value: Any, reason: str) -> None:
    arguments = oracle_arguments()
    arguments[position] = value
    with refused(reason):
        compiled(ORACLE).deploy(*arguments)
