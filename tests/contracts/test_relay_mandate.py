"""StakeRelay: a relayer's right to deposit and to release for an owner, and where it ends."""

from dataclasses import fields, replace
from typing import Any

import boa
import pytest
from assay_system import ALL_WEI, refused
from hypothesis import given
from hypothesis import strategies as st
from relay_bench import (
    BAD_ENCODINGS,
    DEPOSIT,
    MODE,
    NMR,
    RELEASE,
    WEI,
    RelayBench,
    account,
    deploy_relay,
    on_hostile_token,
)

from oracle.settlement.intents import StakeMandate
from oracle.settlement.units import RELEASE_ALL, WEI_PER_UNIT

UNSIGNED = "mandate: not signed by the owner"
HALF = 2**127


@pytest.fixture(scope="module")
def bench() -> RelayBench:
    return deploy_relay()


# --- what it allows ---


def test_mandate__deposit_and_release__are_the_owners(bench: RelayBench) -> None:
    mandate = bench.mandate()
    before = bench.system.token.balanceOf(bench.owner.address)
    assert bench.act(mandate, DEPOSIT, 3 * WEI) == 1
    assert bench.act(mandate, RELEASE, 2 * WEI, model=1) == 1
    assert (bench.request(0), bench.request(1)) == ((3 * NMR, 0, 0), (0, 2 * NMR, 0))
    assert bench.system.token.balanceOf(bench.owner.address) == before - 3 * WEI
    assert bench.used(mandate) == (3 * WEI, 2 * WEI, False)


def test_mandate__each_use__raises_the_nonce_and_is_logged(bench: RelayBench) -> None:
    mandate = bench.mandate()
    totals = [(DEPOSIT, WEI, 0), (RELEASE, WEI, WEI), (DEPOSIT, 2 * WEI, WEI)]
    for nonce, (action, deposited, released) in enumerate(totals):
        assert bench.nonce() == nonce
        bench.act(mandate, action)
        log, *_ = bench.system.relay.get_logs()
        assert (log.owner, log.mandate) == (bench.owner.address, mandate.hash())
        assert (log.relayer, log.model) == (bench.relayer, 0)
        assert (log.deposited, log.released) == (deposited, released)
    assert bench.nonce() == 3
    assert bench.nonce(1) == 0


def test_mandate__stake_and_release__reach_nobody_but_the_payout_address(
    bench: RelayBench,
) -> None:
    system, mandate = bench.system, bench.mandate()
    bench.act(mandate, DEPOSIT, 5 * WEI)
    system.announce(1)
    bench.act(mandate, RELEASE, 5 * WEI)
    start = system.token.balanceOf(bench.owner.address)
    system.warp(system.now + 500)
    system.pool.drain(1, 9)
    system.pool.claim(0, sender=bench.relayer)
    assert system.token.balanceOf(bench.payout) == 5 * WEI
    assert system.token.balanceOf(bench.owner.address) == start
    for nobody in (bench.relayer, system.relay, system.pool):
        assert system.token.balanceOf(nobody) == 0


# --- what was signed, and nothing else ---

CHANGES: dict[str, Any] = {
    "pool": "0x" + "33" * 20,
    "owner": account("other stake owner").address,
    "relayer": "0x" + "44" * 20,
    "models": (0, 1, 2),
    "max_deposit": 11 * WEI,
    "max_release": ALL_WEI,
    "expiry": 2**40,
    "salt": 1,
}
EACH_FIELD = pytest.mark.parametrize("name", [field.name for field in fields(StakeMandate)])


@EACH_FIELD
def test_mandate__signed_with_another_value__refused(bench: RelayBench, name: str) -> None:
    mandate = bench.mandate()
    signed = bench.sign(replace(mandate, **{name: CHANGES[name]}))
    with refused(UNSIGNED):
        bench.act(mandate, signature=signed)
    assert bench.act(mandate) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("owner", "mandate: not the owner's"),
        ("relayer", "mandate: not the relayer"),
        ("models", UNSIGNED),
        ("max_deposit", UNSIGNED),
        ("max_release", UNSIGNED),
        ("expiry", UNSIGNED),
        ("salt", UNSIGNED),
    ],
)
def test_mandate__value_changed_after_signing__refused(
    bench: RelayBench, name: str, reason: str
) -> None:
    mandate = bench.mandate()
    changed = replace(mandate, **{name: CHANGES[name]})
    with refused(reason):
        bench.act(changed, signature=bench.sign(mandate))


def test_mandate__relayer_names_itself__refused(bench: RelayBench) -> None:
    mandate, thief = bench.mandate(), boa.env.generate_address()
    changed = replace(mandate, relayer=thief)
    with refused(UNSIGNED):
        bench.act(changed, signature=bench.sign(mandate), sender=thief)


