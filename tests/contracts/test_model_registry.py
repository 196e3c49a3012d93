"""ModelRegistry: reserved names, fees, payout addresses, what the pool counts there."""

from typing import Any

import boa
import pytest
from assay_system import SUPPLY, compiled, refused
from eth_abi import encode
from eth_utils import keccak
from registry_bench import DAY, DELAY, FEE, NOBODY, SALT, RegistryBench, deploy_registry, name

from oracle.settlement.units import WEI_PER_UNIT

BAD_PAYOUTS = ["nobody", "pool", "token", "burn_vault", "registry"]


@pytest.fixture(scope="module")
def bench() -> RegistryBench:
    return deploy_registry()


@pytest.fixture
def owner(bench: RegistryBench) -> str:
    return bench.new_owner()


def address(bench: RegistryBench, who: str) -> str:
    if who == "nobody":
        return NOBODY
    named = getattr(bench, who)
    return named if isinstance(named, str) else named.address


# --- reservations ---


def test_commitment_of__name_owner_and_salt__is_the_hash_of_their_abi_encoding(
    bench: RegistryBench, owner: str
) -> None:
    encoded = encode(["bytes32", "address", "bytes32"], [name("a"), owner, SALT])
    assert bench.registry.commitment_of(name("a"), owner, SALT) == keccak(encoded)


def test_reserve__free__remembers_the_time(bench: RegistryBench, owner: str) -> None:
    commitment = bench.reserve(owner, "a")
    (log,) = bench.registry.get_logs()
    assert log.commitment == commitment
    assert bench.registry.reserved_at(commitment) == bench.now


def test_reserve__again__only_once_it_has_expired(bench: RegistryBench, owner: str) -> None:
    commitment = bench.reserve(owner, "a")
    for wait in (0, DAY):
        bench.warp(wait)
        with refused("registry: reserved"):
            bench.registry.reserve(commitment)
    bench.warp(1)
    bench.registry.reserve(commitment)
    assert bench.registry.reserved_at(commitment) == bench.now


@pytest.mark.parametrize("delay", [0, 3_601, 2**256 - 1])
def test_constructor__reserve_delay_zero_or_above_an_hour__refused(delay: int) -> None:
    with refused("registry: bad delay"):
        deploy_registry(reserve_delay=delay)


@pytest.mark.parametrize("delay", [60, 3_600])
def test_register__longer_delay__from_its_very_second_on(delay: int) -> None:
    bench = deploy_registry(reserve_delay=delay)
    owner = bench.new_owner()
    bench.reserve(owner, "a")
    bench.warp(delay - 1)
    with refused("registry: reserved just now"):
        bench.registry.register(name("a"), owner, SALT, sender=owner)
    bench.warp(1)
    assert bench.registry.register(name("a"), owner, SALT, sender=owner) == 0
    assert bench.registry.RESERVE_DELAY() == delay


def test_owners__pages__join_to_all_of_them(bench: RegistryBench) -> None:
    owners = [bench.new_owner() for _ in range(3)]
    for who in owners:
        bench.register(who)
    assert bench.registry.owners(0, 1024) == owners
    assert bench.registry.owners(0, 2) + bench.registry.owners(2, 2**256 - 1) == owners
    assert bench.registry.owners(3, 5) == bench.registry.owners(0, 0) == []


@pytest.mark.parametrize(
    ("wait", "reason"),
    [
        (0, "registry: reserved just now"),
        (1, None),
        (DAY, None),
        (DAY + 1, "registry: reservation expired"),
    ],
)
def test_register__age_of_the_reservation__from_the_next_second_for_a_day(
    bench: RegistryBench, owner: str, wait: int, reason: str | None
) -> None:
    commitment = bench.reserve(owner, "a")
    reserved_at = bench.now
    bench.warp(wait)
    if reason is None:
        assert bench.registry.register(name("a"), owner, SALT, sender=owner) == 0
        assert bench.registry.reserved_at(commitment) == 0
    else:
        with refused(reason):
            bench.registry.register(name("a"), owner, SALT, sender=owner)
        assert bench.registry.reserved_at(commitment) == reserved_at


def test_register__expired_reservation__good_again_once_renewed(
    bench: RegistryBench, owner: str
) -> None:
    bench.reserve(owner, "a")
    bench.warp(DAY + 1)
    bench.reserve(owner, "a")
    bench.warp(1)
    assert bench.registry.register(name("a"), owner, SALT, sender=owner) == 0


