"""GovChild: commands wait, are executed once, in time and in order, or are cancelled."""

from collections.abc import Callable

import boa
import pytest
from assay_system import System, compiled, next_addresses, polygon, refused
from eth_abi import encode
from eth_utils import keccak
from gov_world import (
    CANCELLED,
    DAY,
    DELAY,
    EXECUTED,
    HOUR,
    LIFE,
    MAX_DATA,
    QUEUED,
    STATE_SYNC_GAS,
    UNKNOWN,
    Tunnel,
    connect,
    warp,
)
from hypothesis import given
from hypothesis import strategies as st
from portal import Portal


@pytest.fixture(scope="module")
def portal() -> Portal:
    return Portal()


@pytest.fixture
def tunnel(portal: Portal) -> Tunnel:
    return connect(portal)


# --- arriving ---


def test_delivery__through_the_portal__is_queued_and_calls_nobody(tunnel: Tunnel) -> None:
    nonce = tunnel.send(tunnel.set_number(7))
    warp(HOUR)
    assert tunnel.portal.deliver(tunnel.root)
    command = tunnel.child.command(nonce)
    digest = keccak(encode(["address", "bytes"], [tunnel.target.address, tunnel.set_number(7)]))
    assert tuple(command) == (
        QUEUED,
        digest,
        boa.env.timestamp + DELAY,
        boa.env.timestamp - HOUR + LIFE,
        0,
    )
    assert tunnel.target.number() == 0


def test_delivery__logs_all_that_executing_takes(tunnel: Tunnel) -> None:
    first = tunnel.command()
    nonce = tunnel.send(tunnel.set_number(8), after=first)
    tunnel.deliver(nonce)
    [event] = tunnel.child.get_logs()
    assert (event.nonce, event.target, event.after) == (nonce, tunnel.target.address, first)
    assert event.state_id == nonce
    assert event.data == tunnel.set_number(8)
    assert (event.ready_at, event.expiry) == (
        boa.env.timestamp + DELAY,
        boa.env.timestamp + LIFE,
    )


def test_delivery__longest_command__fits_a_state_sync(tunnel: Tunnel) -> None:
    nonce = tunnel.send(b"\x07" * MAX_DATA)
    assert tunnel.portal.deliver(tunnel.root)
    assert tunnel.portal.receiver._computation.get_gas_used() < STATE_SYNC_GAS // 4
    warp(DELAY)
    tunnel.child.execute(nonce, tunnel.target, b"\x07" * MAX_DATA)
    assert tunnel.target.number() == MAX_DATA


def test_delivery__not_by_the_portal__refused(tunnel: Tunnel, stranger: str) -> None:
    nonce = tunnel.send(b"")
    for sender in (stranger, tunnel.governor, tunnel.root.address):
        with refused("gov: not the portal"):
            tunnel.child.processMessageFromRoot(
                1, tunnel.root.address, tunnel.sent[nonce], sender=sender
            )


def test_delivery__sent_by_a_stranger_through_the_portal__fails(
    tunnel: Tunnel, stranger: str
) -> None:
    """Anyone may send anything through FxRoot; it names the sender."""
    portal = tunnel.portal
    with boa.env.anchor():
        tunnel.send(b"")
    portal.fx_root.sendMessageToChild(tunnel.child.address, tunnel.sent[1], sender=stranger)
    assert not portal.deliver(portal.fx_root)
    assert tunnel.status(1) == UNKNOWN
    portal_end = portal.fx_child.address
    with refused("gov: not from the root"):
        tunnel.child.processMessageFromRoot(1, stranger, tunnel.sent[1], sender=portal_end)


def test_delivery__same_command_again__refused_in_every_status(tunnel: Tunnel) -> None:
    queued, executed, cancelled = (tunnel.command() for _ in range(3))
    warp(DELAY)
    tunnel.execute(executed)
    tunnel.child.cancel(cancelled, sender=tunnel.canceller)
    for nonce in (queued, executed, cancelled):
        before = tuple(tunnel.child.command(nonce))
        with refused("gov: known command"):
            tunnel.deliver(nonce)
        assert tuple(tunnel.child.command(nonce)) == before


def test_delivery__before_the_child_is_deployed__fails_and_can_be_replayed(
    portal: Portal, stranger: str
) -> None:
    root_at, child_at = next_addresses(2)
    governor, canceller = (boa.env.generate_address() for _ in range(2))
    root = compiled("contracts/ethereum/GovRoot.vy").deploy(
        governor, portal.fx_root.address, child_at
    )
    root.send(stranger, b"", boa.env.timestamp + LIFE, 0, sender=governor)
    assert not portal.deliver(root)
    id = portal.receiver.lastStateId()
    child = polygon("GovChild").deploy(portal.fx_child.address, root_at, canceller, DELAY)
    assert child.address == child_at
    portal.receiver.replayFailedStateSync(id, sender=stranger)
    assert child.command(1).status == QUEUED
    with boa.reverts():
        portal.receiver.replayFailedStateSync(id, sender=stranger)


