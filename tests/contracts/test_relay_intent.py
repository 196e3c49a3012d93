"""StakeRelay: one request that its owner signed and anybody sends, once, unchanged."""

import json
from dataclasses import fields, replace
from typing import Any

import boa
import pytest
from assay_system import ALL_WEI, NEVER, compiled, refused
from golden import formats
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

from oracle.settlement.intents import StakeIntent
from oracle.settlement.typed_data import digest
from oracle.settlement.units import RELEASE_ALL, TAKE_PROFIT

UNSIGNED = "intent: not signed by the owner"


@pytest.fixture(scope="module")
def bench() -> RelayBench:
    return deploy_relay()


# --- what it does ---


def test_relay__deposit__comes_from_the_owners_allowance(bench: RelayBench) -> None:
    before = bench.system.token.balanceOf(bench.owner.address)
    assert bench.send(bench.intent()) == 1
    assert bench.request() == (5 * NMR, 0, 0)
    assert bench.system.token.balanceOf(bench.owner.address) == before - 5 * WEI
    assert bench.system.token.balanceOf(bench.system.pool) == 5 * WEI


def test_relay__release_and_mode__join_the_queue(bench: RelayBench) -> None:
    assert bench.send(bench.intent(action=RELEASE, amount=2 * WEI)) == 1
    assert bench.send(bench.intent(action=MODE, amount=TAKE_PROFIT)) == 1
    assert bench.request() == (0, 2 * NMR, TAKE_PROFIT)
    bench.send(bench.intent(action=RELEASE, amount=ALL_WEI))
    assert bench.request() == (0, RELEASE_ALL, TAKE_PROFIT)


def test_relay__each_action__raises_the_nonce_once_and_is_logged(bench: RelayBench) -> None:
    actions = [(DEPOSIT, "Deposited"), (RELEASE, "ReleaseRequested"), (MODE, "ModeRequested")]
    for nonce, (action, event) in enumerate(actions):
        assert bench.nonce() == nonce
        bench.send(bench.intent(action=action, amount=1 if action == MODE else WEI))
        used, asked, *_ = bench.system.relay.get_logs()
        assert (used.model, used.owner, used.nonce) == (0, bench.owner.address, nonce)
        assert type(asked).__name__ == event
    assert (bench.nonce(), bench.system.registry.version_of(0)) == (3, 3)


def test_relay__stake_and_release__reach_nobody_but_the_payout_address(bench: RelayBench) -> None:
    """Neither who sends, nor the relay, nor the owner gets a token of it."""
    system = bench.system
    bench.send(bench.intent())
    system.announce(1)
    bench.send(bench.intent(action=RELEASE, amount=ALL_WEI))
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
    "model": 1,
    "action": RELEASE,
    "amount": 5 * WEI + 10**9,
    "max_round": 10,
    "nonce": 1,
    "deadline": 2**40,
}
EACH_FIELD = pytest.mark.parametrize("name", [field.name for field in fields(StakeIntent)])


@EACH_FIELD
def test_relay__signed_with_another_value__refused(bench: RelayBench, name: str) -> None:
    intent = bench.intent()
    signed = bench.sign(replace(intent, **{name: CHANGES[name]}))
    with refused(UNSIGNED):
        bench.send(intent, signed)
    assert bench.send(intent) == 1


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in {"pool", "nonce"}])
def test_relay__value_changed_after_signing__refused(bench: RelayBench, name: str) -> None:
    intent = bench.intent()
    with refused(UNSIGNED):
        bench.send(replace(intent, **{name: CHANGES[name]}), bench.sign(intent))


@pytest.mark.parametrize("place", ["chain", "contract"])
def test_relay__signed_for_another_domain__refused(bench: RelayBench, place: str) -> None:
    intent, here = bench.intent(), bench.domain
    there = {
        "chain": replace(here, chain_id=here.chain_id + 1),
        "contract": replace(here, contract=bench.system.pool.address),
    }[place]
    with refused(UNSIGNED):
        bench.send(intent, bench.sign(intent, domain=there))