@pytest.mark.parametrize("changed", ["nothing reserved", "name", "salt", "owner"])
def test_register__not_what_was_reserved__refused(
    bench: RegistryBench, owner: str, changed: str
) -> None:
    if changed != "nothing reserved":
        bench.reserve(owner, "a")
    bench.warp(1)
    name_hash = name("b") if changed == "name" else name("a")
    salt = b"\x06" * 32 if changed == "salt" else SALT
    sender = bench.new_owner() if changed == "owner" else owner
    with refused("registry: not reserved"):
        bench.registry.register(name_hash, owner, salt, sender=sender)


def test_register__reservation_used__is_gone(bench: RegistryBench, owner: str) -> None:
    """A name stays taken; what is left of its reservation is the zero that it began with."""
    commitment = bench.reserve(owner, "a")
    bench.warp(1)
    bench.registry.register(name("a"), owner, SALT, sender=owner)
    assert bench.registry.reserved_at(commitment) == 0
    bench.registry.reserve(commitment, sender=owner)
    bench.warp(1)
    with refused("registry: name taken"):
        bench.registry.register(name("a"), owner, SALT, sender=owner)


# --- attackers who watch waiting transactions ---


def test_register__name_copied_from_a_waiting_transaction__its_owner_comes_first(
    bench: RegistryBench, owner: str
) -> None:
    thief = bench.new_owner()
    bench.reserve(owner, "a")
    bench.warp(1)
    with refused("registry: not reserved"):
        bench.registry.register(name("a"), thief, SALT, sender=thief)
    bench.reserve(thief, "a")
    with refused("registry: reserved just now"):
        bench.registry.register(name("a"), thief, SALT, sender=thief)
    model = bench.registry.register(name("a"), owner, SALT, sender=owner)
    bench.warp(1)
    with refused("registry: name taken"):
        bench.registry.register(name("a"), thief, SALT, sender=thief)
    assert bench.registry.owner_of(model) == owner
    assert bench.token.balanceOf(thief) == 100 * FEE


def test_register__commitment_reserved_first_by_a_stranger__serves_its_owner_all_the_same(
    bench: RegistryBench, owner: str, stranger: str
) -> None:
    commitment = bench.reserve(owner, "a", sender=stranger)
    with refused("registry: reserved"):
        bench.registry.reserve(commitment, sender=owner)
    bench.warp(1)
    assert bench.registry.register(name("a"), owner, SALT, sender=owner) == 0


def test_register__commitment_reserved_again_by_a_stranger__stays_as_old_as_it_was(
    bench: RegistryBench, owner: str, stranger: str
) -> None:
    bench.reserve(owner, "a")
    bench.warp(1)
    with refused("registry: reserved"):
        bench.reserve(owner, "a", sender=stranger)
    assert bench.registry.register(name("a"), owner, SALT, sender=owner) == 0


# --- registration and its fee ---


def test_register__two_models__ids_count_from_zero(bench: RegistryBench, owner: str) -> None:
    payout = boa.env.generate_address()
    assert bench.register(owner, payout) == 0
    (log,) = [log for log in bench.registry.get_logs() if hasattr(log, "name_hash")]
    assert (log.model, log.owner, log.name_hash, log.payout) == (0, owner, name("model 0"), payout)
    assert bench.register(owner) == 1
    registry = bench.registry
    assert registry.count() == 2
    assert [registry.id_of(name(f"model {i}")) for i in range(2)] == [0, 1]
    assert [registry.payout_of(i) for i in range(2)] == [payout, owner]
    assert registry.owner_of(0) == owner
    assert (registry.nonce_of(0), registry.version_of(0)) == (0, 0)
    assert registry.payout_change_of(0) == registry.offer_of(0) == (NOBODY, 0)


def test_register__bad_name__refused(bench: RegistryBench, owner: str) -> None:
    with refused("registry: zero name"):
        bench.registry.register(bytes(32), owner, SALT, sender=owner)
    bench.register(owner)
    with refused("registry: name taken"):
        bench.registry.register(name("model 0"), owner, SALT, sender=bench.new_owner())


@pytest.mark.parametrize("who", BAD_PAYOUTS)
def test_payout__address_that_cannot_spend__refused(
    bench: RegistryBench, owner: str, who: str
) -> None:
    bad = address(bench, who)
    bench.reserve(owner, "a")
    bench.warp(1)
    with refused("registry: bad payout"):
        bench.registry.register(name("a"), bad, SALT, sender=owner)
    model = bench.register(owner)
    with refused("registry: bad payout"):
        bench.registry.set_payout(model, bad, sender=owner)