@given(st.binary(max_size=400))
def test_delivery__any_bytes_in_the_roots_name__only_a_command_is_queued(
    tunnel_once: Tunnel, data: bytes
) -> None:
    """What does not decode reverts: nothing is written in part."""
    child, portal_end = tunnel_once.child, tunnel_once.portal.fx_child.address
    with boa.env.anchor():
        try:
            child.processMessageFromRoot(1, tunnel_once.root.address, data, sender=portal_end)
        except boa.BoaError:
            return
        [event] = child.get_logs()
        assert child.command(event.nonce).status == QUEUED


@pytest.fixture(scope="module")
def tunnel_once(portal: Portal) -> Tunnel:
    return connect(portal)


# --- executing ---


@pytest.mark.parametrize(
    ("wait", "reason"),
    [
        (0, "gov: too early"),
        (DELAY - 1, "gov: too early"),
        (DELAY, None),
        (LIFE, None),
        (LIFE + 1, "gov: expired"),
    ],
)
def test_execute__by_the_second__after_the_delay_until_the_expiry(
    tunnel: Tunnel, stranger: str, wait: int, reason: str | None
) -> None:
    nonce = tunnel.command()
    warp(wait)
    if reason is not None:
        with refused(reason):
            tunnel.execute(nonce)
        assert (tunnel.status(nonce), tunnel.target.number()) == (QUEUED, 0)
        return
    tunnel.execute(nonce, sender=stranger)
    [event] = tunnel.child.get_logs()
    assert event.nonce == nonce
    assert (tunnel.status(nonce), tunnel.target.number()) == (EXECUTED, 7)
    assert tunnel.target.caller() == tunnel.child.address


def test_execute__life_shorter_than_the_delay__never(tunnel: Tunnel) -> None:
    nonce = tunnel.command(life=HOUR)
    for wait in (HOUR, DELAY):
        warp(wait)
        with boa.reverts():
            tunnel.execute(nonce)


def test_execute__second_time__refused(tunnel: Tunnel) -> None:
    nonce = tunnel.command()
    warp(DELAY)
    tunnel.execute(nonce)
    with refused("gov: not queued"):
        tunnel.execute(nonce)


def test_execute__never_arrived__refused(tunnel: Tunnel) -> None:
    nonce = tunnel.send(tunnel.set_number(7))
    warp(DELAY)
    with refused("gov: not queued"):
        tunnel.execute(nonce)


@pytest.mark.parametrize("changed", ["target", "data", "longer"])
def test_execute__not_as_commanded__refused(tunnel: Tunnel, changed: str) -> None:
    nonce, data = tunnel.command(), tunnel.set_number(7)
    warp(DELAY)
    target, data = {
        "target": (tunnel.root, data),
        "data": (tunnel.target, tunnel.set_number(8)),
        "longer": (tunnel.target, data + b"\0"),
    }[changed]
    with refused("gov: other call"):
        tunnel.child.execute(nonce, target, data)


def test_execute__target_fails__answers_its_reason_and_can_be_tried_again(tunnel: Tunnel) -> None:
    nonce = tunnel.command()
    warp(DELAY)
    tunnel.target.set_broken(True)
    data = tunnel.child.execute.prepare_calldata(nonce, tunnel.target, tunnel.set_number(7))
    failed = boa.env.execute_code(to_address=tunnel.child.address, data=data)
    assert failed.is_error
    assert failed.output[4:] == encode(["string"], ["governed: broken"])
    assert tunnel.status(nonce) == QUEUED
    tunnel.target.set_broken(False)
    tunnel.execute(nonce)
    assert tunnel.target.number() == 7


def test_execute__no_code_at_the_target__refused_and_it_can_be_tried_again(
    tunnel: Tunnel, stranger: str
) -> None:
    nonce = tunnel.send(b"\x01", target=stranger)
    tunnel.deliver(nonce)
    warp(DELAY)
    with refused("gov: no code"):
        tunnel.child.execute(nonce, stranger, b"\x01")
    boa.env.set_code(stranger, b"\x00")
    tunnel.child.execute(nonce, stranger, b"\x01")


# --- in order ---


def test_execute__after_another__only_then(tunnel: Tunnel) -> None:
    first = tunnel.command(1)
    second = tunnel.command(2, after=first)
    warp(DELAY)
    with refused("gov: out of order"):
        tunnel.execute(second, 2)
    tunnel.execute(first, 1)
    tunnel.execute(second, 2)
    assert tunnel.target.number() == 2


def test_execute__arrived_in_the_other_order__still_in_order(tunnel: Tunnel) -> None:
    first = tunnel.send(tunnel.set_number(1))
    second = tunnel.send(tunnel.set_number(2), after=first)
    tunnel.deliver(second)
    warp(DELAY)
    with refused("gov: out of order"):
        tunnel.execute(second, 2)
    tunnel.deliver(first)
    warp(DELAY)
    with refused("gov: out of order"):
        tunnel.execute(second, 2)
    tunnel.execute(first, 1)
    tunnel.execute(second, 2)


