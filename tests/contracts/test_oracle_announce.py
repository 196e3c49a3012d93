"""RoundOracle: what an announcer may announce, and what it can never choose."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import boa
import pytest
from assay_system import ONE, TEMPLATE, TOURNAMENT, System, Timing, compiled, operators, refused

from oracle.settlement.payout import Template
from oracle.settlement.typed_data import SPEC_HASH, Announcement, template_hash

SERIES = b"\x07" * 32


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
    stored = system.oracle.round_of(1)
    assert (stored.status, stored.opens, stored.closes, stored.horizon) == (
        1,
        now + 10,
        now + 400,
        250,
    )
    assert (stored.phi, stored.epoch, stored.template_hash) == (950_000, 1, template_hash(TEMPLATE))
    assert stored.announce_hash == system.oracle.announce_hash(1) == expected.hash()
    assert (stored.committed_at, stored.final_at, stored.chain_head) == (0, 0, bytes(32))
    assert tuple(system.oracle.latest()) == (1, now + 400, 950_000, 1, 1)
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
    assert system.oracle.threshold() == 3
    assert system.oracle.announcer() == system.announcer
    assert (system.oracle.POOL(), system.oracle.TOURNAMENT()) == (system.pool.address, TOURNAMENT)
    assert tuple(system.oracle.latest()) == (0, 0, ONE, 1, 1)
    assert system.oracle.round_of(1).status == 0
    assert system.oracle.is_signer(system.signers[0].address, 1)
    assert system.oracle.is_signer(system.signers[0].address, 2**32 - 1)
    assert not system.oracle.is_signer(system.signers[0].address, 0)
    assert not system.oracle.is_signer(system.announcer, 1)


def test_template__every_field_at_its_limit__survives_packing(make_system: Callable) -> None:
    widest = Template((6, 5, 4), (10**8, 10**8 - 1, 10**8), 10**12, 10**12 - 1, 2**56 - 1, 10**6)
    system = make_system(template=widest)
    assert system.oracle.template_hash() == template_hash(widest)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"k": 0}, "oracle: round order"),
        ({"k": 2}, "oracle: round order"),
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
@pytest.mark.parametrize("value", [0, 2**32])
def test_constructor__bad_timing__refused(make_system: Callable, field: str, value: int) -> None:
    with refused("bounds: bad timing"):
        make_system(timing=replace(Timing(), **{field: value}))


def test_constructor__notice_beyond_max_ahead__refused(make_system: Callable) -> None:
    with refused("bounds: notice beyond max ahead"):
        make_system(timing=Timing(notice=101, max_ahead=100))


@pytest.mark.parametrize(
    ("n", "threshold", "reason"),
    [
        (4, 2, "quorum: bad threshold"),
        (4, 4, "quorum: bad threshold"),
        (3, 1, "quorum: bad threshold"),
        (2, 1, "quorum: bad threshold"),
        (0, 0, "quorum: bad threshold"),
    ],
)
def test_constructor__bad_threshold__refused(
    make_system: Callable, n: int, threshold: int, reason: str
) -> None:
    with refused(reason):
        make_system(n=n, threshold=threshold)


@pytest.mark.parametrize(("n", "threshold"), [(3, 2), (4, 3), (7, 4), (16, 15)])
def test_constructor__good_threshold__accepted(
    make_system: Callable, n: int, threshold: int
) -> None:
    assert make_system(n=n, threshold=threshold).oracle.threshold() == threshold


def oracle_arguments() -> list[Any]:
    return [
        boa.env.generate_address(),
        TOURNAMENT,
        boa.env.generate_address(),
        [signer.address for signer in operators(4)],
        3,
        tuple(asdict(TEMPLATE).values()),
        tuple(asdict(Timing()).values()),
    ]


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (0, "0x" + "00" * 20, "oracle: zero address"),
        (2, "0x" + "00" * 20, "oracle: zero address"),
        (3, ["0x" + "00" * 20, *(s.address for s in operators(3))], "quorum: zero signer"),
        (3, [s.address for s in operators(2)] * 2, "quorum: signer twice"),
    ],
)
def test_constructor__bad_account__refused(position: int, value: Any, reason: str) -> None:
    arguments = oracle_arguments()
    arguments[position] = value
    with refused(reason):
        compiled("contracts/polygon/RoundOracle.vy").deploy(*arguments)