@pytest.mark.parametrize("place", ["chain", "contract"])
def test_mandate__signed_for_another_domain__refused(bench: RelayBench, place: str) -> None:
    mandate, here = bench.mandate(), bench.domain
    there = {
        "chain": replace(here, chain_id=here.chain_id + 1),
        "contract": replace(here, contract=bench.system.pool.address),
    }[place]
    with refused(UNSIGNED):
        bench.act(mandate, signature=bench.sign(mandate, domain=there))


def test_mandate__chain_forked_after_deployment__only_the_new_domain_counts(
    bench: RelayBench,
) -> None:
    mandate, old = bench.mandate(), bench.domain
    boa.env.evm.patch.chain_id = old.chain_id + 1
    with refused(UNSIGNED):
        bench.act(mandate, signature=bench.sign(mandate, domain=old))
    assert bench.act(mandate) == 1


def test_mandate__twin_system_on_the_chain__refused(bench: RelayBench) -> None:
    twin, mandate = deploy_relay(), bench.mandate()
    there = replace(mandate, pool=twin.system.pool.address, relayer=twin.relayer)
    with refused(UNSIGNED):
        twin.act(there, signature=bench.sign(mandate))


@pytest.mark.parametrize("signer", ["other owner", "relayer"])
def test_mandate__other_signer__refused(bench: RelayBench, signer: str) -> None:
    by = {"other owner": bench.other, "relayer": account("relayer")}[signer]
    with refused(UNSIGNED):
        bench.act(bench.mandate(), signature=bench.sign(bench.mandate(), by=by))


@pytest.mark.parametrize("name", BAD_ENCODINGS)
def test_mandate__other_encoding__refused(bench: RelayBench, name: str) -> None:
    mandate = bench.mandate()
    change, reason = BAD_ENCODINGS[name]
    with refused(reason):
        bench.act(mandate, signature=change(bench.sign(mandate)))


def test_mandate__anyone_but_the_relayer__refused(bench: RelayBench) -> None:
    for sender in (bench.owner.address, bench.other.address, boa.env.generate_address()):
        with refused("mandate: not the relayer"):
            bench.act(bench.mandate(), sender=sender)


# --- models ---


@pytest.mark.parametrize("models", [(), (0,), (0, 2)], ids=repr)
def test_mandate__model_not_named__refused(bench: RelayBench, models: tuple[int, ...]) -> None:
    with refused("mandate: model not named"):
        bench.act(bench.mandate(models=models), model=1)


def test_mandate__64_models__all_of_them_and_no_more_fit(bench: RelayBench) -> None:
    """A model that is named but another's stays another's."""
    mandate = bench.mandate(models=(*range(1, 64), 0))
    assert bench.act(mandate) == 1
    assert bench.act(mandate, model=1) == 1
    with refused("mandate: not the owner's"):
        bench.act(mandate, model=3)
    with refused("registry: unknown model"):
        bench.act(mandate, model=63)
    with boa.reverts():
        bench.act(bench.mandate(models=tuple(range(65))))


# --- actions and amounts ---


@pytest.mark.parametrize("action", [0, MODE, 4, 2**255])
def test_mandate__other_action__refused(bench: RelayBench, action: int) -> None:
    with refused("mandate: action"):
        bench.act(bench.mandate(), action, 1)


@pytest.mark.parametrize(("action", "bound"), [(DEPOSIT, 10), (RELEASE, 7)])
def test_mandate__up_to_the_bound__and_one_unit_more_refused(
    bench: RelayBench, action: int, bound: int
) -> None:
    """The bound is what all uses come to, of all models together."""
    mandate = bench.mandate()
    bench.act(mandate, action, 4 * WEI)
    bench.act(mandate, action, (bound - 5) * WEI, model=1)
    with refused("mandate: used up"):
        bench.act(mandate, action, WEI + WEI_PER_UNIT)
    bench.act(mandate, action, WEI)
    with refused("mandate: used up"):
        bench.act(mandate, action, WEI_PER_UNIT)
    assert bench.used(mandate)[action - 1] == bound * WEI


@pytest.mark.parametrize(("action", "name"), [(DEPOSIT, "max_deposit"), (RELEASE, "max_release")])
def test_mandate__one_unit_above_the_bound_at_once__refused(
    bench: RelayBench, action: int, name: str
) -> None:
    mandate = bench.mandate(**{name: 2 * WEI})
    with refused("mandate: used up"):
        bench.act(mandate, action, 2 * WEI + WEI_PER_UNIT)
    bench.act(mandate, action, 2 * WEI)


