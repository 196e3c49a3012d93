"""ModelRegistry against a small model of it in Python, over random calls of everybody.

Every call goes to both: they refuse for the same reason or answer the same, and after each step
every model, name and fee is compared.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import boa
import pytest
from assay_system import refused
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from registry_bench import (
    DAY,
    DELAY,
    FEE,
    NOBODY,
    OFFER_LIFE,
    SALT,
    RegistryBench,
    deploy_registry,
    name,
)

from oracle.settlement.refusals import Refused

OWNERS = 3
FEES = 3
NAMES = ["a", "b", "c"]

models = st.sampled_from([0, 0, 1, 1, 2])
owners = st.integers(0, OWNERS - 1)
# None: whoever may make the call.
callers = st.one_of(st.none(), owners)
# Into the machine's `accounts`: those that can own a model, then some that cannot.
receivers = st.one_of(owners, owners, st.integers(0, OWNERS + 5))
names = st.sampled_from(NAMES)
versions_behind = st.sampled_from([0, 0, 0, 1])
waits = st.one_of(
    st.sampled_from([1, DAY - 1, DAY, DELAY - DAY, DELAY - 1, DELAY]), st.integers(1, DELAY)
)


@dataclass
class Model:
    """What a registry knows of one model. A change and an offer hold an address and its time."""

    owner: str
    payout: str
    nonce: int = 0
    claims: int = 0
    change: tuple[str, int] = (NOBODY, 0)
    offer: tuple[str, int] = (NOBODY, 0)

    def payout_at(self, now: int) -> str:
        to, effective_at = self.change
        return to if to != NOBODY and now >= effective_at else self.payout


@dataclass
class Twin:
    """The registry's rules, said again. Every method takes the caller and the time first."""

    unspendable: list[str]
    fees: dict[str, int]
    models: list[Model] = field(default_factory=list)
    ids: dict[bytes, int] = field(default_factory=dict)
    reserved: dict[tuple[str, bytes], int] = field(default_factory=dict)

    def reserve(self, sender: str, now: int, owner: str, name_hash: bytes) -> None:
        reserved_at = self.reserved.get((owner, name_hash))
        require(reserved_at is None or now > reserved_at + DAY, "registry: reserved")
        self.reserved[owner, name_hash] = now

    def register(self, sender: str, now: int, name_hash: bytes, payout: str) -> int:
        require(name_hash not in self.ids, "registry: name taken")
        require(payout not in self.unspendable, "registry: bad payout")
        reserved_at = self.reserved.get((sender, name_hash))
        require(reserved_at is not None, "registry: not reserved")
        require(now > reserved_at, "registry: reserved just now")
        require(now <= reserved_at + DAY, "registry: reservation expired")
        require(self.fees[sender] > 0, "token: allowance too low")
        self.fees[sender] -= 1
        del self.reserved[sender, name_hash]
        self.ids[name_hash] = len(self.models)
        self.models.append(Model(sender, payout))
        return len(self.models) - 1

    def set_payout(self, sender: str, now: int, model: int, payout: str) -> None:
        found = self.owned(sender, model)
        require(payout not in self.unspendable, "registry: bad payout")
        found.payout = found.payout_at(now)
        found.change = (payout, now + DELAY)

    def offer(self, sender: str, now: int, model: int, to: str) -> None:
        found = self.owned(sender, model)
        withdrawn = to == NOBODY
        fit = to not in self.unspendable and to != sender
        require(withdrawn or fit, "registry: bad offer")
        found.nonce += 1
        found.offer = (NOBODY, 0) if withdrawn else (to, now + DELAY)

    def accept(self, sender: str, now: int, model: int, version: int) -> None:
        found = self.known(model)
        to, acceptable_at = found.offer
        require(sender == to != NOBODY, "registry: not offered")
        require(now >= acceptable_at, "registry: offer too young")
        require(now <= acceptable_at + OFFER_LIFE, "registry: offer expired")
        require(version == found.nonce + found.claims, "registry: stale version")
        self.models[model] = Model(sender, sender, found.nonce, found.claims)

    def use_nonce(self, sender: str, now: int, model: int) -> tuple[str, int]:
        found = self.known(model)
        found.nonce += 1
        return found.owner, found.nonce - 1

    def use_claim(self, sender: str, now: int, model: int) -> str:
        found = self.known(model)
        found.claims += 1
        return found.payout_at(now)

    def known(self, model: int) -> Model:
        require(model < len(self.models), "registry: unknown model")
        return self.models[model]

    def owned(self, sender: str, model: int) -> Model:
        found = self.known(model)
        require(sender == found.owner, "registry: not owner")
        return found


def require(condition: bool, reason: str) -> None:
    if not condition:
        raise Refused(reason)


