"""The reference model of RoundOracle: a round's whole life, to the second, and its limits."""

from dataclasses import replace
from random import Random

import pytest
from attested import COMMIT, KEYS, POOL
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.payout import Template
from oracle.settlement.reference_oracle import (
    LAST_TIME,
    MIN_BOND,
    VETO_SPAN,
    Outcome,
    ReferenceOracle,
    Timing,
)
from oracle.settlement.refusals import Refused
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import (
    SPEC_HASH,
    Announcement,
    Result,
    struct_hash,
    template_hash,
)
from oracle.settlement.units import MAX_AMOUNT, MILLIONTH, UNITS_PER_NMR

TEMPLATE = Template((1, 2, 3), (1, 2, 3), 4, 5, 6, 7)
TIMING = Timing(
    notice=100, gap=50, max_ahead=10_000, max_horizon=9_000, grace=1_000, window=200, challenge=500
)
SIGNERS = sorted((key.address for key in KEYS), key=lambda a: int(a, 16))
CHALLENGER, GUARDIAN = "0x" + "c0" * 20, "0x" + "9d" * 20
SERIES, EVIDENCE = b"\x05" * 32, b"\x0e" * 32
RESULT = COMMIT.result
OTHER = replace(RESULT, chain_head=b"\x0b" * 32)
START = 10**9
CLOSES, DUE = START + 500, START + 800
LAST_COMMIT = DUE + TIMING.grace


def fresh(timing: Timing = TIMING) -> ReferenceOracle:
    return ReferenceOracle(POOL, 8, timing, TEMPLATE, SIGNERS, threshold=4, super_quorum=5)


def announced(timing: Timing = TIMING) -> ReferenceOracle:
    oracle = fresh(timing)
    oracle.announce(1, START + 10, CLOSES, 300, MILLIONTH, bytes(32), START)
    return oracle


def committed(result: Result = RESULT, now: int = DUE) -> ReferenceOracle:
    oracle = announced()
    oracle.commit(1, result, SIGNERS[:4], now)
    return oracle


def challenged(now: int = DUE) -> ReferenceOracle:
    oracle = committed(now=DUE)
    oracle.challenge(1, CHALLENGER, 0, EVIDENCE, now)
    return oracle


def answer(oracle: ReferenceOracle, result: Result, now: int) -> None:
    announce_hash = oracle.rounds[1].announce_hash
    oracle.confirm(1, announce_hash, RESULT, result, SIGNERS[:5], now)


def statuses(oracle: ReferenceOracle, *moments: int) -> list[Status]:
    return [oracle.status(1, moment) for moment in moments]


def test_status__silence__void_from_the_second_after_the_grace() -> None:
    oracle = announced()
    assert oracle.status(2, START) is Status.UNKNOWN
    assert statuses(oracle, START, LAST_COMMIT, LAST_COMMIT + 1) == [
        Status.ANNOUNCED,
        Status.ANNOUNCED,
        Status.VOID,
    ]
    assert not oracle.is_void(2, LAST_TIME)
    with pytest.raises(Refused, match=r"^oracle: too late$"):
        oracle.commit(1, RESULT, SIGNERS[:4], LAST_COMMIT + 1)
    with pytest.raises(Refused, match=r"^oracle: too early$"):
        oracle.commit(1, RESULT, SIGNERS[:4], DUE - 1)


@pytest.mark.parametrize("now", [DUE, LAST_COMMIT])
def test_status__committed__final_when_the_window_is_over(now: int) -> None:
    oracle = committed(now=now)
    final_at = now + TIMING.window
    assert statuses(oracle, final_at - 1, final_at, LAST_TIME) == [
        Status.COMMITTED,
        Status.FINAL,
        Status.FINAL,
    ]
    terms = oracle.settlement(1, final_at)
    assert (terms.template, terms.phi, terms.at_risk) == (TEMPLATE, MILLIONTH, RESULT.at_risk)
    assert (terms.words, terms.chain_head) == (RESULT.words, RESULT.chain_head)
    with pytest.raises(Refused, match=r"^oracle: not final$"):
        oracle.settlement(1, final_at - 1)


def test_sealed__each_step__what_the_contract_stores() -> None:
    oracle = announced()
    expected = Announcement(
        POOL, 8, 1, START + 10, CLOSES, 300, MILLIONTH, bytes(32), SPEC_HASH, 1, TEMPLATE
    ).hash()
    assert oracle.sealed(1) == expected
    assert oracle.sealed(2) == bytes(32)
    oracle.commit(1, RESULT, SIGNERS[:4], DUE)
    assert oracle.sealed(1) == struct_hash(oracle.commit_of(1, RESULT))
    oracle.challenge(1, CHALLENGER, 0, EVIDENCE, DUE)
    answer(oracle, OTHER, DUE)
    assert oracle.sealed(1) == struct_hash(oracle.commit_of(1, OTHER))