def test_relay__chain_forked_after_deployment__only_the_new_domain_counts(
    bench: RelayBench,
) -> None:
    intent, old = bench.intent(), bench.domain
    boa.env.evm.patch.chain_id = old.chain_id + 1
    with refused(UNSIGNED):
        bench.send(intent, bench.sign(intent, domain=old))
    assert bench.send(intent) == 1


def test_relay__twin_system_on_the_chain__refused(bench: RelayBench) -> None:
    """Another tournament, with the same owner, ids and nonces."""
    twin = deploy_relay()
    intent = bench.intent()
    with refused(UNSIGNED):
        twin.send(replace(intent, pool=twin.system.pool.address), bench.sign(intent))
    with refused(UNSIGNED):
        twin.send(intent, bench.sign(intent))


@pytest.mark.parametrize("signer", ["other owner", "stranger"])
def test_relay__other_signer__refused(bench: RelayBench, signer: str) -> None:
    by = {"other owner": bench.other, "stranger": account("stranger")}[signer]
    with refused(UNSIGNED):
        bench.send(bench.intent(), bench.sign(bench.intent(), by=by))


@pytest.mark.parametrize("name", BAD_ENCODINGS)
def test_relay__other_encoding__refused(bench: RelayBench, name: str) -> None:
    intent = bench.intent()
    change, reason = BAD_ENCODINGS[name]
    with refused(reason):
        bench.send(intent, change(bench.sign(intent)))


def test_relay__unknown_model__refused(bench: RelayBench) -> None:
    with refused("registry: unknown model"):
        bench.send(replace(bench.intent(), model=4))


@pytest.mark.parametrize("action", [0, 4, 2**255])
def test_relay__unknown_action__refused(bench: RelayBench, action: int) -> None:
    with refused("intent: action"):
        bench.send(bench.intent(action=action))


# --- once, and in time ---


def test_relay__again__refused(bench: RelayBench) -> None:
    intent = bench.intent()
    bench.send(intent)
    with refused("intent: nonce"):
        bench.send(intent)
    bench.send(bench.intent())
    assert bench.request() == (10 * NMR, 0, 0)


def test_relay__nonce_ahead__refused_until_it_is_due(bench: RelayBench) -> None:
    later = bench.intent(nonce=1)
    with refused("intent: nonce"):
        bench.send(later)
    bench.send(bench.intent())
    bench.send(later)


def owner_acts(bench: RelayBench, action: str) -> None:
    """The owner does something about model 0 by itself, or through the relay."""
    pool, registry, owner = bench.system.pool, bench.system.registry, bench.owner.address
    match action:
        case "release":
            pool.request_release(0, WEI, NEVER, sender=owner)
        case "mode":
            pool.set_mode(0, TAKE_PROFIT, NEVER, sender=owner)
        case "offer":
            registry.offer(0, bench.other.address, sender=owner)
        case "withdrawn offer":
            registry.offer(0, "0x" + "00" * 20, sender=owner)
        case "other intent":
            bench.send(bench.intent(amount=WEI))
        case "mandate":
            bench.act(bench.mandate())
        case "deposit":
            pool.deposit(0, WEI, NEVER, sender=owner)
        case "payout":
            registry.set_payout(0, bench.other.address, sender=owner)
        case "other model":
            pool.request_release(1, WEI, NEVER, sender=owner)


@pytest.mark.parametrize(
    "action", ["release", "mode", "offer", "withdrawn offer", "other intent", "mandate"]
)
def test_relay__owner_acted_in_between__refused(bench: RelayBench, action: str) -> None:
    """So an owner takes an intent back by any other action of the model."""
    intent = bench.intent()
    owner_acts(bench, action)
    assert bench.nonce() == 1
    with refused("intent: nonce"):
        bench.send(intent)


@pytest.mark.parametrize("action", ["deposit", "payout", "other model"])
def test_relay__something_else_in_between__still_good(bench: RelayBench, action: str) -> None:
    intent = bench.intent()
    owner_acts(bench, action)
    assert bench.nonce() == 0
    bench.send(intent)


