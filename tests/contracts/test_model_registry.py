"""ModelRegistry: ids, names, payout addresses, nonces."""

import boa
import pytest
from assay_system import System, refused
from eth_utils import keccak

DELAY = 48 * 3600


def name(text: str) -> bytes:
    return keccak(text=text)


def test_register__two_models__ids_count_from_zero(system: System, stranger: str) -> None:
    payout = boa.env.generate_address()
    assert system.registry.register(name("a"), payout, sender=stranger) == 0
    (log,) = system.registry.get_logs()
    assert (log.model, log.owner, log.name_hash, log.payout) == (0, stranger, name("a"), payout)
    assert system.registry.register(name("b"), stranger, sender=stranger) == 1
    assert system.registry.count() == 2
    assert system.registry.owner_of(0) == stranger
    assert system.registry.payout_of(0) == payout
    assert system.registry.nonce_of(0) == 0
    assert system.registry.id_of(name("b")) == 1
    assert system.registry.payout_change_of(1) == ("0x" + "00" * 20, 0)


def test_register__bad_name__refused(system: System, stranger: str) -> None:
    with refused("registry: zero name"):
        system.registry.register(bytes(32), stranger)
    system.registry.register(name("a"), stranger)
    with refused("registry: name taken"):
        system.registry.register(name("a"), stranger, sender=stranger)


@pytest.mark.parametrize("who", ["zero", "pool", "token"])
def test_payout__address_that_cannot_spend__refused(system: System, who: str) -> None:
    bad = "0x" + "00" * 20 if who == "zero" else getattr(system, who).address
    with refused("registry: bad payout"):
        system.registry.register(name("a"), bad)
    model = system.registry.register(name("a"), boa.env.eoa)
    with refused("registry: bad payout"):
        system.registry.set_payout(model, bad)


def test_register__all_ids_taken__refused(system: System) -> None:
    slot = system.registry.compiler_data.storage_layout["storage_layout"]["count"]["slot"]
    boa.env.set_storage(system.registry.address, slot, 2**20 - 1)
    assert system.registry.register(name("last"), boa.env.eoa) == 2**20 - 1
    with refused("registry: full"):
        system.registry.register(name("one too many"), boa.env.eoa)


def test_set_payout__before_and_after_delay__changes_at_the_second(
    system: System, stranger: str
) -> None:
    model = system.registry.register(name("a"), stranger, sender=stranger)
    new = boa.env.generate_address()
    system.registry.set_payout(model, new, sender=stranger)
    (log,) = system.registry.get_logs()
    assert (log.model, log.payout, log.effective_at) == (model, new, system.now + DELAY)
    assert system.registry.payout_change_of(model) == (new, system.now + DELAY)
    system.warp(system.now + DELAY - 1)
    assert system.registry.payout_of(model) == stranger
    system.warp(system.now + 1)
    assert system.registry.payout_of(model) == new


def test_set_payout__second_request__replaces_a_waiting_one_and_starts_from_one_in_force(
    system: System, stranger: str
) -> None:
    model = system.registry.register(name("a"), stranger, sender=stranger)
    first, second, third = (boa.env.generate_address() for _ in range(3))
    system.registry.set_payout(model, first, sender=stranger)
    system.warp(system.now + DELAY - 1)
    system.registry.set_payout(model, second, sender=stranger)
    system.warp(system.now + DELAY - 1)
    assert system.registry.payout_of(model) == stranger
    system.warp(system.now + 1)
    system.registry.set_payout(model, third, sender=stranger)
    assert system.registry.payout_of(model) == second


def test_set_payout__not_owner__refused(system: System, stranger: str) -> None:
    model = system.registry.register(name("a"), boa.env.eoa)
    with refused("registry: not owner"):
        system.registry.set_payout(model, stranger, sender=stranger)


@pytest.mark.parametrize("call", ["use_nonce", "use_nonce_for_claim"])
def test_use_nonce__not_pool__refused(system: System, call: str) -> None:
    model = system.registry.register(name("a"), boa.env.eoa)
    with refused("registry: not pool"):
        getattr(system.registry, call)(model)


def test_use_nonce__pool__raises_it_and_answers(system: System, stranger: str) -> None:
    payout = boa.env.generate_address()
    model = system.registry.register(name("a"), payout, sender=stranger)
    pool = system.pool.address
    assert system.registry.use_nonce(model, sender=pool) == stranger
    assert system.registry.use_nonce_for_claim(model, sender=pool) == payout
    assert system.registry.nonce_of(model) == 2
    assert system.registry.owner_of(model) == stranger


@pytest.mark.parametrize(
    "view", ["owner_of", "nonce_of", "payout_of", "payout_change_of", "set_payout", "use_nonce"]
)
def test_any_call__unknown_model__refused(system: System, view: str) -> None:
    arguments = [boa.env.eoa] if view == "set_payout" else []
    sender = system.pool.address if view == "use_nonce" else boa.env.eoa
    with refused("registry: unknown model"):
        getattr(system.registry, view)(system.registry.count(), *arguments, sender=sender)


def test_id_of__unknown_name__refused(system: System) -> None:
    with refused("registry: unknown name"):
        system.registry.id_of(name("nobody"))


@pytest.mark.parametrize("missing", [0, 1])
def test_constructor__zero_address__refused(system: System, missing: int) -> None:
    from assay_system import compiled

    arguments = [system.pool.address, system.token.address]
    arguments[missing] = "0x" + "00" * 20
    with refused("registry: zero address"):
        compiled("contracts/polygon/ModelRegistry.vy").deploy(*arguments)