@pytest.mark.parametrize(("action", "name"), [(DEPOSIT, "max_deposit"), (RELEASE, "max_release")])
def test_mandate__bound_of_zero__allows_nothing(bench: RelayBench, action: int, name: str) -> None:
    with refused("mandate: used up"):
        bench.act(bench.mandate(**{name: 0}), action, WEI // 10)


def test_mandate__bounds__are_apart(bench: RelayBench) -> None:
    """What one action uses leaves the other's bound alone, at the widest amounts as well."""
    mandate = bench.mandate(max_deposit=WEI, max_release=ALL_WEI - 1)
    largest = HALF - 1 - (HALF - 1) % WEI_PER_UNIT
    bench.act(mandate, RELEASE, largest)
    bench.act(mandate, DEPOSIT, WEI)
    assert bench.used(mandate) == (WEI, largest, False)
    with refused("mandate: used up"):
        bench.act(mandate, RELEASE, WEI_PER_UNIT)


@pytest.mark.parametrize("amount", [HALF, ALL_WEI - ALL_WEI % WEI_PER_UNIT, ALL_WEI])
def test_mandate__deposit_beyond_127_bits__refused(bench: RelayBench, amount: int) -> None:
    with refused("mandate: used up"):
        bench.act(bench.mandate(max_deposit=ALL_WEI), DEPOSIT, amount)


@pytest.mark.parametrize("bound", [0, 7 * WEI, HALF - 1, ALL_WEI - 1])
def test_mandate__release_of_all_with_a_bound__refused(bench: RelayBench, bound: int) -> None:
    mandate = bench.mandate(max_release=bound)
    with refused("mandate: used up"):
        bench.act(mandate, RELEASE, ALL_WEI)
    if bound:
        bench.act(mandate, RELEASE, WEI)
        with refused("mandate: used up"):
            bench.act(mandate, RELEASE, ALL_WEI)


def test_mandate__release_of_all_without_a_bound__again_and_again(bench: RelayBench) -> None:
    mandate = bench.mandate(max_release=ALL_WEI)
    bench.act(mandate, RELEASE, WEI)
    bench.act(mandate, RELEASE, ALL_WEI)
    bench.act(mandate, RELEASE, ALL_WEI)
    assert bench.request() == (0, RELEASE_ALL, 0)
    assert bench.used(mandate) == (0, 0, False)


@pytest.mark.parametrize("amount", [WEI + 1, WEI // 10 - WEI_PER_UNIT, 0])
@pytest.mark.parametrize("action", [DEPOSIT, RELEASE])
def test_mandate__amount_the_pool_refuses__is_not_used_up(
    bench: RelayBench, action: int, amount: int
) -> None:
    mandate = bench.mandate()
    with refused("pool: not whole units" if amount % WEI_PER_UNIT else "pool: below minimum"):
        bench.act(mandate, action, amount)
    assert (bench.used(mandate), bench.nonce()) == ((0, 0, False), 0)


def test_mandate__other_salt__has_bounds_of_its_own(bench: RelayBench) -> None:
    first, second = bench.mandate(), bench.mandate(salt=1)
    bench.act(first, amount=10 * WEI)
    bench.act(second, amount=10 * WEI)
    assert bench.used(first) == bench.used(second) == (10 * WEI, 0, False)


# --- when it ends ---


def test_mandate__at_its_expiry_and_a_second_later__good_and_refused(bench: RelayBench) -> None:
    mandate = bench.mandate()
    bench.system.warp(mandate.expiry + 1)
    with refused("mandate: expired"):
        bench.act(mandate)
    bench.system.warp(mandate.expiry)
    assert bench.act(mandate) == 1


def test_mandate__round_passed__refused(bench: RelayBench) -> None:
    bench.system.announce(1)
    bench.system.warp(bench.system.now + 500)
    with refused("pool: round passed"):
        bench.act(bench.mandate(), max_round=1)
    assert bench.act(bench.mandate(), max_round=2) == 2


def test_revoke__before_the_first_use__refused(bench: RelayBench) -> None:
    mandate = bench.mandate()
    bench.system.relay.revoke_mandate(mandate.hash(), sender=bench.owner.address)
    (log,) = bench.system.relay.get_logs()
    assert (log.owner, log.mandate) == (bench.owner.address, mandate.hash())
    for action in (DEPOSIT, RELEASE):
        with refused("mandate: revoked"):
            bench.act(mandate, action)
    assert bench.used(mandate) == (0, 0, True)


def test_revoke__after_a_use__refused_for_good(bench: RelayBench) -> None:
    """What was asked for stays asked for; what was used stays known."""
    mandate = bench.mandate()
    bench.act(mandate, DEPOSIT, 2 * WEI)
    bench.act(mandate, RELEASE, WEI)
    for _ in range(2):
        bench.system.relay.revoke_mandate(mandate.hash(), sender=bench.owner.address)
        with refused("mandate: revoked"):
            bench.act(mandate)
    assert bench.used(mandate) == (2 * WEI, WEI, True)
    assert bench.request() == (2 * NMR, NMR, 0)
    assert bench.act(bench.mandate(salt=1)) == 1


def test_revoke__by_another__leaves_the_owners(bench: RelayBench) -> None:
    mandate = bench.mandate()
    for sender in (bench.other.address, bench.relayer):
        bench.system.relay.revoke_mandate(mandate.hash(), sender=sender)
    assert bench.used(mandate) == (0, 0, False)
    assert bench.act(mandate) == 1


def test_revoke__twin_with_another_salt__stays_good(bench: RelayBench) -> None:
    bench.system.relay.revoke_mandate(bench.mandate().hash(), sender=bench.owner.address)
    assert bench.act(bench.mandate(salt=1)) == 1


def test_mandate__model_handed_over__ends_for_that_model(bench: RelayBench) -> None:
    mandate = bench.mandate(expiry=bench.system.now + 10**7)
    bench.act(mandate)
    bench.hand_over(0, bench.other)
    with refused("mandate: not the owner's"):
        bench.act(mandate)
    with refused(UNSIGNED):
        bench.act(replace(mandate, owner=bench.other.address))
    assert bench.act(mandate, model=1) == 1


def test_mandate__model_handed_over_and_back__counts_on(bench: RelayBench) -> None:
    """A mandate names its owner: whoever parts with a model and takes it back revokes first."""
    mandate = bench.mandate(expiry=bench.system.now + 10**7)
    bench.act(mandate, amount=9 * WEI)
    bench.hand_over(0, bench.other)
    bench.hand_over(0, bench.owner)
    with refused("mandate: used up"):
        bench.act(mandate, amount=2 * WEI)
    bench.act(mandate, amount=WEI)


def test_mandate__new_owners_own__takes_the_new_owners_tokens(bench: RelayBench) -> None:
    bench.hand_over(0, bench.other)
    mandate = bench.mandate(owner=bench.other.address)
    before = bench.system.token.balanceOf(bench.other.address)
    bench.act(mandate, amount=2 * WEI, signature=bench.sign(mandate, by=bench.other))
    assert bench.system.token.balanceOf(bench.other.address) == before - 2 * WEI


# --- what the pool and the token refuse ---


def test_mandate__without_allowance__refused_and_not_used_up(bench: RelayBench) -> None:
    token, mandate = bench.system.token, bench.mandate()
    token.approve(bench.system.pool, 0, sender=bench.owner.address)
    with refused("token: allowance too low"):
        bench.act(mandate)
    assert (bench.used(mandate), bench.nonce()) == ((0, 0, False), 0)
    bench.act(mandate, RELEASE)


def test_mandate__paused__deposits_wait_and_releases_go_on(bench: RelayBench) -> None:
    system, mandate = bench.system, bench.mandate()
    system.oracle.pause(sender=system.guardian)
    with refused("pool: paused"):
        bench.act(mandate)
    assert bench.act(mandate, RELEASE) == 1
    assert bench.used(mandate) == (0, WEI, False)


@pytest.mark.parametrize("action", [DEPOSIT, RELEASE])
def test_mandate__wound_down__refused(bench: RelayBench, action: int) -> None:
    bench.wind_down()
    with refused("pool: wound down"):
        bench.act(bench.mandate(), action)


def test_mandate__token_calls_back__is_not_used_twice() -> None:
    """The relayer is the token itself: it could not be nearer to the door."""
    bench = on_hostile_token()
    token, relay = bench.system.token, bench.system.relay
    inner = bench.mandate(relayer=token.address)
    token.call_back(
        relay,
        relay.act_by_mandate.prepare_calldata(
            inner.argument(), bench.sign(inner), 0, DEPOSIT, WEI, 9
        ),
    )
    bench.act(bench.mandate(), amount=10 * WEI)
    assert (token.attempts(), token.successes()) == (1, 0)
    assert bench.used(inner) == (0, 0, False)
    assert bench.used(bench.mandate()) == (10 * WEI, 0, False)


# --- the bytes that are signed ---

numbers = st.one_of(st.integers(0, 10), st.integers(0, 2**256 - 1), st.just(2**256 - 1))
addresses = st.integers(0, 2**160 - 1).map(lambda number: f"0x{number:040x}")


@given(
    owner=addresses,
    relayer=addresses,
    models=st.lists(numbers, max_size=64).map(tuple),
    max_deposit=numbers,
    max_release=numbers,
    expiry=numbers,
    salt=numbers,
)
def test_mandate_hash__any_mandate__equals_the_encoder(bench: RelayBench, **values: Any) -> None:
    mandate = StakeMandate(pool=bench.system.pool.address, **values)
    assert bench.system.relay.mandate_hash(mandate.argument()) == mandate.hash()


def test_mandate_use__unknown__zeros(bench: RelayBench) -> None:
    assert bench.used(bench.mandate(salt=7)) == (0, 0, False)
