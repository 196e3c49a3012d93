"""GovRoot: who sends commands and which; and how both ends of the tunnel are made."""

import boa
import pytest
from assay_system import compiled, polygon, refused
from gov_world import DAY, DELAY, HOUR, LIFE, NOBODY, UNKNOWN, Tunnel, connect
from portal import Portal


@pytest.fixture(scope="module")
def portal() -> Portal:
    return Portal()


@pytest.fixture
def tunnel(portal: Portal) -> Tunnel:
    return connect(portal)


# --- sending ---


def test_send__by_the_governor__logged_numbered_and_handed_to_the_portal(tunnel: Tunnel) -> None:
    for nonce in (1, 2):
        data = tunnel.set_number(nonce)
        assert tunnel.send(data, after=nonce - 1) == nonce
        [event] = [e for e in tunnel.root.get_logs() if type(e).__name__ == "CommandSent"]
        assert (event.nonce, event.target, event.data) == (nonce, tunnel.target.address, data)
        assert (event.expiry, event.after) == (boa.env.timestamp + LIFE, nonce - 1)
    assert tunnel.root.nonce() == 2


def test_send__anybody_else__refused(tunnel: Tunnel, stranger: str) -> None:
    for sender in (stranger, tunnel.canceller, tunnel.root.address):
        with refused("gov: not governor"):
            tunnel.send(b"", sender=sender)
    assert tunnel.root.nonce() == 0


@pytest.mark.parametrize(
    ("life", "reason"),
    [
        (HOUR - 1, "gov: expires too soon"),
        (HOUR, None),
        (90 * DAY, None),
        (90 * DAY + 1, "gov: expires too late"),
    ],
)
def test_send__expiry__an_hour_to_90_days(tunnel: Tunnel, life: int, reason: str | None) -> None:
    if reason is None:
        assert tunnel.send(b"", life=life) == 1
        return
    with refused(reason):
        tunnel.send(b"", life=life)


@pytest.mark.parametrize("after", [2, 3, 2**256 - 1])
def test_send__after_itself_or_a_later_one__refused(tunnel: Tunnel, after: int) -> None:
    assert tunnel.send(b"") == 1
    with refused("gov: after a later command"):
        tunnel.send(b"", after=after)


def test_send__zero_target__refused(tunnel: Tunnel) -> None:
    with refused("gov: zero address"):
        tunnel.send(b"", target=NOBODY)


CALLING_PORTAL = """
# pragma version 0.4.3
attempts: public(uint256)
successes: public(uint256)

@external
def sendMessageToChild(receiver: address, data: Bytes[8192]):
    self.attempts += 1
    if raw_call(
        msg.sender,
        abi_encode(self, method_id=method_id("offer_governor(address)")),
        revert_on_failure=False,
    ):
        self.successes += 1
"""


def test_send__portal_calls_back__is_locked_out() -> None:
    """The portal is the governor here, so that nothing but the lock refuses it."""
    portal = boa.loads(CALLING_PORTAL)
    child = boa.env.generate_address()
    root = compiled("contracts/ethereum/GovRoot.vy").deploy(portal, portal, child)
    root.send(portal, b"", boa.env.timestamp + DAY, 0, sender=portal.address)
    assert (portal.attempts(), portal.successes()) == (1, 0)
    assert (root.nonce(), root.offered_to()) == (1, NOBODY)


# --- the governor ---


def test_governor__offered_and_accepted__is_another_one(tunnel: Tunnel, stranger: str) -> None:
    root, former = tunnel.root, tunnel.governor
    root.offer_governor(stranger, sender=former)
    [event] = root.get_logs()
    assert event.governor == stranger == root.offered_to()
    assert root.governor() == former
    root.accept_governor(sender=stranger)
    [event] = root.get_logs()
    assert event.governor == stranger == root.governor()
    assert root.offered_to() == NOBODY
    with refused("gov: not governor"):
        tunnel.send(b"", sender=former)
    assert tunnel.send(b"", sender=stranger) == 1
    with refused("gov: not offered"):
        root.accept_governor(sender=stranger)


def test_offer__anybody_else__refused(tunnel: Tunnel, stranger: str) -> None:
    with refused("gov: not governor"):
        tunnel.root.offer_governor(stranger, sender=stranger)


def test_accept__not_offered__refused(tunnel: Tunnel, stranger: str) -> None:
    other = boa.env.generate_address()
    for sender in (stranger, tunnel.governor):
        with refused("gov: not offered"):
            tunnel.root.accept_governor(sender=sender)
    tunnel.root.offer_governor(stranger, sender=tunnel.governor)
    for replacement in (other, NOBODY):
        tunnel.root.offer_governor(replacement, sender=tunnel.governor)
        with refused("gov: not offered"):
            tunnel.root.accept_governor(sender=stranger)


# --- construction ---


def test_constructors__what_was_given__is_shown(tunnel: Tunnel) -> None:
    root, child, portal = tunnel.root, tunnel.child, tunnel.portal
    assert (root.FX_ROOT(), root.CHILD()) == (portal.fx_root.address, child.address)
    assert (root.governor(), root.offered_to(), root.nonce()) == (tunnel.governor, NOBODY, 0)
    assert (root.MIN_LIFE(), root.MAX_LIFE()) == (HOUR, 90 * DAY)
    assert (child.FX_CHILD(), child.ROOT()) == (portal.fx_child.address, root.address)
    assert (child.CANCELLER(), child.DELAY()) == (tunnel.canceller, DELAY)
    assert tuple(child.command(1)) == (UNKNOWN, bytes(32), 0, 0, 0)


def test_peers__after_construction__nobody_can_set_them(tunnel: Tunnel) -> None:
    """FxPortal's tunnels let the first caller name the peer; here there is no such call."""
    calls = {
        entry["name"]
        for contract in (tunnel.root, tunnel.child)
        for entry in contract.abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    }
    assert calls == {
        "send",
        "offer_governor",
        "accept_governor",
        "processMessageFromRoot",
        "execute",
        "cancel",
    }


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_constructors__zero_address__refused(missing: int) -> None:
    addresses = [boa.env.generate_address() for _ in range(3)]
    addresses[missing] = NOBODY
    with refused("gov: zero address"):
        compiled("contracts/ethereum/GovRoot.vy").deploy(*addresses)
    with refused("gov: zero address"):
        polygon("GovChild").deploy(*addresses, DELAY)


@pytest.mark.parametrize(
    ("delay", "good"), [(0, False), (1, True), (30 * DAY, True), (30 * DAY + 1, False)]
)
def test_constructor__delay__more_than_zero_and_at_most_30_days(delay: int, good: bool) -> None:
    addresses = [boa.env.generate_address() for _ in range(3)]
    if good:
        assert polygon("GovChild").deploy(*addresses, delay).DELAY() == delay
        return
    with refused("gov: bad delay"):
        polygon("GovChild").deploy(*addresses, delay)
