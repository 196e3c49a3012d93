"""Conservation over both chains: silent on every honest history, and on no other."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.bridge.conservation import (
    Burn,
    ChildFacts,
    Deposit,
    Facts,
    Flow,
    PoolFacts,
    RootFacts,
    check,
)

VAULT, STAKER = "0x" + "aa" * 20, "0x" + "bb" * 20
CAP = 11_000_000 * 10**18


@dataclass
class Account:
    balance: int = 0
    into: int = 0
    out: int = 0

    def put(self, wei: int) -> None:
        self.balance += wei
        self.into += wei

    def take(self, wei: int) -> None:
        self.balance -= wei
        self.out += wei

    @property
    def flow(self) -> Flow:
        return Flow(self.balance, self.into, self.out)


@dataclass
class World:
    """Both chains as plain sums: what may happen, and the facts that then hold. ``staker`` is all
    that people hold on the child chain."""

    predicate: Account = field(default_factory=Account)
    root_vault: Account = field(default_factory=Account)
    child_vault: Account = field(default_factory=Account)
    root: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("locked", "swept", "burnt", "nobody"), 0)
    )
    child: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("minted", "swept", "pool", "oracle"), 0)
    )
    pool: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("burnt", "owed", "flushed", "fees", "bonds"), 0)
    )
    deposits: list[Deposit] = field(default_factory=list)
    burns: list[Burn] = field(default_factory=list)
    staker: int = 0

    def lock(self, wei: int) -> None:
        self.predicate.put(wei)
        self.root["locked"] += wei
        self.deposits.append(Deposit(len(self.deposits) + 1, wei, minted=False))

    def mint(self, wei: int) -> None:
        for place, one in enumerate(self.deposits):
            if not one.minted and one.wei >= wei:
                self.deposits[place] = replace(one, minted=True)
                self.child["minted"] += one.wei
                self.staker += one.wei
                return

    def burn(self, wei: int) -> None:
        wei = min(wei, self.staker)
        self.staker -= wei
        self._burn(STAKER, wei)

    def exit(self, wei: int) -> None:
        for place, one in enumerate(self.burns):
            if not one.exited and one.wei >= wei:
                self.burns[place] = replace(one, exited=True)
                self.predicate.take(one.wei)
                if one.owner == VAULT:
                    self.root_vault.put(one.wei)
                return

    def lose(self, wei: int) -> None:
        wei = min(wei, self.staker)
        self.staker -= wei
        self.pool["burnt"] += wei
        self.pool["owed"] += wei

    def flush(self, _: int) -> None:
        wei, self.pool["owed"] = self.pool["owed"], 0
        self.pool["flushed"] += wei
        self.child["pool"] += wei
        self.child_vault.put(wei)

    def pay_fee(self, wei: int) -> None:
        self.pool["fees"] += self._spent(wei)

    def forfeit(self, wei: int) -> None:
        wei = self._spent(wei)
        self.pool["bonds"] += wei
        self.child["oracle"] += wei

    def donate_child(self, wei: int) -> None:
        self._spent(wei)

    def donate_root(self, wei: int) -> None:
        self.root_vault.put(wei)

    def donate_predicate(self, wei: int) -> None:
        self.predicate.put(wei)

    def send_to_nobody(self, wei: int) -> None:
        self.root["nobody"] += wei

    def destroy(self, wei: int) -> None:
        self.root["burnt"] += wei

    def sweep_child(self, _: int) -> None:
        wei = self.child_vault.balance
        self.child_vault.take(wei)
        self.child["swept"] += wei
        self._burn(VAULT, wei)

    def sweep_root(self, _: int) -> None:
        wei = self.root_vault.balance
        self.root_vault.take(wei)
        self.root["swept"] += wei
        self.root["burnt"] += wei

    def _spent(self, wei: int) -> int:
        wei = min(wei, self.staker)
        self.staker -= wei
        self.child_vault.put(wei)
        return wei

    def _burn(self, owner: str, wei: int) -> None:
        self.burns.append(Burn(len(self.burns).to_bytes(32, "big"), owner, wei, exited=False))

    def facts(self) -> Facts:
        root, child, pool = self.root, self.child, self.pool
        return Facts(
            vault=VAULT,
            root=RootFacts(
                block=1,
                supply=CAP - root["burnt"],
                before=0,
                created=CAP,
                to_nobody=root["burnt"] + root["nobody"],
                nobody=root["nobody"],
                locked=root["locked"],
                swept=root["swept"],
                predicate=self.predicate.flow,
                vault=self.root_vault.flow,
            ),
            child=ChildFacts(
                block=1,
                supply=self.staker + self.child_vault.balance + pool["owed"],
                minted=child["minted"],
                swept=child["swept"],
                vault=self.child_vault.flow,
                from_pool=child["pool"],
                from_oracle=child["oracle"],
            ),
            pool=PoolFacts(**pool),
            deposits=tuple(self.deposits),
            burns=tuple(self.burns),
        )


STEPS: dict[str, Callable[[World, int], None]] = {
    name: getattr(World, name)
    for name in vars(World)
    if not name.startswith("_") and name != "facts" and callable(getattr(World, name))
}
HISTORIES = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 10**24)), max_size=40)


def world_of(history: list[tuple[str, int]]) -> World:
    world = World()
    for name, wei in history:
        STEPS[name](world, wei)
    return world


def lived_in() -> Facts:
    """Something of everything, and donations of nothing that could hide a difference."""
    steps = ["lock", "lock", "lock", "mint", "mint", "burn", "exit", "lose", "flush", "forfeit"]
    steps += ["sweep_child", "exit", "sweep_root", "forfeit", "lose", "burn", "destroy"]
    steps += ["send_to_nobody"]
    sizes = {"lock": 1_000, "mint": 1}
    facts = world_of([(name, sizes.get(name, 100)) for name in steps]).facts()
    assert check(facts) == []
    assert facts.in_flight_up
    assert facts.in_flight_down
    return facts


@given(HISTORIES)
def test_check__any_honest_history__finds_nothing(history: list[tuple[str, int]]) -> None:
    assert check(world_of(history).facts()) == []


@given(HISTORIES)
def test_check__everything_swept_and_exited__supply_fell_by_what_entered_the_vaults(
    history: list[tuple[str, int]],
) -> None:
    world = world_of(history)
    others = world.root["burnt"] - world.root["swept"]
    world.flush(0)
    world.sweep_child(0)
    for _ in world.burns:
        world.exit(0)
    world.sweep_root(0)
    facts = world.facts()
    assert check(facts) == []
    assert facts.in_flight_up == 0
    entered = facts.pool.burnt + facts.pool.fees + facts.pool.bonds
    entered += facts.child_donations + facts.root_donations
    assert facts.root.destroyed == entered + others


def changed(facts: Facts, path: tuple[str, ...], delta: int) -> Facts:
    """``facts`` with a number changed."""

    def change(part: Any, rest: tuple[str, ...]) -> Any:
        if not rest:
            return part + delta
        return replace(part, **{rest[0]: change(getattr(part, rest[0]), rest[1:])})

    found: Facts = change(facts, path)
    return found


def numbers(part: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The place of every amount in ``part``."""
    found: list[tuple[str, ...]] = []
    for one in fields(part):
        value = getattr(part, one.name)
        if isinstance(value, int) and one.name != "block":
            found.append((*path, one.name))
        elif hasattr(value, "__dataclass_fields__"):
            found += numbers(value, (*path, one.name))
    return found


