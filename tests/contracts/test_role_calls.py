"""Operators, announcer, guardian and governor together: stake goes to its model's payout address or
to the burn, whatever they call."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import boa
import pytest
from assay_system import TEMPLATE, System
from eth_utils import keccak
from ledger import Ledger
from malice import (
    ALL,
    CRONY,
    HARM,
    NEIGHBOUR,
    NMR,
    STAKE,
    TWENTIETH,
    VICTIM,
    build,
    clipped,
    close_rounds,
    cronies,
)

from oracle.settlement.batches import chain
from oracle.settlement.units import MAX_AMOUNT, WEI_PER_UNIT

ANY = 2**256 - 1


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    with ledger.recording():
        yield ledger


def paid_by_the_pool(ledger: Ledger, system: System) -> dict[str, int]:
    """Wei that left the pool, by receiver, as the token's logs show."""
    ledger.watch(system.token)
    paid: dict[str, int] = {}
    for transaction in ledger.unread():
        for log in transaction.logs:
            if log.event == "Transfer" and log.arguments["sender"] == system.pool.address:
                receiver = log.arguments["receiver"]
                paid[receiver] = paid.get(receiver, 0) + log.arguments["value"]
    return paid


def test_roles__all_of_them_together__stake_goes_to_payout_addresses_or_the_burn(
    make_system: Callable[..., System], ledger: Ledger
) -> None:
    """The governor makes the worst rule there can be and names cronies for every role; they
    take everything that is not released, and get nothing of it but the vault."""
    system = build(make_system, vault=10 * NMR)
    oracle, governor = system.oracle, system.governor
    close_rounds(system, 2, 2)
    system.request_release(VICTIM, None)
    crony = system.owner(CRONY)
    worst = replace(TEMPLATE, multipliers=(10**8,) * 3, clip_up=ALL, clip_down=ALL, kappa=10**6)
    oracle.add_template(
        (worst.kinds, worst.multipliers, ALL, ALL, worst.threshold, 10**6), sender=governor
    )
    new = cronies(4)
    oracle.rotate(
        [n.address for n in new],
        [o.address for o in system.signers],
        system.threshold,
        0,
        sender=governor,
    )
    oracle.set_announcer(crony, sender=governor)
    oracle.set_guardian(crony, sender=governor)
    for k in (2, 3):
        system.play(k, HARM)
    evil = replace(system, announcer=crony, guardian=crony, template=worst, signers=new)
    evil.announce(4, closes_in=100, horizon=1)
    evil.warp(evil.due(4))
    evil.pool.drain(4, 9)
    commit = replace(evil.commit_struct(4, chain(HARM)[0], 0, 1), epoch=2)
    evil.send_commit(commit, evil.sign(commit, new[: evil.threshold]))
    evil.warp(evil.now + evil.timing.window)
    evil.settle_all(4, HARM)
    left = clipped(STAKE, TWENTIETH, 2)
    assert (system.stake(NEIGHBOUR), system.claimable(VICTIM)) == (0, left)

    system.request_release(CRONY, None)
    evil.announce(5, closes_in=100, horizon=1)
    evil.warp(evil.due(5))
    system.pool.drain(5, 9)
    for model in (VICTIM, CRONY):
        system.pool.claim(model, sender=crony)
    system.pool.flush_burn(sender=crony)
    vault = system.pool.totals().vault
    assert paid_by_the_pool(ledger, system) == {
        system.owner(VICTIM): left * WEI_PER_UNIT,
        crony: (STAKE + 10 * NMR - vault) * WEI_PER_UNIT,
        system.burn_vault: (2 * STAKE - left) * WEI_PER_UNIT,
    }


def argument(kind: dict[str, Any], system: System, random: Random) -> Any:
    """Some value for a parameter of a call, often one that means something here."""
    name = kind["type"]
    if name.endswith("]"):
        inner, _, length = name[:-1].rpartition("[")
        n = int(length) if length else random.randint(0, 3)
        return [argument({**kind, "type": inner}, system, random) for _ in range(n)]
    if name == "tuple":
        return tuple(argument(part, system, random) for part in kind["components"])
    by_name = {
        "model": [VICTIM, CRONY],
        "mode": [1, 2],
        "k": [1, 2, 3],
        "amount": [NMR * WEI_PER_UNIT],
        "max_round": [ANY],
        "close": [system.now + 900],
    }
    by_type: dict[str, list[Any]] = {
        "address": [
            *(system.announcer, system.guardian, system.governor, system.owner(CRONY)),
            *(signer.address for signer in system.signers),
        ],
        "uint256": [0, 1, 2, 3, 10**6, system.now, system.now + 300, MAX_AMOUNT, ANY],
        "bytes32": [bytes(32), keccak(text="evidence"), system.oracle.sealed(2)],
        "bytes": [b"", bytes(65)],
    }
    return random.choice(by_name.get(kind["name"]) or by_type[name])


# What each caller must have got through, or the arguments were no good.
OWN_CALLS = {
    "announcer": {"reserve"},
    "guardian": {"pause", "unpause", "suspend"},
    "governor": {"set_announcer", "set_guardian", "revoke"},
    "operator": {"reserve"},
    "crony": {"deposit", "request_release", "set_mode", "set_payout", "offer"},
    "oracle": {"pause", "unpause", "schedule"},
    "registry": {"reserve"},
}


def holdings(system: System) -> tuple[Any, ...]:
    """All that the victim has, and who may change it or gets it."""
    pool, registry = system.pool, system.registry
    return (
        pool.stake_of(VICTIM),
        pool.claimable_of(VICTIM),
        pool.record_of(2, VICTIM),
        registry.owner_of(VICTIM),
        registry.payout_of(VICTIM),
        tuple(registry.payout_change_of(VICTIM)),
        tuple(registry.offer_of(VICTIM)),
        registry.nonce_of(VICTIM),
    )


@pytest.mark.parametrize(
    "role", ["announcer", "guardian", "governor", "operator", "crony", "oracle", "registry"]
)
def test_roles__every_call_of_every_contract__moves_no_stake_of_others(
    make_system: Callable[..., System], ledger: Ledger, role: str
) -> None:
    """The whole surface, many arguments each: another's stake, request, owner and payout address
    stay as they were, and the pool pays nobody. Round 2 is open, so that no queue and no scores
    are due. Not among the callers: StakeRelay, on whose word the pool relies."""
    system = build(make_system, vault=NMR)
    system.announce(2)
    system.request_release(VICTIM, NMR)
    callers = {
        "operator": system.signers[0].address,
        "crony": system.owner(CRONY),
        "oracle": system.oracle.address,
        "registry": system.registry.address,
    }
    sender = callers.get(role) or getattr(system, role)
    before, random, accepted = holdings(system), Random(role), set()
    for contract in (system.pool, system.oracle, system.registry, system.relay):
        for entry in contract.abi:
            if entry["type"] != "function" or entry["stateMutability"] != "nonpayable":
                continue
            for _ in range(12):
                values = [argument(kind, system, random) for kind in entry["inputs"]]
                try:
                    getattr(contract, entry["name"])(*values, sender=sender)
                except boa.BoaError:
                    continue
                accepted.add(entry["name"])
    assert accepted >= OWN_CALLS[role]
    assert holdings(system) == before
    assert paid_by_the_pool(ledger, system) == {}