def test_execute__unrelated_ones__in_any_order(tunnel: Tunnel) -> None:
    first, second = tunnel.command(1), tunnel.command(2)
    warp(DELAY)
    tunnel.execute(second, 2)
    tunnel.execute(first, 1)
    assert tunnel.target.number() == 1


@pytest.mark.parametrize("fate", ["cancelled", "expired"])
def test_execute__after_one_that_never_ran__never(tunnel: Tunnel, fate: str) -> None:
    first = tunnel.command(1, life=DELAY)
    second = tunnel.command(2, after=first)
    if fate == "cancelled":
        tunnel.child.cancel(first, sender=tunnel.canceller)
    warp(DELAY + 1)
    with boa.reverts():
        tunnel.execute(first, 1)
    with refused("gov: out of order"):
        tunnel.execute(second, 2)


# --- entering again ---


@pytest.mark.parametrize("call", ["execute", "cancel", "processMessageFromRoot", "itself"])
def test_execute__target_enters_again__is_locked_out(portal: Portal, call: str) -> None:
    """The target is the portal and the canceller here: nothing but the lock refuses it."""
    target = compiled("tests/contracts/hostile/Governed.vy").deploy()
    root = boa.env.generate_address()
    child = polygon("GovChild").deploy(target, root, target, DELAY)
    enter = bytes(target.call_back.prepare_calldata())
    number = bytes(target.set_number.prepare_calldata(7))
    kinds = ["uint256", "address", "uint256", "uint256", "bytes"]
    expiry = boa.env.timestamp + LIFE

    def message(nonce: int, data: bytes) -> bytes:
        return encode(kinds, (nonce, target.address, expiry, 0, data))

    for nonce, data in ((1, enter), (2, number)):
        child.processMessageFromRoot(nonce, root, message(nonce, data), sender=target.address)
    arguments = {
        "execute": (2, target.address, number),
        "cancel": (2,),
        "processMessageFromRoot": (3, root, message(3, number)),
        "itself": (1, target.address, enter),
    }[call]
    function = child.execute if call == "itself" else getattr(child, call)
    target.remember(function.prepare_calldata(*arguments))
    warp(DELAY)
    child.execute(1, target, enter)
    assert (target.attempts(), target.successes()) == (1, 0)
    assert [child.command(nonce).status for nonce in (1, 2, 3)] == [EXECUTED, QUEUED, UNKNOWN]
    assert target.number() == 0


# --- cancelling ---


@pytest.mark.parametrize("wait", [0, DELAY, LIFE + 1])
def test_cancel__by_the_canceller__at_any_time_and_for_good(tunnel: Tunnel, wait: int) -> None:
    nonce = tunnel.command()
    warp(wait)
    tunnel.child.cancel(nonce, sender=tunnel.canceller)
    [event] = tunnel.child.get_logs()
    assert event.nonce == nonce
    assert tunnel.status(nonce) == CANCELLED
    with refused("gov: not queued"):
        tunnel.execute(nonce)


def test_cancel__anybody_else__refused(tunnel: Tunnel, stranger: str) -> None:
    nonce = tunnel.command()
    for sender in (stranger, tunnel.governor, tunnel.child.address, tunnel.root.address):
        with refused("gov: not canceller"):
            tunnel.child.cancel(nonce, sender=sender)


def test_cancel__not_queued__refused(tunnel: Tunnel) -> None:
    executed, cancelled = tunnel.command(), tunnel.command()
    unknown = tunnel.send(b"")
    warp(DELAY)
    tunnel.execute(executed)
    tunnel.child.cancel(cancelled, sender=tunnel.canceller)
    for nonce in (unknown, executed, cancelled):
        with refused("gov: not queued"):
            tunnel.child.cancel(nonce, sender=tunnel.canceller)
    tunnel.deliver(unknown)
    assert tunnel.status(unknown) == QUEUED


# --- all of it ---


def test_tunnel__proposer_of_the_timelock__governs_the_oracle_after_both_delays(
    tunnel: Tunnel, make_system: Callable[..., System], stranger: str
) -> None:
    timelock = polygon("Timelock").deploy(tunnel.child, tunnel.canceller, 7 * DAY)
    oracle = make_system(governor=timelock.address).oracle
    change, salt = oracle.set_announcer.prepare_calldata(stranger), bytes(32)
    proposal = bytes(timelock.propose.prepare_calldata(oracle.address, change, salt))
    nonce = tunnel.send(proposal, target=timelock)
    assert tunnel.portal.deliver(tunnel.root)
    warp(DELAY)
    tunnel.child.execute(nonce, timelock, proposal)
    with refused("timelock: too early"):
        timelock.execute(oracle, change, salt)
    warp(7 * DAY)
    timelock.execute(oracle, change, salt)
    assert oracle.announcer() == stranger
