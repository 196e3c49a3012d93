"""Every action whose gas is held, played once: by the gate (test_contract_gas.py), which keeps it
below a limit, and by the benchmark (benchmarks/gas.py), which shows it.

Each group plays in an environment of its own and gives the gas of its actions by name. The state
around an action is that of a pool in use: balances, books and queues are not zero beforehand,
unless the name says "first".
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import boa
from assay_system import ALL_WEI, NEVER, ONE, TEMPLATE, System, Timing, deploy
from bridge_actions import BRIDGE_GROUPS
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from metering import Gas, measure
from oracle_steps import EVIDENCE, OTHER, RESULT, Steps

from oracle.settlement.batches import Batch, cut, followers
from oracle.settlement.intents import StakeAction, StakeIntent, StakeMandate
from oracle.settlement.payout import Template
from oracle.settlement.typed_data import Domain, Struct, digest
from oracle.settlement.units import LANES_PER_WORD, UNITS_PER_NMR, WEI_PER_UNIT, words_for
from oracle.settlement.words import Lane, ScoreLane, encode_lane, join_word, score_words

NMR = UNITS_PER_NMR
STAKE = 10 * NMR
STAKE_WEI = STAKE * WEI_PER_UNIT
EMPTY = [Batch(0, ())]
ZERO_WORDS = 1_000
DRAINED = 100

Actions = dict[str, Gas]


@dataclass(frozen=True, slots=True)
class Round:
    """A round to settle: what its scores use, and what its models do with gains."""

    name: str
    scores: int = 3
    hardened: bool = False
    take_profit: bool = False

    @property
    def template(self) -> Template:
        kinds, multipliers = list(TEMPLATE.kinds), list(TEMPLATE.multipliers)
        kinds[self.scores :] = multipliers[self.scores :] = [0] * (3 - self.scores)
        kappa = TEMPLATE.kappa if self.hardened else 0
        return replace(TEMPLATE, kinds=tuple(kinds), multipliers=tuple(multipliers), kappa=kappa)

    @property
    def phi(self) -> int:
        return 950_000 if self.hardened else ONE

    def words(self, models: int) -> list[int]:
        """Score words in which every score is drawn, none zero, and each level if hardened."""
        draw = random.Random(1)
        lanes = {
            model: ScoreLane(
                tuple(
                    draw.choice((-1, 1)) * draw.randint(1, 80_000) if place < self.scores else 0
                    for place in range(3)
                ),
                draw.randint(1, 15) if self.hardened else 0,
            )
            for model in range(models)
        }
        return score_words(lanes, words_for(models))


FULL = Round("full words")
TWO_SCORES = Round("two scores", scores=2)
HARDENED = Round("hardening and phi", hardened=True)
TAKE_PROFIT = Round("take profit", take_profit=True)


@contextmanager
def in_use(template: Template = TEMPLATE, n: int = 7, m: int = 4, s: int = 5) -> Iterator[System]:
    """A system in an environment of its own, whose accounts all hold tokens."""
    with boa.swap_env(boa.Env()):
        timing = Timing(grace=10**7)
        system = deploy(template=template, timing=timing, n=n, threshold=m, super_quorum=s)
        system.fund(10**6 * NMR)
        for account in (system.oracle, system.burn_vault):
            system.token.transfer(account, 1)
        yield system


def seed_stakes(system: System, models: int, *, take_profit: bool, claimable: int = 1) -> None:
    """Puts 10 NMR of stake on each of ``models`` models, straight into storage.

    Where they take profit, each has ``claimable`` U in its out lane.
    """
    layout = system.pool.compiler_data.storage_layout["storage_layout"]
    first, holdings = layout["lanes"]["_lanes"]["slot"], layout["books"]["_holdings"]["slot"]
    out = layout["lanes"]["_out_lanes"]["slot"]
    address = system.pool.address
    word = join_word([encode_lane(Lane(STAKE, take_profit))] * LANES_PER_WORD)
    for index in range(words_for(models)):
        boa.env.set_storage(address, first + index, word)
        if take_profit:
            boa.env.set_storage(address, out + index, join_word([claimable] * LANES_PER_WORD))
    packed = boa.env.get_storage(address, holdings)
    boa.env.set_storage(address, holdings, packed + STAKE * models)


def settled(system: System, batches: Sequence[Batch], words: int, phi: int = ONE) -> Gas:
    """Gas of settling round 1, its implicit begin included."""
    system.announce(1, phi=phi)
    system.warp(system.due(1))
    system.commit(1, batches, STAKE, words)
    system.warp(system.now + system.timing.window)
    total = Gas()
    for batch, following in zip(batches, followers(batches), strict=True):
        arguments = (1, batch.start, following, list(batch.words))
        total += measure(system.pool, "settle", *arguments)
    assert system.pool.state().head == 2
    return total


def settle(round_: Round, models: int) -> Actions:
    with in_use(round_.template) as system:
        seed_stakes(system, models, take_profit=round_.take_profit)
        words = round_.words(models)
        profitable = frozenset(range(len(words)) if round_.take_profit else ())
        gas = settled(system, cut(words, profitable), len(words), round_.phi)
        assert system.pool.totals().burn_owed > 0
        assert bool(system.pool.totals().out) == round_.take_profit
    return {f"settle a model, {round_.name}, {models:,} models": gas.per(models)}


def settle_nothing() -> Actions:
    gas = []
    for zeros in (0, ZERO_WORDS):
        with in_use() as system:
            gas.append(settled(system, [Batch(0, (1, *[0] * zeros))], 1 + zeros))
    few, many = gas
    return {"settle a word of zeros": many.less(few).per(ZERO_WORDS)}


def settle_largest() -> Actions:
    """The two largest batches that the packer makes."""
    actions = {}
    for round_, models in ((HARDENED, 1024 * LANES_PER_WORD), (TAKE_PROFIT, 350 * LANES_PER_WORD)):
        with in_use(round_.template) as system:
            seed_stakes(system, models, take_profit=round_.take_profit, claimable=0)
            words = round_.words(models)
            profitable = frozenset(range(len(words)) if round_.take_profit else ())
            [batch] = cut(words, profitable)
            name = f"settle {len(words):,} words, {round_.name}"
            actions[name] = settled(system, [batch], len(words), round_.phi)
    return actions


def deposit() -> Actions:
    with in_use() as system:
        owner = system.new_staker(models=3)
        system.announce(1)
        system.deposit(2, STAKE)
        call = partial(measure, system.pool, "deposit", sender=owner)
        return {
            "deposit, first of its model": call(0, STAKE_WEI, NEVER),
            "deposit, again": call(0, STAKE_WEI, NEVER),
        }


def release_and_claim() -> Actions:
    with in_use() as system:
        owner = system.new_staker(models=3)
        system.announce(1)
        system.deposit(0, STAKE)
        system.deposit(1, STAKE)
        system.play(1, EMPTY)
        system.announce(2)
        system.deposit(2, STAKE)
        release = measure(system.pool, "request_release", 0, ALL_WEI, NEVER, sender=owner)
        system.play(2, EMPTY)
        claim = measure(system.pool, "claim", 0)
    return {
        "request_release": release,
        "claim": claim,
        "request_release and claim": release + claim,
    }


def relayed() -> Actions:
    """What owners sign and others send."""
    with in_use() as system:
        owner = Account.from_key(keccak(text="owner"))
        relayer = boa.env.generate_address()
        system.give(owner.address, 10**6 * NMR)
        system.register(owner.address, count=4)
        system.announce(1)
        system.deposit(3, STAKE)
        pool = system.pool.address

        def intent(model: int, action: StakeAction, amount: int) -> Gas:
            nonce = system.registry.nonce_of(model)
            signed = StakeIntent(pool, model, action, amount, NEVER, nonce, NEVER)
            return measure(system.relay, "relay", signed.argument(), sign(system, signed, owner))

        mandate = StakeMandate(pool, owner.address, relayer, (0, 1, 2), 10 * STAKE_WEI, 0, NEVER)
        right = (mandate.argument(), sign(system, mandate, owner))

        def by_mandate(model: int) -> Gas:
            call = (model, StakeAction.DEPOSIT, STAKE_WEI, NEVER)
            return measure(system.relay, "act_by_mandate", *right, *call, sender=relayer)

        return {
            "relay a deposit, first of its model": intent(0, StakeAction.DEPOSIT, STAKE_WEI),
            "relay a release": intent(1, StakeAction.RELEASE, ALL_WEI),
            "deposit by mandate, its first use": by_mandate(2),
            "deposit by mandate, again": by_mandate(2),
        }


def sign(system: System, struct: Struct, signer: LocalAccount) -> bytes:
    domain = Domain(boa.env.evm.patch.chain_id, system.relay.address)
    return bytes(signer.unsafe_sign_hash(digest(struct, domain)).signature)


def drain() -> Actions:
    with in_use() as system:
        system.new_staker(models=DRAINED)
        system.announce(1)
        for model in range(DRAINED):
            system.deposit(model, STAKE)
        system.warp(system.due(1))
        return {"drain a record": measure(system.pool, "drain", 1, DRAINED).per(DRAINED)}


def announce_and_commit(n: int, m: int, s: int) -> Actions:
    with in_use(n=n, m=m, s=s) as system:
        steps = Steps(system)
        steps.announce(1)
        opens, closes = system.now, system.now + 1_000
        terms = (2, opens, closes, 300, 950_000, b"\x07" * 32, b"\x06" * 32)
        announce = measure(system.oracle, "announce", *terms, sender=system.announcer)
        system.warp(system.due(1))
        result = replace(RESULT, at_risk=10**15, words=2_500)
        signatures = steps.sign(steps.commit_of(1, result), system.signers[:m])
        commit = measure(system.oracle, "commit", 1, result.argument(), signatures)
    return {"announce": announce, f"commit, {m} of {n}": commit}


def challenge() -> Actions:
    with in_use() as system:
        steps = Steps(system)
        steps.committed(1)
        challenger = steps.challenger()
        raised = measure(system.oracle, "challenge", 1, EVIDENCE, sender=challenger)
        signatures = steps.sign(steps.confirm_of(1, OTHER), system.signers[: system.super_quorum])
        contents = (steps.hashes[1], RESULT.argument(), OTHER.argument())
        confirm = measure(system.oracle, "confirm", 1, *contents, signatures)
        bond = measure(system.oracle, "settle_bond", 1)
    return {"challenge": raised, "confirm, 5 of 7": confirm, "settle_bond": bond}


def register() -> Actions:
    with in_use() as system:
        owner = system.new_staker(models=1)
        system.token.approve(system.registry, ALL_WEI, sender=owner)
        name, salt = keccak(text="a name"), b"\x01" * 32
        commitment = system.registry.commitment_of(name, owner, salt)
        reserve = measure(system.registry, "reserve", commitment, sender=owner)
        system.warp(system.now + 1)
        registered = measure(system.registry, "register", name, owner, salt, sender=owner)
    return {"reserve": reserve, "register": registered}


def burn_and_exit() -> Actions:
    with in_use() as system:
        owner = system.new_staker(models=2)
        system.announce(1)
        system.deposit(0, STAKE)
        system.deposit(1, STAKE)
        losses = score_words({0: ScoreLane((-80_000, 0, 0))}, 1)
        system.play(1, cut(losses))
        flush = measure(system.pool, "flush_burn")
        system.announce(2)
        system.deposit(0, STAKE)
        system.warp(system.now + 2 * system.clocks.wind_down_after)
        system.pool.wind_down()
        left = measure(system.pool, "exit", 0, [2])
        assert system.token.balanceOf(owner) > 0
    return {"flush_burn": flush, "exit, one deposit not drained": left}


def _settles() -> dict[str, Callable[[], Actions]]:
    sizes = [(round_, n) for round_ in (FULL, HARDENED, TAKE_PROFIT) for n in (100, 1_000, 10_000)]
    return {
        f"settle {models} {round_.name}": partial(settle, round_, models)
        for round_, models in [*sizes, (TWO_SCORES, 10_000)]
    }


GROUPS: dict[str, Callable[[], Actions]] = {
    **_settles(),
    "settle nothing": settle_nothing,
    "settle largest": settle_largest,
    "deposit": deposit,
    "release and claim": release_and_claim,
    "relayed": relayed,
    "drain": drain,
    "3 of 4": partial(announce_and_commit, 4, 3, 0),
    "4 of 7": partial(announce_and_commit, 7, 4, 5),
    "challenge": challenge,
    "register": register,
    "burn and exit": burn_and_exit,
    **BRIDGE_GROUPS,
}