@pytest.mark.parametrize("path", numbers(lived_in()), ids=".".join)
@pytest.mark.parametrize("delta", [1, -1], ids=["more", "less"])
def test_check__one_amount_off_by_a_wei__is_found(path: tuple[str, ...], delta: int) -> None:
    """But for a fee, which is a transfer like any other: one too few passes for a donation."""
    found = check(changed(lived_in(), path, delta))
    assert bool(found) == (path != ("pool", "fees") or delta > 0)


def test_check__mint_without_its_message__is_found() -> None:
    facts = lived_in()
    deposits = [replace(one, minted=False) if one.minted else one for one in facts.deposits]
    assert check(replace(facts, deposits=tuple(deposits)))


def with_burn(facts: Facts, place: int, **values: Any) -> Facts:
    burns = list(facts.burns)
    burns[place] = replace(burns[place], **values)
    return replace(facts, burns=tuple(burns))


@pytest.mark.parametrize("place", range(len(lived_in().burns)), ids=str)
def test_check__burn_exited_or_not_against_the_money__is_found(place: int) -> None:
    facts = lived_in()
    assert check(with_burn(facts, place, exited=not facts.burns[place].exited))


def test_check__withdrawal_of_the_vaults_that_is_anothers__is_found() -> None:
    facts = lived_in()
    [place] = [n for n, one in enumerate(facts.burns) if one.owner == VAULT]
    assert check(with_burn(facts, place, owner=STAKER))


def test_check__two_transfers_of_one_burn__is_found() -> None:
    """The predicate has paid a burn twice."""
    facts = lived_in()
    flow = facts.root.predicate
    paid = next(one.wei for one in facts.burns if one.exited)
    twice = replace(flow, balance=flow.balance - paid, out=flow.out + paid)
    found = check(replace(facts, root=replace(facts.root, predicate=twice)))
    assert any("paid by the predicate" in one for one in found)
    assert any("the predicate's balance" in one for one in found)