def test_relay__stranger_claims_in_between__still_good(bench: RelayBench) -> None:
    """Nobody but the owner can make an intent void: a claim counts in the version only."""
    system = bench.system
    bench.send(bench.intent())
    system.announce(1)
    bench.send(bench.intent(action=RELEASE, amount=WEI))
    system.warp(system.now + 500)
    system.pool.drain(1, 9)
    intent, version = bench.intent(), system.registry.version_of(0)
    system.pool.claim(0, sender=boa.env.generate_address())
    assert system.registry.version_of(0) == version + 1
    assert bench.send(intent) == 2


def test_relay__at_the_deadline_and_a_second_later__good_and_refused(bench: RelayBench) -> None:
    intent = bench.intent()
    bench.system.warp(intent.deadline + 1)
    with refused("intent: expired"):
        bench.send(intent)
    bench.system.warp(intent.deadline)
    assert bench.send(intent) == 1


def test_relay__round_passed__refused(bench: RelayBench) -> None:
    bench.system.announce(1)
    intent = bench.intent(max_round=1)
    bench.system.warp(bench.system.now + 500)
    with refused("pool: round passed"):
        bench.send(intent)
    assert bench.send(bench.intent(max_round=2)) == 2


# --- whose tokens, whose model ---


def test_relay__without_allowance__refused_and_not_used_up(bench: RelayBench) -> None:
    token, intent = bench.system.token, bench.intent()
    token.approve(bench.system.pool, 5 * WEI - 1, sender=bench.owner.address)
    with refused("token: allowance too low"):
        bench.send(intent)
    assert (bench.nonce(), bench.request()) == (0, (0, 0, 0))
    token.approve(bench.system.pool, 5 * WEI, sender=bench.owner.address)
    bench.send(intent)


def test_relay__relay_has_the_allowance_instead__refused(bench: RelayBench) -> None:
    """The pool takes the tokens; nobody has to trust the relay with any."""
    bench.system.token.approve(bench.system.pool, 0, sender=bench.owner.address)
    bench.system.token.approve(bench.system.relay, ALL_WEI, sender=bench.owner.address)
    with refused("token: allowance too low"):
        bench.send(bench.intent())


def test_relay__model_handed_over__former_owners_word_is_void(bench: RelayBench) -> None:
    """Signed before the offer, and signed for the nonce after it."""
    deadline = bench.system.now + 10**6
    before, after = bench.intent(deadline=deadline), bench.intent(nonce=1, deadline=deadline)
    bench.hand_over(0, bench.other)
    with refused("intent: nonce"):
        bench.send(before)
    with refused(UNSIGNED):
        bench.send(after)
    balance = bench.system.token.balanceOf(bench.other.address)
    bench.send(after, bench.sign(after, by=bench.other))
    assert bench.system.token.balanceOf(bench.other.address) == balance - 5 * WEI


# --- what the pool refuses ---


