"""A random history of a tournament, in which everything happens that its contracts log."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from random import Random
from typing import Any

import boa
from assay_system import ALL_WEI, NEVER, System
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from oracle_steps import Steps

from oracle.settlement.batches import END, Batch, chain
from oracle.settlement.intents import StakeIntent, StakeMandate
from oracle.settlement.reference_oracle import Status
from oracle.settlement.typed_data import Domain, Result, digest
from oracle.settlement.units import MAX_LEVEL, UNITS_PER_NMR, WEI_PER_UNIT
from oracle.settlement.words import ScoreLane, score_words

NMR = UNITS_PER_NMR
WEI = NMR * WEI_PER_UNIT
WORDS = 3
HOUR = 3_600
DAY = 24 * HOUR
WEIGHTS = {
    **dict.fromkeys(("deposit", "finish"), 8),
    **dict.fromkeys(("release", "mode", "intent", "mandate", "claim"), 5),
    **dict.fromkeys(("announce", "wait", "commit", "drain", "begin", "settle"), 4),
    **dict.fromkeys(("challenge", "confirm", "settle_bond", "end_void", "skip"), 2),
    **dict.fromkeys(("call_void", "void_rest", "veto", "set_payout", "offer", "accept"), 2),
    **dict.fromkeys(("fund", "register", "flush_burn", "revoke_mandate", "cancel"), 2),
    **dict.fromkeys(("pause", "unpause", "suspend", "govern", "revoke", "rotate"), 1),
}


class History:
    """Accounts with keys and a source of chance. A step that a contract refuses changes nothing."""

    def __init__(self, system: System, seed: int) -> None:
        self.system, self.steps, self.random = system, Steps(system), Random(seed)
        self.owners = [Account.from_key(keccak(text=f"historic owner {i}")) for i in range(3)]
        self.relayer = boa.env.generate_address("relayer")
        self.operators: list[LocalAccount] = list(system.signers)
        self.mandates: set[tuple[str, bytes]] = set()
        self.results: dict[int, Result] = {}
        self.batches: dict[int, list[Batch]] = {}
        for owner in self.owners:
            system.give(owner.address, 10**6 * NMR)
            system.register(owner.address, count=3)
            system.token.approve(system.oracle, ALL_WEI, sender=owner.address)

    # --- chance ---

    def pick(self, options: Sequence[Any]) -> Any:
        return self.random.choice(options)

    @property
    def model(self) -> int:
        return self.random.randrange(self.system.registry.count())

    @property
    def amount(self) -> int:
        return self.random.randint(10**8, 50 * NMR) * WEI_PER_UNIT

    @property
    def account(self) -> str:
        return self.pick(self.owners).address

    def key_of(self, address: str) -> LocalAccount:
        return next(owner for owner in self.owners if owner.address == address)

    @property
    def head(self) -> int:
        return self.system.pool.state().head

    def round_in(self, status: Status) -> int:
        """An announced round of that status, if there is one."""
        oracle = self.system.oracle
        rounds = range(1, oracle.latest().number + 1)
        found = [k for k in rounds if oracle.round_of(k).status == status]
        return self.pick(found or [self.head])

    # --- owners ---

    def deposit(self) -> None:
        model = self.model
        owner = self.system.owner(model)
        self.system.pool.deposit(model, self.amount, NEVER, sender=owner)

    def release(self) -> None:
        model = self.model
        wei = self.pick([self.amount, ALL_WEI])
        owner = self.system.owner(model)
        self.system.pool.request_release(model, wei, NEVER, sender=owner)

    def mode(self) -> None:
        self.system.set_mode(self.model, self.pick([1, 2]))

    def intent(self) -> None:
        system, model, action = self.system, self.model, self.pick([1, 2, 3])
        amount = self.pick([1, 2]) if action == 3 else self.amount
        nonce, deadline = system.registry.nonce_of(model), system.now
        intent = StakeIntent(system.pool.address, model, action, amount, NEVER, nonce, deadline)
        signature = self.sign(intent, system.owner(model))
        system.relay.relay(intent.argument(), signature, sender=self.account)

    def mandate(self) -> None:
        model, action = self.model, self.pick([1, 2])
        mandate = self.mandate_of(self.system.owner(model))
        amount = self.pick([self.amount, ALL_WEI]) if action == 2 else self.amount
        signature = self.sign(mandate, mandate.owner)
        self.system.relay.act_by_mandate(
            mandate.argument(), signature, model, action, amount, NEVER, sender=self.relayer
        )

    def revoke_mandate(self) -> None:
        mandate = self.mandate_of(self.account)
        self.system.relay.revoke_mandate(mandate.hash(), sender=mandate.owner)

    def mandate_of(self, owner: str) -> StakeMandate:
        """One of the owner's mandates, all for the same relayer and all models."""
        salt = self.random.randrange(4)
        bound = self.pick([30 * WEI, ALL_WEI])
        pool = self.system.pool.address
        mandate = StakeMandate(
            pool, owner, self.relayer, tuple(range(16)), 40 * WEI, bound, NEVER, salt
        )
        self.mandates.add((owner, mandate.hash()))
        return mandate

    def sign(self, struct: StakeIntent | StakeMandate, owner: str) -> bytes:
        domain = Domain(boa.env.evm.patch.chain_id, self.system.relay.address)
        return bytes(self.key_of(owner).unsafe_sign_hash(digest(struct, domain)).signature)

    # --- the registry ---

    def register(self) -> None:
        if self.system.registry.count() < 4 * WORDS:
            self.system.register(self.account, payout=boa.env.generate_address())

    def set_payout(self) -> None:
        model, payout = self.model, boa.env.generate_address()
        self.system.registry.set_payout(model, payout, sender=self.system.owner(model))

    def offer(self) -> None:
        model = self.model
        to = self.pick([self.account, self.account, "0x" + "00" * 20])
        self.system.registry.offer(model, to, sender=self.system.owner(model))

    def accept(self) -> None:
        registry = self.system.registry
        offered = [m for m in range(registry.count()) if registry.offer_of(m)[1]]
        model = self.pick(offered or [0])
        to, acceptable_at = registry.offer_of(model)
        self.wait_until(acceptable_at)
        registry.accept(model, registry.version_of(model), sender=to)

    # --- anyone ---

    def claim(self) -> None:
        """Of a model that has something to claim, where there is one."""
        pool, count = self.system.pool, self.system.registry.count()
        rich = [model for model in range(count) if pool.claimable_of(model)]
        pool.claim(self.pick(rich or [0]))

    def fund(self) -> None:
        self.system.pool.fund(self.amount)

    def flush_burn(self) -> None:
        self.system.pool.flush_burn()

    def wait(self) -> None:
        self.system.warp(self.system.now + self.pick([1, HOUR, 5 * HOUR, DAY]))

    def wait_until(self, timestamp: int) -> None:
        self.system.warp(max(self.system.now, timestamp))

    def drain(self) -> None:
        self.system.pool.drain(self.head, self.random.randint(0, 9))

    def begin(self) -> None:
        self.system.pool.begin(self.head)

    def settle(self) -> None:
        """The next batch of the head round."""
        k, pool = self.head, self.system.pool
        batches = self.batches[k]
        links = [*chain(batches), END]
        cursor = pool.round_state(k).cursor
        at = links.index(cursor) if cursor in links[:-1] else 0
        self.system.settle(k, batches[at], links[at + 1])

    def finish(self) -> None:
        """Takes the head round to its end, as operators and keepers do."""
        k, oracle = self.head, self.system.oracle
        if oracle.round_of(k).status == Status.ANNOUNCED:
            self.give_result(k)
        self.wait_until(oracle.round_of(k).final_at)
        if not self.system.pool.state().begun:
            self.system.pool.drain(k, 99)
        while self.head == k:
            self.settle()

    def skip(self) -> None:
        head, pool = self.head, self.system.pool
        if head > pool.state().last_announced:
            self.wait_until(pool.round_state(head - 1).close + self.system.clocks.skip_after)
        pool.skip(head)

    def end_void(self) -> None:
        k = self.head
        if self.pick([True, False]):
            self.system.pool.drain(k, 99)
        self.system.pool.end_void(k)

    def call_void(self) -> None:
        """Of a round whose scores were withheld long enough, drained or not, begun or not."""
        k, clocks = self.head, self.system.clocks
        if self.system.oracle.round_of(k).status == Status.ANNOUNCED:
            self.give_result(k)
        since = self.system.pool.state().head_since
        final_at = self.system.oracle.round_of(k).final_at
        self.wait_until(max(final_at + clocks.settle_time, since + clocks.head_time))
        self.system.pool.call_void(k)

    def void_rest(self) -> None:
        self.wait_until(self.system.pool.round_state(self.head).void_at)
        self.system.pool.drain(self.head, 99)
        self.system.pool.void_rest(self.head)

    # --- the oracle's roles ---

    def announce(self) -> None:
        system, latest = self.system, self.system.oracle.latest()
        earliest = max(system.timing.notice, latest.closes + system.timing.gap - system.now)
        phi = min(10**6, max(500_000, latest.phi + self.random.randint(-100_000, 100_000)))
        self.steps.announce(
            system.pool.state().last_announced + 1,
            closes_in=earliest + self.random.randint(0, 2 * DAY),
            horizon=self.random.randint(1, 3 * DAY),
            phi=phi,
            opens_in=self.pick([0, HOUR, DAY]),
        )

    def cancel(self) -> None:
        self.system.oracle.cancel(self.system.oracle.latest().number, sender=self.guardian)

    def commit(self) -> None:
        self.give_result(self.round_in(Status.ANNOUNCED))

    def give_result(self, k: int) -> None:
        """Random scores in random batches, as soon as they are due."""
        self.wait_until(self.system.due(k))
        result, batches = self.result()
        epoch = self.system.oracle.round_of(k).epoch
        self.steps.commit(k, result, self.quorum(k, "threshold"), epoch)
        self.results[k], self.batches[k] = result, batches

    def result(self) -> tuple[Result, list[Batch]]:
        lanes = {
            model: ScoreLane(
                tuple(self.random.randint(-60_000, 60_000) for _ in range(3)),
                self.random.randint(0, MAX_LEVEL),
            )
            for model in range(4 * WORDS)
        }
        words = score_words(lanes, WORDS)
        batches = self.pick(
            [
                [Batch(0, tuple(words))],
                [Batch(i, (word,)) for i, word in enumerate(words)],
                [Batch(0, (words[0],)), Batch(2, (words[2],))],
            ]
        )
        digests = [self.random.randbytes(32) for _ in range(3)]
        at_risk = self.pick([0, 10**15])
        return Result(digests[0], chain(batches)[0], at_risk, WORDS, *digests[1:]), batches

    def quorum(self, k: int, kind: str) -> list[LocalAccount]:
        """As many operators that count for the round as it takes."""
        announced, oracle = self.system.oracle.round_of(k), self.system.oracle
        good = [o for o in self.operators if oracle.is_signer(o.address, announced.epoch)]
        return good[: getattr(announced, kind)]

    def challenge(self) -> None:
        self.steps.challenge(self.round_in(Status.COMMITTED), self.account)

    def veto(self) -> None:
        k = self.round_in(Status.COMMITTED)
        self.system.oracle.veto(k, keccak(text="doubt"), sender=self.guardian)

    def confirm(self) -> None:
        """Upholds a challenged result, or replaces it."""
        k, oracle = self.round_in(Status.CHALLENGED), self.system.oracle
        committed = self.results[k]
        result, batches = self.pick([(committed, self.batches[k]), self.result()])
        confirm = self.steps.confirm_of(k, result, oracle.round_of(k).epoch)
        signatures = self.steps.sign(confirm, self.quorum(k, "super_quorum"))
        arguments = (committed.argument(), result.argument(), signatures)
        oracle.confirm(k, self.steps.hashes[k], *arguments)
        self.results[k], self.batches[k] = result, batches

    def settle_bond(self) -> None:
        oracle = self.system.oracle
        for k in range(1, oracle.latest().number + 1):
            challenge = oracle.challenge_of(k)
            if challenge.outcome and challenge.bond and not challenge.bond_settled:
                oracle.settle_bond(k)

    @property
    def guardian(self) -> str:
        return self.system.oracle.guardian()

    def pause(self) -> None:
        self.system.oracle.pause(sender=self.guardian)

    def unpause(self) -> None:
        self.system.oracle.unpause(sender=self.guardian)

    def suspend(self) -> None:
        self.system.oracle.suspend(self.pick(self.operators).address, sender=self.guardian)

    def govern(self) -> None:
        """A new template, guardian or announcer."""
        oracle, governor = self.system.oracle, self.system.governor
        match self.random.randrange(3):
            case 0:
                template = replace(self.system.template, kappa=self.random.randint(0, 10**6))
                oracle.add_template(astuple(template), sender=governor)
            case 1:
                oracle.set_guardian(self.account, sender=governor)
            case 2:
                oracle.set_announcer(self.account, sender=governor)
                self.system.announcer = oracle.announcer()

    def rotate(self, retired: Sequence[str] | None = None) -> None:
        """A new operator takes the place of one that leaves, or was revoked."""
        oracle = self.system.oracle
        n = len(self.operators)
        new = Account.from_key(keccak(text=f"operator {n}, later"))
        epoch = oracle.latest().epoch + 1
        serving = [o.address for o in self.operators if oracle.is_signer(o.address, epoch)]
        if retired is None:
            retired = [self.pick(serving)]
        latest = oracle.latest()
        oracle.rotate(
            [new.address],
            retired,
            latest.threshold,
            latest.super_quorum,
            sender=self.system.governor,
        )
        self.operators = sorted([*self.operators, new], key=lambda o: int(o.address, 16))

    def revoke(self) -> None:
        self.system.oracle.revoke(self.pick(self.operators).address, sender=self.system.governor)
        self.rotate(retired=[])

    # --- all of it ---

    def step(self) -> None:
        """One of the above, the usual more often than the rare."""
        step = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        try:
            getattr(self, step)()
        except (boa.BoaError, KeyError):
            return