def test_challenge__last_second_of_the_window__taken_and_one_later_refused() -> None:
    final_at = DUE + TIMING.window
    oracle = challenged(now=final_at - 1)
    assert statuses(oracle, final_at - 1, final_at) == [Status.CHALLENGED] * 2
    with pytest.raises(Refused, match=r"^oracle: final$"):
        challenged(now=final_at)
    with pytest.raises(Refused, match=r"^oracle: challenged$"):
        oracle.challenge(1, CHALLENGER, 0, EVIDENCE, final_at - 1)
    with pytest.raises(Refused, match=r"^oracle: challenged$"):
        oracle.settlement(1, LAST_TIME)


@pytest.mark.parametrize(
    ("staked", "bond"),
    [
        (0, MIN_BOND),
        (100_000 * UNITS_PER_NMR + 999, MIN_BOND),
        (100_000 * UNITS_PER_NMR + 1_000, MIN_BOND + 1),
        (MAX_AMOUNT, MAX_AMOUNT // 1_000),
    ],
)
def test_challenge__stake__decides_on_the_bond(staked: int, bond: int) -> None:
    oracle = committed()
    oracle.challenge(1, CHALLENGER, staked, EVIDENCE, DUE)
    assert oracle.challenges[1].bond == oracle.bonds == bond


@pytest.mark.parametrize(
    ("result", "outcome", "receiver"),
    [(RESULT, Outcome.UPHELD, None), (OTHER, Outcome.REPLACED, CHALLENGER)],
)
def test_confirm__last_second__final_at_once_and_the_bond_goes_where_it_belongs(
    result: Result, outcome: Outcome, receiver: str | None
) -> None:
    oracle, last = challenged(), DUE + TIMING.challenge
    answer(oracle, result, last)
    assert statuses(oracle, last, LAST_TIME) == [Status.FINAL] * 2
    assert oracle.settlement(1, last).chain_head == result.chain_head
    assert oracle.is_result(1, oracle.rounds[1].announce_hash, result, last)
    assert not oracle.is_result(1, bytes(32), result, last)
    assert oracle.outcome(1, LAST_TIME) is outcome
    assert oracle.settle_bond(1, last) == (receiver, MIN_BOND)
    assert oracle.bonds == 0
    with pytest.raises(Refused, match=r"^oracle: bond settled$"):
        oracle.settle_bond(1, last)


def test_confirm__one_second_late__void_and_the_bond_goes_back() -> None:
    oracle, last = challenged(), DUE + TIMING.challenge
    with pytest.raises(Refused, match=r"^oracle: not answered$"):
        oracle.settle_bond(1, last)
    with pytest.raises(Refused, match=r"^oracle: too late$"):
        answer(oracle, RESULT, last + 1)
    assert statuses(oracle, last, last + 1) == [Status.CHALLENGED, Status.VOID]
    assert oracle.outcome(1, last + 1) is Outcome.VOID
    assert oracle.settle_bond(1, last + 1) == (CHALLENGER, MIN_BOND)


def test_confirm__not_the_commit_or_too_few__refused_and_nothing_changed() -> None:
    oracle = challenged()
    hashed = oracle.rounds[1].announce_hash
    for reason, arguments in (
        ("oracle: not the commit", (bytes(32), RESULT, RESULT, SIGNERS[:5])),
        ("oracle: not the commit", (hashed, OTHER, OTHER, SIGNERS[:5])),
        ("quorum: too few signatures", (hashed, RESULT, OTHER, SIGNERS[:4])),
        ("oracle: at risk", (hashed, RESULT, replace(OTHER, at_risk=2**56), SIGNERS[:5])),
    ):
        with pytest.raises(Refused, match=f"^{reason}$"):
            oracle.confirm(1, *arguments, DUE)
    assert oracle.status(1, DUE) is Status.CHALLENGED
    assert oracle.rounds[1].result == RESULT


def test_confirm__no_super_quorum__refused() -> None:
    oracle = fresh()
    oracle.rotate([], [], 4, 0)
    oracle.announce(1, START, CLOSES, 300, MILLIONTH, bytes(32), START)
    oracle.commit(1, RESULT, SIGNERS[:4], DUE)
    oracle.challenge(1, CHALLENGER, 0, EVIDENCE, DUE)
    with pytest.raises(Refused, match=r"^oracle: no super-quorum$"):
        answer(oracle, RESULT, DUE)


def test_cancel__before_it_opens__void_without_a_template() -> None:
    oracle = announced()
    with pytest.raises(Refused, match=r"^oracle: opened$"):
        oracle.cancel(1, START + 10)
    assert oracle.template_hash(1) == template_hash(TEMPLATE)
    oracle.cancel(1, START + 9)
    assert statuses(oracle, START + 9, LAST_TIME) == [Status.VOID] * 2
    assert oracle.template_hash(1) == oracle.template_hash(2) == bytes(32)
    with pytest.raises(Refused, match=r"^oracle: cancelled$"):
        oracle.commit(1, RESULT, SIGNERS[:4], DUE)


def test_rotate__round_announced_before__keeps_its_quorum_and_template() -> None:
    oracle = announced()
    oracle.rotate([], SIGNERS[:2], 3, 4)
    other = replace(TEMPLATE, kappa=8)
    assert oracle.add_template(other) == 2
    oracle.announce(2, START, CLOSES + 50, 300, MILLIONTH, bytes(32), START)
    with pytest.raises(Refused, match=r"^quorum: too few signatures$"):
        oracle.commit(1, RESULT, SIGNERS[2:5], DUE)
    oracle.commit(1, RESULT, SIGNERS[:4], DUE)
    with pytest.raises(Refused, match=r"^quorum: not a signer$"):
        oracle.commit(2, RESULT, SIGNERS[:4], DUE + 50)
    oracle.commit(2, RESULT, SIGNERS[2:5], DUE + 50)
    final = DUE + 50 + TIMING.window
    assert [oracle.settlement(k, final).template for k in (1, 2)] == [TEMPLATE, other]


def test_report__two_statements_of_one_signer__revoked() -> None:
    oracle = committed()
    oracle.challenge(1, CHALLENGER, 0, EVIDENCE, DUE)
    one, other = oracle.commit_of(1, RESULT), oracle.commit_of(1, OTHER)
    confirm = oracle.confirm_of(1, OTHER)
    liar = SIGNERS[0]
    for reason, arguments in (
        ("oracle: two matters", (one, confirm, liar, liar)),
        ("oracle: one statement", (one, one, liar, liar)),
        ("oracle: two signers", (one, other, liar, SIGNERS[1])),
        ("quorum: not a signer", (one, other, CHALLENGER, CHALLENGER)),
    ):
        with pytest.raises(Refused, match=f"^{reason}$"):
            oracle.report_equivocation(*arguments)
    oracle.report_equivocation(one, other, liar, liar)
    with pytest.raises(Refused, match=r"^quorum: not a signer$"):
        answer(oracle, RESULT, DUE)
    with pytest.raises(Refused, match=r"^quorum: revoked$"):
        oracle.report_equivocation(one, other, liar, liar)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"number": 0}, "oracle: round order"),
        ({"opens": START - 1}, "bounds: opens in the past"),
        ({"opens": CLOSES}, "bounds: closes before it opens"),
        ({"closes": START + 99}, "bounds: notice too short"),
        ({"closes": START + 10_001}, "bounds: too far ahead"),
        ({"horizon": 0}, "bounds: bad horizon"),
        ({"horizon": 9_001}, "bounds: bad horizon"),
        ({"phi": MILLIONTH + 1}, "bounds: bad phi"),
        ({"phi": 499_999}, "bounds: bad phi"),
        ({"phi": 899_999}, "bounds: phi step"),
        ({"phi": 999_999, "series_hash": bytes(32)}, "bounds: phi without series"),
    ],
)
def test_announce__outside_a_bound__refused_and_nothing_changed(
    change: dict[str, object], reason: str
) -> None:
    oracle = fresh()
    terms = {
        "number": 1,
        "opens": START,
        "closes": CLOSES,
        "horizon": 300,
        "phi": MILLIONTH,
        "series_hash": SERIES,
    }
    with pytest.raises(Refused, match=f"^{reason}$"):
        oracle.announce(**(terms | change), now=START)
    assert oracle == fresh()
    oracle.announce(**terms, now=START)
    with pytest.raises(Refused, match=r"^bounds: gap too short$"):
        oracle.announce(**(terms | {"number": 2, "closes": CLOSES + 49}), now=START)