@pytest.mark.parametrize(
    ("action", "amount", "reason"),
    [
        (DEPOSIT, WEI + 1, "pool: not whole units"),
        (DEPOSIT, WEI // 10 - 10**9, "pool: below minimum"),
        (DEPOSIT, ALL_WEI, "pool: not whole units"),
        (RELEASE, WEI + 1, "pool: not whole units"),
        (RELEASE, 0, "pool: below minimum"),
        (MODE, 0, "pool: mode"),
        (MODE, 3, "pool: mode"),
    ],
)
def test_relay__bad_amount__refused(
    bench: RelayBench, action: int, amount: int, reason: str
) -> None:
    with refused(reason):
        bench.send(bench.intent(action=action, amount=amount))
    assert bench.nonce() == 0


def test_relay__paused__deposits_wait_and_the_rest_goes_on(bench: RelayBench) -> None:
    system = bench.system
    system.oracle.pause(sender=system.guardian)
    deposit = bench.intent()
    with refused("pool: paused"):
        bench.send(deposit)
    system.warp(system.now + system.clocks.pause)
    bench.send(deposit)
    system.warp(system.now + system.clocks.pause_cooldown)
    system.oracle.pause(sender=system.guardian)
    bench.send(bench.intent(action=RELEASE, amount=WEI))
    bench.send(bench.intent(action=MODE, amount=TAKE_PROFIT))
    assert bench.request() == (5 * NMR, NMR, TAKE_PROFIT)


@pytest.mark.parametrize(("action", "amount"), [(DEPOSIT, WEI), (RELEASE, WEI), (MODE, 1)])
def test_relay__wound_down__refused(bench: RelayBench, action: int, amount: int) -> None:
    bench.wind_down()
    with refused("pool: wound down"):
        bench.send(bench.intent(action=action, amount=amount))


def test_act__anyone_but_the_relay__refused(bench: RelayBench) -> None:
    system = bench.system
    senders = [bench.owner.address, bench.relayer, system.announcer, system.guardian]
    senders += [system.governor, system.oracle.address, system.registry.address]
    for sender in senders:
        for action in (DEPOSIT, RELEASE, MODE):
            with refused("pool: not relay"):
                system.pool.act(0, action, WEI, NEVER, sender=sender)


@pytest.mark.parametrize("action", [0, 4])
def test_act__unknown_action_even_from_the_relay__refused(bench: RelayBench, action: int) -> None:
    with refused("pool: action"):
        bench.system.pool.act(0, action, WEI, NEVER, sender=bench.system.relay.address)


def test_relay__token_calls_back__every_door_is_locked() -> None:
    bench = on_hostile_token()
    system = bench.system
    again = bench.intent(nonce=1, amount=WEI)
    mandate = bench.mandate(relayer=system.token.address)
    calls = [
        (system.relay, system.relay.relay.prepare_calldata(again.argument(), bench.sign(again))),
        (
            system.relay,
            system.relay.act_by_mandate.prepare_calldata(
                mandate.argument(), bench.sign(mandate), 0, DEPOSIT, WEI, NEVER
            ),
        ),
        (system.relay, system.relay.revoke_mandate.prepare_calldata(mandate.hash())),
        (system.pool, system.pool.claim.prepare_calldata(0)),
    ]
    for count, (target, data) in enumerate(calls, start=1):
        system.token.call_back(target, data)
        bench.send(bench.intent(amount=WEI))
        assert (system.token.attempts(), system.token.successes()) == (count, 0)
    assert bench.request() == (len(calls) * NMR, 0, 0)


# --- construction, and the bytes that are signed ---


def test_constructor__zero_address__refused() -> None:
    nobody, somebody = "0x" + "00" * 20, "0x" + "11" * 20
    for peers in [(nobody, somebody), (somebody, nobody)]:
        with refused("relay: zero address"):
            compiled("contracts/polygon/StakeRelay.vy").deploy(*peers)


def test_views__of_the_peers__are_the_tournaments(bench: RelayBench) -> None:
    relay = bench.system.relay
    assert relay.POOL() == bench.system.pool.address
    assert relay.REGISTRY() == bench.system.registry.address


numbers = st.one_of(st.integers(0, 10), st.integers(0, 2**256 - 1), st.just(2**256 - 1))


@given(
    values=st.fixed_dictionaries({name: numbers for name in CHANGES if name != "pool"}),
    chain_id=st.integers(1, 2**63),
)
def test_intent_digest__any_intent__equals_the_encoder(
    bench: RelayBench, values: dict[str, int], chain_id: int
) -> None:
    boa.env.evm.patch.chain_id = chain_id
    intent = StakeIntent(pool=bench.system.pool.address, **values)
    assert bench.system.relay.intent_digest(intent.argument()) == digest(intent, bench.domain)


def test_views__golden_structs__golden_bytes() -> None:
    """A StakeRelay at the address and on the chain of the golden file."""
    golden = json.loads(formats.PATH.read_text())
    boa.env.evm.patch.chain_id = 731371
    relay = compiled("contracts/polygon/StakeRelay.vy").deploy(
        formats.POOL, formats.ORACLE, override_address=formats.RELAY
    )
    digest_there = relay.intent_digest(formats.STAKE_INTENT.argument())
    assert "0x" + digest_there.hex() == golden["stake_intent"]["digest"]
    hash_there = relay.mandate_hash(formats.STAKE_MANDATE.argument())
    assert "0x" + hash_there.hex() == golden["mandate_hash"]
