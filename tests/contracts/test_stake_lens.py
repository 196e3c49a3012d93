"""StakeLens: what it says of stakes, rounds and dates is what the contracts then do.

The arithmetic is held to ``oracle.settlement.outlook`` over random histories, and that to what
happens, second by second, by the unit tests of that module.
"""

import os
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import Any

import boa
import pytest
from assay_system import (
    ALL_WEI,
    ROOT,
    TEMPLATE,
    System,
    deploy,
    polygon,
    refused,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test
from machine_keepers import Keepers
from machine_owners import Owners, wei
from machine_world import Crowd, deploy_crowd, models
from metering import PIP88, rehearse
from oracle_steps import RESULT, Steps
from settle_strategies import MODELS, amounts
from vyper.compiler import CompilerData
from vyper.compiler.input_bundle import FilesystemInputBundle

from oracle.settlement.batches import Batch, chain
from oracle.settlement.outlook import Outlook, Phase, Step
from oracle.settlement.reference_oracle import Status
from oracle.settlement.units import MAX_SCORE, RELEASE_ALL, UNITS_PER_NMR, WEI_PER_UNIT
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
WEI = NMR * WEI_PER_UNIT
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci") + "-machine")
MACHINE = settings(
    PROFILE,
    max_examples=PROFILE.max_examples // 2,
    stateful_step_count=2 * PROFILE.stateful_step_count,
)
"""Fewer and longer histories, so that rounds and requests pile up."""
UNKNOWN_MODEL = "lens: unknown model"
WORST = ScoreLane((-MAX_SCORE,) * 3, 15)
WORST_FOR_ALL = [Batch(0, tuple(score_words(dict.fromkeys(range(4), WORST), 1)))]


def lens_of(system: System) -> Any:
    return polygon("StakeLens").deploy(system.pool)


# ---------------------------------------------------------------------- against the reference


class LensMachine(Owners, Keepers):
    """The pool's machine, without what the lens has no view of; what it shows is compared now and
    then, and in the end."""

    relay_deposit = relay_release = relay_mode = stop_token = donate = flush_burn = None
    set_payout = settle_wrong = settle_bond = rotate = pause = unpause = None

    def __init__(self, crowd: Crowd, lens: Any) -> None:
        super().__init__(crowd)
        self.lens = lens
        self.scored: set[int] = set()

    @initialize(stakes=st.dictionaries(models, amounts, min_size=4, max_size=MODELS))
    def first_rounds(self, stakes: dict[int, int]) -> None:
        for model, amount in stakes.items():
            self.deposit(model, amount)
        for notice in (1, 100):
            self.announce(notice, 300, 100_000, False)

    def end_of_round(self, k: int) -> None:
        announced = self.oracle.rounds.get(k)
        committed = announced is not None and announced.result is not None
        if committed and self.settled == len(self.round_batches(k)):
            self.scored.add(k)
        super().end_of_round(k)

    @property
    def outlook(self) -> Outlook:
        return Outlook.of(self.pool, self.oracle, self.scored, self.now)

    @rule()
    def see_models(self) -> None:
        outlook = self.outlook
        page = self.lens.models(0, 32)
        assert len(page) == MODELS
        for model, shown in enumerate(page):
            standing = outlook.standing(model)
            assert shown.mode == standing.mode
            assert [
                shown.stake,
                shown.queued,
                shown.releasing,
                shown.claimable,
                shown.exposed,
            ] == [
                WEI_PER_UNIT * amount
                for amount in (
                    standing.stake,
                    standing.queued,
                    standing.releasing,
                    standing.claimable,
                    standing.exposed,
                )
            ]

    @rule(further=st.integers(0, 7))
    def see_stakes(self, further: int) -> None:
        k, outlook = self.pool.head + further, self.outlook
        assert self.lens.stakes_at_close(k, 0, 256) == [
            outlook.stake_at_close(model, k) * WEI_PER_UNIT for model in range(MODELS)
        ]

    @rule()
    def see_rounds(self) -> None:
        outlook, first = self.outlook, max(0, self.pool.head - 3)
        for shown in self.lens.rounds(first, 10):
            k = shown.number
            assert shown.phase == outlook.phase(k)
            assert tuple(shown.steps) == astuple(outlook.steps(k))
            assert shown.queued == len(self.pool.queues.get(k, {}))

    @rule(model=models, amount=st.one_of(st.just(RELEASE_ALL), amounts))
    def see_release(self, model: int, amount: int) -> None:
        wanted = self.outlook.release(model, amount)
        self.agree(self.lens.release_outlook(model, wei(amount)), wanted)

    @rule(amount=amounts)
    def see_deposit(self, amount: int) -> None:
        self.agree(self.lens.deposit_outlook(amount * WEI_PER_UNIT), self.outlook.deposit(amount))

    def agree(self, shown: Any, wanted: Any) -> None:
        for name, value in zip(wanted.__slots__, astuple(wanted), strict=True):
            in_wei = name in ("amount", "max_loss")
            assert getattr(shown, name) == (value * WEI_PER_UNIT if in_wei else value), name

    def teardown(self) -> None:
        self.see_models()
        self.see_rounds()
        for model in range(MODELS):
            self.see_release(model, RELEASE_ALL)
            self.see_release(model, NMR)
        self.see_deposit(NMR)


@pytest.mark.slow
def test_lens__random_calls_of_all_roles__equals_the_reference() -> None:
    crowd = deploy_crowd()
    lens = lens_of(crowd.system)
    run_state_machine_as_test(lambda: LensMachine(crowd, lens), settings=MACHINE)


@pytest.mark.parametrize("name", ["StakePool", "RoundOracle", "ModelRegistry"])
def test_interface__declared_for_the_lens__is_the_contracts_own(name: str) -> None:
    bundle = FilesystemInputBundle([ROOT])

    def functions(path: str) -> dict[str, Any]:
        data = CompilerData(bundle.load_file(ROOT / path), input_bundle=bundle)
        abi = data.annotated_vyper_module._metadata["type"].interface.to_toplevel_abi_dict()
        return {entry["name"]: entry for entry in abi if entry["type"] == "function"}

    declared = functions(f"contracts/interfaces/I{name}Views.vyi")
    there = functions(f"contracts/polygon/{name}.vy")
    assert declared
    assert declared == {called: there.get(called) for called in declared}


# ---------------------------------------------------------------------- alone on chain


@dataclass
class Bench:
    """A system with a super-quorum, its lens, and the owner of models 0 to 3 with 1,000 NMR in
    each but the last."""

    system: System
    lens: Any
    steps: Steps
    staker: str

    @property
    def now(self) -> int:
        return self.system.now

    @property
    def pool(self) -> Any:
        return self.system.pool

    def head(self) -> Any:
        return self.lens.round(self.pool.state().head)

    def pending(self) -> list[Any]:
        """The head round and some after it."""
        return self.lens.rounds(self.pool.state().head, 5)

    def worst(self) -> Any:
        return replace(RESULT, chain_head=chain(WORST_FOR_ALL)[0], at_risk=0, words=1)

    def take(self, step: int) -> None:
        k = self.pool.state().head
        calls = {
            Step.SKIP: lambda: self.pool.skip(k),
            Step.DRAIN: lambda: self.pool.drain(k, 2**20),
            Step.SETTLE: lambda: self.system.settle_all(k, WORST_FOR_ALL),
            Step.CALL_VOID: lambda: self.pool.call_void(k),
            Step.VOID_REST: lambda: self.pool.void_rest(k),
            Step.END_VOID: lambda: self.pool.end_void(k),
        }
        calls[Step(step)]()

    def take_alone(self) -> bool:
        """The head round's step of now that needs no scores; whether there was one."""
        steps = self.head().steps
        step, at = steps.step, steps.step_at
        if step == Step.SETTLE:
            step, at = steps.fallback_step, steps.fallback_at
        if step == Step.NONE or self.now < at:
            return False
        self.take(step)
        return True

    def hinder(self, last: int) -> bool:
        """What delays most: commit, challenge and answer come at their last second, scores never,
        and rounds up to ``last`` are announced just before they could be skipped."""
        for shown in self.pending():
            k, told = shown.number, shown.oracle
            if self.now == self.last_second(told):
                calls = {
                    Status.ANNOUNCED: lambda k=k: self.steps.commit(k, self.worst()),
                    Status.COMMITTED: lambda k=k: self.steps.challenge(k, self.steps.challenger()),
                    Status.CHALLENGED: lambda k=k: self.steps.confirm(
                        k, self.worst(), self.worst()
                    ),
                }
                calls[told.status]()
                return True
        state, timing = self.pool.state(), self.system.timing
        k = state.last_announced + 1
        last_moment = self.now >= self.lapse() - 1
        if state.head == k:
            last_moment = self.now == self.lapse() - 1
        if k <= last and last_moment and (state.head == k or self.ends_now(state)):
            self.steps.announce(k, closes_in=timing.max_ahead, horizon=timing.max_horizon)
            return True
        return False

    def lapse(self) -> int:
        """From when the round after the last announced one can be skipped, if it is the head."""
        return self.lens.round(self.pool.state().last_announced + 1).steps.step_at

    def ends_now(self, state: Any) -> bool:
        """Whether the staker is about to end the last announced round."""
        steps = self.head().steps
        if state.head < state.last_announced:
            return False
        if steps.step == Step.END_VOID:
            return self.now >= steps.step_at
        return steps.fallback_step == Step.VOID_REST and self.now >= steps.fallback_at

    def last_second(self, told: Any) -> int:
        """Of a commit, a challenge or its answer."""
        timing = self.system.timing
        return {
            Status.ANNOUNCED: told.closes + told.horizon + timing.grace,
            Status.COMMITTED: told.final_at - 1,
            Status.CHALLENGED: told.challenged_at + timing.challenge,
        }.get(told.status, 0)

    def play(self, last: int, done: Callable[[], bool]) -> int:
        """The staker follows the lens, all others hinder; when it is done."""
        while not done():
            if self.hinder(last) or self.take_alone():
                continue
            steps = self.head().steps
            moments = [steps.step_at, steps.fallback_at, self.lapse() - 1]
            for shown in self.pending():
                moments += [shown.oracle.closes, self.last_second(shown.oracle)]
            self.system.warp(min(moment for moment in moments if moment > self.now))
        return self.now

    def work_through(self, k: int) -> None:
        """Takes the head round ``k`` to its end with the worst scores."""
        self.system.warp(max(self.now, self.system.due(k)))
        self.pool.drain(k, 2**20)
        self.steps.commit(k, self.worst())
        self.system.warp(self.lens.round(k).steps.step_at)
        self.take(Step.SETTLE)


@pytest.fixture(scope="module")
def bench() -> Bench:
    """With round 1 settled."""
    system = deploy(n=7, threshold=4, super_quorum=5)
    bench = Bench(system, lens_of(system), Steps(system), system.new_staker(models=4))
    bench.steps.announce(1)
    for model in range(3):
        system.deposit(model, 1_000 * NMR)
    system.play(1, [Batch(0, ())])
    return bench


def announce_three(bench: Bench) -> None:
    """Rounds 2 to 4, of which 4 is open and the others are closed."""
    for k, closes_in in ((2, 200), (3, 300), (4, 2_000)):
        bench.steps.announce(k, closes_in=closes_in)
    bench.system.warp(bench.now + 300)


def test_release_outlook__worst_scores__claim_pays_the_amount_less_max_loss(bench: Bench) -> None:
    """Two rounds burn 5 % each, of what the first one's queue left."""
    system = bench.system
    bench.steps.announce(2, closes_in=200)
    system.request_release(0, 100 * NMR)
    bench.steps.announce(3, closes_in=300)
    system.warp(bench.now + 200)
    system.deposit(0, 11 * NMR)
    bench.steps.announce(4, closes_in=2_000)
    system.warp(bench.now + 100)
    before = bench.lens.release_outlook(0, ALL_WEI)
    assert (before.round, before.amount) == (4, 911 * WEI)
    kept = 900 * WEI * 95 // 100 + 11 * WEI
    kept = kept * 95 // 100
    assert before.max_loss == 911 * WEI - kept
    assert system.request_release(0, None) == 4
    for k in (2, 3):
        bench.work_through(k)
    system.pool.claim(0)
    system.warp(max(bench.now, before.close))
    bench.pool.drain(4, 9)
    assert bench.pool.claim(0) == kept


def test_release_outlook__part_of_the_stake__loses_what_the_least_stake_lacks(
    bench: Bench,
) -> None:
    announce_three(bench)
    least = 1_000 * WEI * 95 // 100 * 95 // 100
    safe = bench.lens.release_outlook(0, least)
    assert (safe.amount, safe.max_loss) == (least, 0)
    more = bench.lens.release_outlook(0, least + WEI)
    assert (more.amount, more.max_loss) == (least + WEI, WEI)
    bench.system.request_release(0, least // WEI_PER_UNIT)
    rest = bench.lens.release_outlook(0, ALL_WEI)
    assert (rest.amount, rest.max_loss) == (1_000 * WEI - least, 1_000 * WEI - least)


def test_release_outlook__void_rounds__lose_nothing(bench: Bench) -> None:
    opens_later = {"closes_in": 200, "opens_in": 100}
    bench.steps.announce(2, **opens_later)
    bench.system.oracle.cancel(2, sender=bench.system.guardian)
    bench.steps.announce(3, closes_in=2_000)
    bench.system.warp(bench.now + 200)
    shown = bench.lens.release_outlook(0, ALL_WEI)
    close = bench.lens.round(3).pool.close
    assert (shown.round, shown.amount, shown.max_loss) == (3, 1_000 * WEI, 0)
    assert (shown.expected_at, shown.latest_at) == (close, close)


@pytest.mark.parametrize("announced", [True, False])
def test_release_outlook__everybody_hinders__is_out_at_the_latest_date_exactly(
    bench: Bench, announced: bool
) -> None:
    """Of two pending rounds one is committed; the release's own is announced, or it is not."""
    announce_three(bench)
    bench.system.warp(bench.system.due(2))
    bench.steps.commit(2, bench.worst())
    if not announced:
        bench.system.warp(bench.lens.round(4).pool.close)
    shown = bench.lens.release_outlook(0, ALL_WEI)
    assert shown.round == (4 if announced else 5)
    assert (shown.close == 0) == (shown.expected_at == 0) == (not announced)
    bench.system.request_release(0, None)
    last = shown.round
    out = bench.play(last, lambda: bench.pool.claimable_of(0) != 0)
    assert out == shown.latest_at
    assert bench.pool.claim(0) == shown.amount


def test_release_outlook__everybody_works__is_out_when_expected(bench: Bench) -> None:
    announce_three(bench)
    shown = bench.lens.release_outlook(0, ALL_WEI)
    bench.system.request_release(0, None)
    for k in (2, 3):
        bench.work_through(k)
    bench.system.warp(max(bench.now, shown.close))
    assert bench.now == shown.expected_at
    bench.pool.drain(4, 9)
    assert bench.pool.claim(0) == shown.amount - shown.max_loss


@pytest.mark.parametrize("announced", [True, False])
def test_deposit_outlook__everybody_hinders__is_out_at_the_latest_date_exactly(
    bench: Bench, announced: bool
) -> None:
    if announced:
        announce_three(bench)
    shown = bench.lens.deposit_outlook(10 * WEI)
    k = shown.round
    assert (k, shown.release_round) == ((4, 5) if announced else (2, 3))
    assert (shown.close != 0) == announced
    bench.system.deposit(3, 10 * NMR)
    bench.play(k, lambda: 0 < bench.lens.round(k).pool.close <= bench.now)
    assert bench.system.request_release(3, None) == k + 1
    assert bench.play(k + 1, lambda: bench.pool.claimable_of(3) != 0) == shown.latest_at


def test_deposit_outlook__worst_scores__bears_its_own_round_only(bench: Bench) -> None:
    bench.steps.announce(2, closes_in=200)
    bench.steps.announce(3, closes_in=300)
    bench.system.warp(bench.now + 200)
    bench.steps.announce(4, closes_in=700)
    amount = 10 * WEI + WEI_PER_UNIT
    shown = bench.lens.deposit_outlook(amount)
    assert (shown.round, shown.release_round) == (3, 4)
    assert shown.max_loss == amount // WEI_PER_UNIT // 20 * WEI_PER_UNIT
    bench.system.deposit(3, amount // WEI_PER_UNIT)
    bench.system.warp(shown.close)
    bench.system.request_release(3, None)
    for k in (2, 3):
        bench.work_through(k)
    bench.system.warp(max(bench.now, shown.expected_at))
    assert bench.now == shown.expected_at
    bench.pool.drain(4, 9)
    assert bench.pool.claim(3) == amount - shown.max_loss


@pytest.mark.parametrize("view", ["release_outlook", "deposit_outlook"])
def test_outlooks__not_whole_units__are_refused(bench: Bench, view: str) -> None:
    given = (0,) if view == "release_outlook" else ()
    with refused("lens: not whole units"):
        getattr(bench.lens, view)(*given, WEI + 1)


def test_views__pool_wound_down__nothing_leaves_and_no_step_is_left(bench: Bench) -> None:
    announce_three(bench)
    bench.system.deposit(0, 10 * NMR)
    bench.system.request_release(0, None)
    assert bench.lens.model(0).releasing == 1_010 * WEI
    bench.system.warp(bench.now + bench.system.clocks.wind_down_after)
    bench.pool.wind_down()
    shown = bench.lens.model(0)
    assert (shown.stake, shown.queued) == (1_000 * WEI, 10 * WEI)
    assert (shown.releasing, shown.exposed) == (0, 0)
    assert bench.head().phase == Phase.VOID
    assert bench.head().steps.step == Step.NONE
    for call in (
        lambda: bench.lens.release_outlook(0, ALL_WEI),
        lambda: bench.lens.deposit_outlook(WEI),
    ):
        with refused("lens: wound down"):
            call()


# ---------------------------------------------------------------------- models


def test_model__registered__as_registry_and_pool_say(bench: Bench) -> None:
    registry, system = bench.system.registry, bench.system
    payout = boa.env.generate_address()
    registry.set_payout(1, payout, sender=bench.staker)
    bench.steps.announce(2)
    system.set_mode(1, 2)
    system.request_release(1, 10 * NMR)
    before = bench.lens.model(1)
    assert (before.owner, before.payout) == (bench.staker, bench.staker)
    assert (before.nonce, before.version, before.mode) == (2, 2, 1)
    system.play(2, [Batch(0, ())])
    bench.pool.claim(1)
    system.warp(bench.now + registry.PAYOUT_DELAY())
    after = bench.lens.model(1)
    assert (after.owner, after.payout) == (bench.staker, payout)
    assert (after.nonce, after.version, after.mode) == (2, 3, 2)
    assert (after.stake, after.claimable) == (990 * WEI, 0)
    assert bench.lens.models(1, 1) == [after]


def test_models__pages__end_with_the_last_model(bench: Bench) -> None:
    lens = bench.lens
    everything = [lens.model(m) for m in range(4)]
    assert lens.models(0, 32) == everything
    assert lens.models(1, 2) == everything[1:3]
    assert lens.models(3, 32) == everything[3:]
    assert lens.models(4, 1) == lens.models(2**256 - 1, 32) == lens.models(0, 0) == []
    assert lens.stakes_at_close(2, 1, 256) == [1_000 * WEI, 1_000 * WEI, 0]
    assert lens.stakes_at_close(2, 4, 256) == []
    assert [lens.stake_at_close(m, 2) for m in range(4)] == [m.stake for m in everything]


def test_views__outside_their_ranges__are_refused(bench: Bench) -> None:
    lens = bench.lens
    for unknown in (4, 2**256 - 1):
        for call in (
            lambda m=unknown: lens.model(m),
            lambda m=unknown: lens.stake_at_close(m, 2),
            lambda m=unknown: lens.release_outlook(m, WEI),
        ):
            with refused(UNKNOWN_MODEL):
                call()
    for call in (
        lambda: lens.models(0, 33),
        lambda: lens.stakes_at_close(2, 0, 257),
        lambda: lens.rounds(0, 17),
    ):
        with refused("lens: page too long"):
            call()
    for call in (lambda: lens.stake_at_close(0, 1), lambda: lens.stakes_at_close(1, 0, 1)):
        with refused("lens: round ended"):
            call()


# ---------------------------------------------------------------------- rounds


def test_round__announced__shows_the_contracts_words_with_amounts_in_wei(bench: Bench) -> None:
    system = bench.system
    system.oracle.add_template(
        astuple(replace(TEMPLATE, clip_down=7, threshold=9)), sender=system.governor
    )
    announce_three(bench)
    bench.system.deposit(0, NMR)
    system.warp(system.due(2))
    bench.steps.commit(2, replace(bench.worst(), at_risk=55))
    for k in (1, 2, 3, 4, 5):
        shown, told = bench.lens.round(k), system.oracle.round_of(k)
        assert shown.number == k
        assert shown.pool == bench.pool.round_state(k)
        assert shown.oracle == told._replace(at_risk=told.at_risk * WEI_PER_UNIT)
        assert shown.queued == (1 if k == 4 else 0)
        assert bench.lens.rounds(k, 1) == [shown]
    assert bench.lens.round(2).oracle.at_risk == 55 * WEI_PER_UNIT
    rules = [bench.lens.round(k).template for k in (1, 2, 5)]
    assert [rule.clip_down for rule in rules] == [TEMPLATE.clip_down, 7, 0]
    assert [rule.threshold for rule in rules] == [
        TEMPLATE.threshold * WEI_PER_UNIT,
        9 * WEI_PER_UNIT,
        0,
    ]
    assert system.oracle.template_of(1).clip_down == TEMPLATE.clip_down


def test_template_of__unknown_or_cancelled__is_refused_and_shown_empty(bench: Bench) -> None:
    system = bench.system
    bench.steps.announce(2, opens_in=100)
    system.oracle.cancel(2, sender=system.guardian)
    for k, reason in ((2, "oracle: cancelled"), (3, "oracle: not announced")):
        with refused(reason):
            system.oracle.template_of(k)
        assert bench.lens.round(k).template.threshold == 0


def test_rounds__unknown_ones__are_in_the_page(bench: Bench) -> None:
    shown = bench.lens.rounds(0, 4)
    assert [r.number for r in shown] == [0, 1, 2, 3]
    assert [r.phase for r in shown] == [Phase.UNKNOWN, Phase.ENDED, Phase.UNKNOWN, Phase.UNKNOWN]
    assert [r.steps.step for r in shown] == [Step.NONE, Step.NONE, Step.SKIP, Step.NONE]


@pytest.mark.slow
def test_round__long_queue__is_counted_up_to_256(bench: Bench) -> None:
    bench.steps.announce(2, closes_in=9_000)
    bench.system.register(bench.staker, count=256)
    for model in range(4, 260):
        bench.system.set_mode(model, 2)
        if model in (258, 259):
            assert bench.lens.round(2).queued == model - 3
    bench.system.set_mode(0, 2)
    assert bench.lens.round(2).queued == 256


# ---------------------------------------------------------------------- gas


@pytest.mark.slow
def test_gas__models_of_a_full_page_with_97_rounds_pending__below_30_million() -> None:
    """Every round from the head to the one that requests join has requests; all but that one are
    closed."""
    with boa.swap_env(boa.Env()):
        system = deploy()
        staker, lens = system.new_staker(models=32), lens_of(system)
        times = [system.now + 100 + 60 * i for i in range(96)]
        for k, close in enumerate(times, 1):
            system.announce(k, closes_in=close - system.now)
        for k, close in enumerate(times, 1):
            assert system.pool.request_release(k % 32, WEI, 97, sender=staker) == k
            system.warp(close)
        assert system.pool.request_release(0, WEI, 97, sender=staker) == 97
        views = {
            "models": (0, 32),
            "stakes_at_close": (97, 0, 32),
            "rounds": (82, 16),
            "release_outlook": (0, ALL_WEI),
            "deposit_outlook": (WEI,),
        }
        for view, given in views.items():
            gas = rehearse(lens, view, *given, prices=PIP88).gas
            print(f"{view}: {rehearse(lens, view, *given).gas:,} gas, PIP-88 {gas:,}")
            assert gas < 30_000_000, view
