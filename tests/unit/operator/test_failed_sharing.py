"""An exchange of submissions that fails on this side is not a peer's silence."""

from types import SimpleNamespace

import pytest

from oracle.operator.peers import Peer
from oracle.operator.sharing import Sharing
from oracle.operator.turns import Turns
from oracle.store.faults import StoreError

PATIENCE = 4.0


class Journal:
    """One whose disk fails until it is well."""

    is_well = False

    def signatures(self, number: int) -> dict[object, bytes]:
        if not self.is_well:
            raise StoreError("its disk is full; nothing was written")
        return {}

    def receipts(self, number: int) -> tuple[object, ...]:
        return ()


class SilentPeer(Peer):
    def submissions_after(self, number: int, after: object):
        return None


@pytest.fixture
def context():
    now = SimpleNamespace(seconds=0.0)
    return SimpleNamespace(
        now=now,
        turns=Turns(1.0, clock=lambda: now.seconds),
        patience=PATIENCE,
        peers=[SilentPeer("http://127.0.0.1:1")],
        journal=Journal(),
    )


def cycles(sharing: Sharing, context: SimpleNamespace, seconds: float) -> list[bool | str]:
    """What each of many cycles says, or the error that ends it."""
    said: list[bool | str] = []
    until = context.now.seconds + seconds
    while context.now.seconds < until:
        try:
            said.append(sharing.synchronise(1, "attest"))
        except StoreError as error:
            said.append(error.message)
        context.now.seconds += 0.3
    return said


def test_synchronise__own_database_fails_for_longer_than_the_patience__is_never_done(context):
    said = cycles(Sharing(context), context, 10 * PATIENCE)

    assert True not in said
    assert "its disk is full; nothing was written" in said


def test_synchronise__own_database_is_back_and_a_peer_is_silent__is_done_by_the_patience(context):
    sharing = Sharing(context)
    cycles(sharing, context, 2 * PATIENCE)
    context.journal.is_well = True

    assert cycles(sharing, context, 10 * PATIENCE)[-1] is True


def test_synchronise__database_fails_after_an_exchange_was_complete__is_not_done(context):
    sharing = Sharing(context)
    context.journal.is_well = True
    cycles(sharing, context, 2 * PATIENCE)
    context.journal.is_well = False

    assert cycles(sharing, context, 12.0)[-1] is not True