class RegistryMachine(RuleBasedStateMachine):
    """Random calls of owners, of accounts that want to be, and of the pool."""

    def __init__(self, bench: RegistryBench) -> None:
        super().__init__()
        self.bench = bench
        self.owners = [bench.new_owner(FEES) for _ in range(OWNERS)]
        contracts = [bench.pool, bench.token.address, bench.burn_vault, bench.registry.address]
        self.twin = Twin([NOBODY, *contracts], dict.fromkeys(self.owners, FEES))
        self.accounts = [*self.owners, *self.twin.unspendable, boa.env.generate_address()]

    def both(
        self,
        call: str,
        sender: str,
        *arguments: object,
        on_chain: Callable[[], object] | None = None,
    ) -> None:
        """Makes a call on both sides; ``on_chain`` where its arguments differ there."""

        def registry() -> object:
            return getattr(self.bench.registry, call)(*arguments, sender=sender)

        on_chain = on_chain or registry
        try:
            wanted = getattr(self.twin, call)(sender, self.bench.now, *arguments)
        except Refused as refusal:
            with refused(str(refusal)):
                on_chain()
            return
        assert on_chain() == wanted

    def caller(self, draw: int | None, entitled: str) -> str:
        return entitled if draw is None else self.owners[draw]

    def model(self, model: int) -> Model:
        """The model, or one of nobody where there is none."""
        return self.twin.models[model] if model < len(self.twin.models) else Model(NOBODY, NOBODY)

    # --- names ---

    @initialize(owner=owners, payout=owners)
    def first_models(self, owner: int, payout: int) -> None:
        for text in NAMES[:2]:
            self.reserve_and_register(owner, text, payout, 1)

    @rule(sender=owners, owner=owners, text=names)
    def reserve(self, sender: int, owner: int, text: str) -> None:
        """Anybody reserves for anybody."""
        by, of = self.owners[sender], self.owners[owner]
        on_chain = partial(self.bench.reserve, of, text, sender=by)
        self.both("reserve", by, of, name(text), on_chain=lambda: on_chain() and None)

    @rule(sender=owners, text=names, payout=receivers)
    def register(self, sender: int, text: str, payout: int) -> None:
        by, to = self.owners[sender], self.accounts[payout]
        on_chain = partial(self.bench.registry.register, name(text), to, SALT, sender=by)
        self.both("register", by, name(text), to, on_chain=on_chain)

    @rule(sender=owners, text=names, payout=owners, age=st.sampled_from([0, 1, DAY, DAY + 1]))
    def reserve_and_register(self, sender: int, text: str, payout: int, age: int) -> None:
        self.reserve(sender, sender, text)
        self.wait(age)
        self.register(sender, text, payout)

    # --- owners ---

    @rule(model=models, sender=callers, payout=receivers)
    def set_payout(self, model: int, sender: int | None, payout: int) -> None:
        by = self.caller(sender, self.model(model).owner)
        self.both("set_payout", by, model, self.accounts[payout])

    @rule(model=models, sender=callers, to=receivers)
    def offer(self, model: int, sender: int | None, to: int) -> None:
        by = self.caller(sender, self.model(model).owner)
        self.both("offer", by, model, self.accounts[to])

    @rule(model=models, sender=callers, behind=versions_behind)
    def accept(self, model: int, sender: int | None, behind: int) -> None:
        known = self.model(model)
        version = max(0, known.nonce + known.claims - behind)
        self.both("accept", self.caller(sender, known.offer[0]), model, version)

    @rule(
        model=models,
        to=receivers,
        payout=receivers,
        waits=st.tuples(waits, waits),
        behind=versions_behind,
    )
    def hand_over(
        self, model: int, to: int, payout: int, waits: tuple[int, int], behind: int
    ) -> None:
        """An offer, a change of payout address some time later, and the acceptance."""
        self.offer(model, None, to)
        self.wait(waits[0])
        self.set_payout(model, None, payout)
        self.wait(waits[1])
        self.accept(model, None, behind)

    # --- the pool and the clock ---

    @rule(model=models)
    def use_nonce(self, model: int) -> None:
        self.both("use_nonce", self.bench.pool, model)

    @rule(model=models)
    def use_claim(self, model: int) -> None:
        self.both("use_claim", self.bench.pool, model)

    @rule(seconds=waits)
    def wait(self, seconds: int) -> None:
        self.bench.warp(seconds)

    # --- what must always hold ---

    @invariant()
    def models_agree(self) -> None:
        registry = self.bench.registry
        assert registry.count() == len(self.twin.models)
        for i, model in enumerate(self.twin.models):
            assert registry.owner_of(i) == model.owner
            assert registry.payout_of(i) == model.payout_at(self.bench.now)
            assert registry.payout_change_of(i) == model.change
            assert registry.offer_of(i) == model.offer
            assert registry.nonce_of(i) == model.nonce
            assert registry.version_of(i) == model.nonce + model.claims

    @invariant()
    def fees_agree(self) -> None:
        """One fee a model, all of it where it will be destroyed."""
        bench = self.bench
        assert bench.token.balanceOf(bench.burn_vault) == len(self.twin.models) * FEE
        assert bench.token.balanceOf(bench.registry) == 0

    def teardown(self) -> None:
        for name_hash, model in self.twin.ids.items():
            assert self.bench.registry.id_of(name_hash) == model


@pytest.fixture(scope="module")
def bench() -> RegistryBench:
    return deploy_registry()


def test_registry__random_calls__equals_its_twin(bench: RegistryBench) -> None:
    cheaper = settings(max_examples=settings().max_examples // 2)
    run_state_machine_as_test(lambda: RegistryMachine(bench), settings=cheaper)