def test_announce__last_answer_beyond_32_bits__refused() -> None:
    oracle = fresh()
    now = LAST_TIME - 100 - 1 - TIMING.grace - TIMING.window - TIMING.challenge
    with pytest.raises(Refused, match=r"^bounds: beyond the last time$"):
        oracle.announce(1, now, now + 101, 1, MILLIONTH, bytes(32), now)
    oracle.announce(1, now, now + 100, 1, MILLIONTH, bytes(32), now)


@given(seed=st.integers(0, 2**32), longest=st.sampled_from([5, 15, 40]))
def test_veto__whenever_it_may__three_in_any_30_days_and_no_fewer(seed: int, longest: int) -> None:
    draw, now, taken = Random(seed), START, []
    forever = replace(TIMING, gap=1, window=300 * 86_400)
    oracle = fresh(forever)
    for k in range(1, 41):
        oracle.announce(k, START, START + 500 + k, 1, MILLIONTH, bytes(32), START)
    for k in range(1, 41):
        now = max(now, START + 501 + k)
        oracle.commit(k, RESULT, SIGNERS[:4], now)
    for k in range(1, 41):
        now += draw.randint(0, longest * 86_400 // 10)
        recent = [at for at in taken if at > now - VETO_SPAN]
        if len(recent) < 3:
            oracle.veto(k, GUARDIAN, EVIDENCE, now)
            taken.append(now)
        else:
            with pytest.raises(Refused, match=r"^challenge: too many vetoes$"):
                oracle.veto(k, GUARDIAN, EVIDENCE, now)
    assert all(late - early >= VETO_SPAN for early, late in zip(taken, taken[3:], strict=False))
    assert all(oracle.challenges[k].bond == 0 for k in oracle.challenges)
