"""ModelRegistry: models offered and accepted, and what a stolen key can and cannot do."""

import boa
import pytest
from assay_system import ALL_WEI, NEVER, System, refused
from registry_bench import DELAY, NOBODY, OFFER_LIFE, RegistryBench, deploy_registry

from oracle.settlement.batches import Batch
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def bench() -> RegistryBench:
    return deploy_registry()


@pytest.fixture
def seller(bench: RegistryBench) -> str:
    return bench.new_owner()


@pytest.fixture
def buyer(bench: RegistryBench) -> str:
    return bench.new_owner()


@pytest.fixture
def model(bench: RegistryBench, seller: str) -> int:
    """A model whose payout address is its owner's."""
    return bench.register(seller)


def accept(bench: RegistryBench, model: int, buyer: str) -> None:
    """Accepts the model as it is now."""
    bench.registry.accept(model, bench.registry.version_of(model), sender=buyer)


# --- offers ---


def test_offer__owner__is_shown_and_raises_the_nonce(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    (log,) = bench.registry.get_logs()
    assert (log.model, log.to, log.acceptable_at) == (model, buyer, bench.now + DELAY)
    assert bench.registry.offer_of(model) == (buyer, bench.now + DELAY)
    assert (bench.registry.nonce_of(model), bench.registry.version_of(model)) == (1, 1)
    assert bench.registry.owner_of(model) == seller


def test_offer__not_owner__refused(bench: RegistryBench, model: int, buyer: str) -> None:
    for to in (buyer, NOBODY):
        with refused("registry: not owner"):
            bench.registry.offer(model, to, sender=buyer)


@pytest.mark.parametrize("who", ["owner", "pool", "token", "burn vault", "registry"])
def test_offer__to_who_could_not_use_it__refused(
    bench: RegistryBench, model: int, seller: str, who: str
) -> None:
    to = {
        "owner": seller,
        "pool": bench.pool,
        "token": bench.token.address,
        "burn vault": bench.burn_vault,
        "registry": bench.registry.address,
    }[who]
    with refused("registry: bad offer"):
        bench.registry.offer(model, to, sender=seller)


def test_offer__withdrawn__cannot_be_accepted_and_raises_the_nonce(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    bench.registry.offer(model, NOBODY, sender=seller)
    (log,) = bench.registry.get_logs()
    assert (log.model, log.to, log.acceptable_at) == (model, NOBODY, 0)
    assert bench.registry.offer_of(model) == (NOBODY, 0)
    assert bench.registry.nonce_of(model) == 2
    bench.warp(DELAY)
    with refused("registry: not offered"):
        accept(bench, model, buyer)


def test_offer__to_another__replaces_the_first(
    bench: RegistryBench, model: int, seller: str, buyer: str, stranger: str
) -> None:
    bench.registry.offer(model, stranger, sender=seller)
    bench.warp(DELAY)
    bench.registry.offer(model, buyer, sender=seller)
    with refused("registry: not offered"):
        accept(bench, model, stranger)
    with refused("registry: offer too young"):
        accept(bench, model, buyer)


def test_accept__last_second_of_the_offer__taken_and_one_later_refused(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY + OFFER_LIFE)
    with boa.env.anchor():
        accept(bench, model, buyer)
        assert bench.registry.owner_of(model) == buyer
    bench.warp(1)
    with refused("registry: offer expired"):
        accept(bench, model, buyer)
    assert bench.registry.OFFER_LIFE() == OFFER_LIFE


def test_offer__same_account_again__waits_again(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY - 1)
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY - 1)
    with refused("registry: offer too young"):
        accept(bench, model, buyer)
    bench.warp(1)
    accept(bench, model, buyer)


# --- acceptance ---


def test_accept__at_the_second__owner_and_payout_change_at_once(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY - 1)
    with refused("registry: offer too young"):
        accept(bench, model, buyer)
    assert (bench.use_nonce(model)[0], bench.use_claim(model)) == (seller, seller)
    bench.warp(1)
    accept(bench, model, buyer)
    (log,) = bench.registry.get_logs()
    assert (log.model, log.from_owner, log.to) == (model, seller, buyer)
    assert bench.registry.offer_of(model) == (NOBODY, 0)
    assert (bench.use_nonce(model)[0], bench.use_claim(model)) == (buyer, buyer)


def test_accept__other_models__stay_as_they_were(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    other = bench.register(seller)
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    accept(bench, model, buyer)
    assert bench.registry.owner_of(other) == bench.registry.payout_of(other) == seller
    assert bench.registry.version_of(other) == 0


def test_accept__counters__go_on_so_that_no_nonce_comes_twice(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    for _ in range(3):
        bench.use_nonce(model)
        bench.use_claim(model)
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    accept(bench, model, buyer)
    assert (bench.registry.nonce_of(model), bench.registry.version_of(model)) == (4, 7)
    assert bench.use_nonce(model) == (buyer, 4)


def test_accept__not_whom_it_is_offered_to__refused(
    bench: RegistryBench, model: int, seller: str, buyer: str, stranger: str
) -> None:
    for anybody in (buyer, seller, NOBODY):
        with refused("registry: not offered"):
            accept(bench, model, anybody)
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    for other in (stranger, seller, bench.pool):
        with refused("registry: not offered"):
            accept(bench, model, other)


@pytest.mark.parametrize("event", ["request", "claim", "offer"])
def test_accept__something_happened_in_between__stale(
    bench: RegistryBench, model: int, seller: str, buyer: str, event: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    seen = bench.registry.version_of(model)
    if event == "request":
        bench.use_nonce(model)
    elif event == "claim":
        bench.use_claim(model)
    else:
        bench.registry.offer(model, buyer, sender=seller)
        bench.warp(DELAY)
    for stale in (seen, seen + 2):
        with refused("registry: stale version"):
            bench.registry.accept(model, stale, sender=buyer)
    bench.registry.accept(model, seen + 1, sender=buyer)
    assert bench.registry.owner_of(model) == buyer


def test_accept__second_time__the_offer_is_gone(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    accept(bench, model, buyer)
    bench.registry.offer(model, seller, sender=buyer)
    bench.warp(DELAY)
    accept(bench, model, seller)
    with refused("registry: not offered"):
        accept(bench, model, buyer)
    assert bench.registry.owner_of(model) == bench.use_claim(model) == seller


def test_accept__done__former_owner_has_no_say(
    bench: RegistryBench, model: int, seller: str, buyer: str
) -> None:
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    accept(bench, model, buyer)
    for call, to in [("offer", seller), ("offer", NOBODY), ("set_payout", seller)]:
        with refused("registry: not owner"):
            getattr(bench.registry, call)(model, to, sender=seller)
    with refused("registry: not offered"):
        accept(bench, model, seller)


def test_accept__change_of_payout_in_force__ends_with_the_owner(
    bench: RegistryBench, model: int, seller: str, buyer: str, stranger: str
) -> None:
    bench.registry.set_payout(model, stranger, sender=seller)
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    assert bench.use_claim(model) == stranger
    accept(bench, model, buyer)
    assert bench.registry.payout_change_of(model) == (NOBODY, 0)
    assert bench.use_claim(model) == buyer


def test_accept__change_of_payout_waiting__never_comes(
    bench: RegistryBench, model: int, seller: str, buyer: str, stranger: str
) -> None:
    """The seller cannot leave a change behind that takes the buyer's payments."""
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY - 1)
    bench.registry.set_payout(model, stranger, sender=seller)
    bench.warp(1)
    accept(bench, model, buyer)
    assert bench.registry.payout_change_of(model) == (NOBODY, 0)
    for wait in (0, DELAY - 1, 1, WEEK):
        bench.warp(wait)
        assert bench.use_claim(model) == buyer


def test_accept__model_with_money__all_of_it_follows(system: System, stranger: str) -> None:
    """In the whole system: the seller's stake and the release asked for, but nothing claimed."""
    seller, pool, registry = system.new_staker(), system.pool, system.registry
    system.deposit(0, 5 * UNITS_PER_NMR)
    system.request_release(0, 2 * UNITS_PER_NMR)
    registry.offer(0, stranger, sender=seller)
    system.announce(1)
    system.play(1, [Batch(0, ())])
    system.warp(system.now + DELAY)
    seen = registry.version_of(0)
    pool.skip(2)
    pool.end_void(2)
    system.announce(3)
    system.request_release(0, UNITS_PER_NMR)
    pool.claim(0)
    assert registry.version_of(0) == seen + 2
    with refused("registry: stale version"):
        registry.accept(0, seen, sender=stranger)
    registry.accept(0, seen + 2, sender=stranger)
    with refused("pool: not owner"):
        pool.request_release(0, ALL_WEI, NEVER, sender=seller)
    system.play(3, [Batch(0, ())])
    assert pool.claim(0) == system.token.balanceOf(stranger) == UNITS_PER_NMR * WEI_PER_UNIT
    assert system.stake(0) == 2 * UNITS_PER_NMR
    assert system.request_release(0, None) == 4


# --- a stolen key ---

# What a thief calls, each at its second after the first call, and why its account cannot accept.
THEFTS = {
    "set_payout": ([(0, "set_payout")], "registry: not offered"),
    "set_payout again and again": (
        [(0, "set_payout"), (1, "set_payout"), (DELAY - 1, "set_payout")],
        "registry: not offered",
    ),
    "offer": ([(0, "offer")], "registry: offer too young"),
    "both at once": ([(0, "set_payout"), (0, "offer")], "registry: offer too young"),
    "both at once, offer first": ([(0, "offer"), (0, "set_payout")], "registry: offer too young"),
    "set_payout half way to an offer": (
        [(0, "offer"), (DELAY // 2, "set_payout")],
        "registry: offer too young",
    ),
    "offer half way to set_payout": (
        [(0, "set_payout"), (DELAY // 2, "offer")],
        "registry: offer too young",
    ),
    "offer back and forth": (
        [(0, "offer"), (1, "withdraw"), (2, "offer")],
        "registry: offer too young",
    ),
}


@pytest.mark.parametrize("theft", THEFTS)
def test_stolen_key__whatever_it_calls__redirects_no_payment_for_48_hours(
    bench: RegistryBench, model: int, seller: str, stranger: str, theft: str
) -> None:
    """The thief has the seller's key, and another account that would accept."""
    start = bench.now
    steps, reason = THEFTS[theft]
    for after, call in steps:
        bench.warp(start + after - bench.now)
        if call == "set_payout":
            bench.registry.set_payout(model, stranger, sender=seller)
        else:
            bench.registry.offer(model, stranger if call == "offer" else NOBODY, sender=seller)
        assert bench.use_claim(model) == seller
    bench.warp(start + DELAY - 1 - bench.now)
    with refused(reason):
        accept(bench, model, stranger)
    assert bench.use_claim(model) == seller


def test_stolen_key__offer_to_a_new_account__whose_payout_changes_wait_as_well(
    bench: RegistryBench, model: int, seller: str, buyer: str, stranger: str
) -> None:
    """No short cut through a second account: what follows a transfer waits from then on."""
    bench.registry.offer(model, buyer, sender=seller)
    bench.warp(DELAY)
    accept(bench, model, buyer)
    bench.registry.set_payout(model, stranger, sender=buyer)
    bench.registry.offer(model, stranger, sender=buyer)
    bench.warp(DELAY - 1)
    with refused("registry: offer too young"):
        accept(bench, model, stranger)
    assert bench.use_claim(model) == buyer


def test_stolen_key__owner_still_there__can_take_both_back_in_time(
    bench: RegistryBench, model: int, seller: str, stranger: str
) -> None:
    bench.registry.set_payout(model, stranger, sender=seller)
    bench.registry.offer(model, stranger, sender=seller)
    bench.warp(DELAY - 1)
    bench.registry.set_payout(model, seller, sender=seller)
    bench.registry.offer(model, NOBODY, sender=seller)
    bench.warp(WEEK)
    with refused("registry: not offered"):
        accept(bench, model, stranger)
    assert bench.use_claim(model) == seller