def test_register__all_ids_taken__refused(bench: RegistryBench, owner: str) -> None:
    slot = bench.registry.compiler_data.storage_layout["storage_layout"]["count"]["slot"]
    boa.env.set_storage(bench.registry.address, slot, 2**20 - 1)
    assert bench.register(owner) == 2**20 - 1
    with refused("registry: full"):
        bench.register(owner)


def test_register__fee__goes_to_the_burn_vault_exactly(bench: RegistryBench, owner: str) -> None:
    bench.register(owner)
    bench.register(owner)
    token, registry = bench.token, bench.registry
    assert token.balanceOf(bench.burn_vault) == 2 * FEE
    assert token.balanceOf(owner) == token.allowance(owner, registry) == 98 * FEE
    assert token.balanceOf(registry) == 0


@pytest.mark.parametrize(
    ("tokens", "allowed", "reason"),
    [
        (FEE, FEE - 1, "token: allowance too low"),
        (FEE - 1, FEE, "token: balance too low"),
        (FEE, FEE, None),
    ],
)
def test_register__fee_not_there__nothing_is_registered(
    bench: RegistryBench, stranger: str, tokens: int, allowed: int, reason: str | None
) -> None:
    bench.token.transfer(stranger, tokens)
    bench.token.approve(bench.registry, allowed, sender=stranger)
    commitment = bench.reserve(stranger, "a")
    bench.warp(1)
    if reason is None:
        bench.registry.register(name("a"), stranger, SALT, sender=stranger)
        assert bench.token.balanceOf(stranger) == 0
        return
    with refused(reason):
        bench.registry.register(name("a"), stranger, SALT, sender=stranger)
    assert bench.registry.count() == 0
    assert bench.registry.reserved_at(commitment) == bench.now - 1
    with refused("registry: unknown name"):
        bench.registry.id_of(name("a"))


def test_register__token_answers_false__nothing_is_registered() -> None:
    bench = deploy_registry(compiled("tests/contracts/hostile/SilentToken.vy").deploy())
    commitment = bench.reserve(boa.env.eoa, "a")
    bench.warp(1)
    with refused("registry: fee not paid"):
        bench.registry.register(name("a"), boa.env.eoa, SALT)
    assert bench.registry.count() == 0
    assert bench.registry.reserved_at(commitment) == bench.now - 1


@pytest.mark.parametrize("call", ["reserve", "register", "count", "owner_of"])
def test_register__token_calls_back__is_locked_out(call: str) -> None:
    token = compiled("tests/contracts/hostile/HostileToken.vy").deploy(SUPPLY * WEI_PER_UNIT)
    bench = deploy_registry(token)
    owner, registry = bench.new_owner(), bench.registry
    arguments: dict[str, tuple[Any, ...]] = {
        "reserve": (b"\x01" * 32,),
        "register": (name("b"), owner, SALT),
        "count": (),
        "owner_of": (0,),
    }
    bench.reserve(token.address, "b")
    token.call_back(registry, getattr(registry, call).prepare_calldata(*arguments[call]))
    bench.register(owner)
    assert (token.attempts(), token.successes()) == (1, 0)
    assert registry.count() == 1


# --- payout addresses ---


def test_set_payout__before_and_after_delay__changes_at_the_second(
    bench: RegistryBench, owner: str
) -> None:
    model = bench.register(owner)
    new = boa.env.generate_address()
    bench.registry.set_payout(model, new, sender=owner)
    (log,) = bench.registry.get_logs()
    assert (log.model, log.payout, log.effective_at) == (model, new, bench.now + DELAY)
    assert bench.registry.payout_change_of(model) == (new, bench.now + DELAY)
    bench.warp(DELAY - 1)
    assert bench.registry.payout_of(model) == bench.use_claim(model) == owner
    bench.warp(1)
    assert bench.registry.payout_of(model) == bench.use_claim(model) == new


def test_set_payout__second_request__replaces_a_waiting_one_and_starts_from_one_in_force(
    bench: RegistryBench, owner: str
) -> None:
    model = bench.register(owner)
    first, second, third = (boa.env.generate_address() for _ in range(3))
    bench.registry.set_payout(model, first, sender=owner)
    bench.warp(DELAY - 1)
    bench.registry.set_payout(model, second, sender=owner)
    bench.warp(DELAY - 1)
    assert bench.registry.payout_of(model) == owner
    bench.warp(1)
    bench.registry.set_payout(model, third, sender=owner)
    assert bench.registry.payout_of(model) == second


def test_set_payout__claims_counted_before__are_kept(bench: RegistryBench, owner: str) -> None:
    model = bench.register(owner)
    for _ in range(3):
        bench.use_claim(model)
    bench.registry.set_payout(model, boa.env.eoa, sender=owner)
    assert (bench.registry.nonce_of(model), bench.registry.version_of(model)) == (0, 3)


def test_set_payout__not_owner__refused(bench: RegistryBench, owner: str, stranger: str) -> None:
    model = bench.register(owner, stranger)
    with refused("registry: not owner"):
        bench.registry.set_payout(model, stranger, sender=stranger)


# --- the pool ---


@pytest.mark.parametrize("call", ["use_nonce", "use_claim"])
def test_pool_call__not_pool__refused(bench: RegistryBench, owner: str, call: str) -> None:
    model = bench.register(owner)
    with refused("registry: not pool"):
        getattr(bench.registry, call)(model, sender=owner)


def test_use_nonce__pool__answers_owner_and_the_nonce_used_up(
    bench: RegistryBench, owner: str
) -> None:
    model, other = bench.register(owner, boa.env.eoa), bench.register(owner)
    assert bench.use_nonce(model) == (owner, 0)
    assert bench.use_nonce(model) == (owner, 1)
    assert bench.registry.nonce_of(model) == bench.registry.version_of(model) == 2
    assert bench.registry.nonce_of(other) == bench.registry.version_of(other) == 0


def test_use_claim__pool__answers_payout_and_leaves_the_nonce(
    bench: RegistryBench, owner: str
) -> None:
    model = bench.register(owner, boa.env.eoa)
    bench.use_nonce(model)
    assert [bench.use_claim(model) for _ in range(2)] == [boa.env.eoa] * 2
    assert (bench.registry.nonce_of(model), bench.registry.version_of(model)) == (1, 3)
    assert bench.registry.owner_of(model) == owner


@pytest.mark.ignore_isolation
def test_use_claim__no_change_in_force__touches_one_slot() -> None:
    """What makes claims cheap: the first touch of a slot costs 2,100 gas, its change 2,900."""
    with boa.swap_env(boa.Env()):
        bench = deploy_registry()
        owner = bench.new_owner()
        model = bench.register(owner)
        bench.use_claim(model)
        assert gas_of_claim(bench, model) < 2_100 + 2_900 + 2_100
        bench.registry.set_payout(model, boa.env.eoa, sender=owner)
        assert gas_of_claim(bench, model) < 2_100 + 2_900 + 2_100
        bench.warp(DELAY)
        assert 2_100 + 2_900 + 2_100 < gas_of_claim(bench, model) < 2_100 + 2_900 + 2 * 2_100


def gas_of_claim(bench: RegistryBench, model: int) -> int:
    """Gas of the call alone, as the first of a transaction to touch the registry's storage."""
    boa.env.evm.vm.state.lock_changes()
    bench.use_claim(model)
    return bench.registry._computation.get_gas_used()


# --- views ---


@pytest.mark.parametrize(
    "call",
    [
        *("owner_of", "nonce_of", "version_of", "payout_of", "payout_change_of", "offer_of"),
        *("set_payout", "offer", "accept", "use_nonce", "use_claim"),
    ],
)
def test_any_call__unknown_model__refused(bench: RegistryBench, owner: str, call: str) -> None:
    bench.register(owner)
    arguments: dict[str, list[Any]] = {"set_payout": [owner], "offer": [NOBODY], "accept": [0]}
    sender = bench.pool if call.startswith("use_") else owner
    with refused("registry: unknown model"):
        getattr(bench.registry, call)(1, *arguments.get(call, []), sender=sender)


def test_id_of__unknown_name__refused(bench: RegistryBench) -> None:
    with refused("registry: unknown name"):
        bench.registry.id_of(name("nobody"))


# --- construction ---


def test_constructor__what_was_given__is_shown(bench: RegistryBench) -> None:
    registry = bench.registry
    shown = (registry.POOL(), registry.TOKEN(), registry.BURN_VAULT(), registry.FEE())
    assert shown == (bench.pool, bench.token.address, bench.burn_vault, FEE)
    assert (registry.PAYOUT_DELAY(), registry.RESERVATION_LIFE()) == (DELAY, DAY)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_constructor__zero_address__refused(missing: int) -> None:
    arguments = [boa.env.eoa] * 3
    arguments[missing] = NOBODY
    with refused("registry: zero address"):
        compiled("contracts/polygon/ModelRegistry.vy").deploy(*arguments, FEE, 1)


@pytest.mark.parametrize("fee", [0, 1, WEI_PER_UNIT - 1, FEE + 1])
def test_constructor__fee_zero_or_not_whole_units__refused(fee: int) -> None:
    with refused("registry: bad fee"):
        compiled("contracts/polygon/ModelRegistry.vy").deploy(*[boa.env.eoa] * 3, fee, 1)
