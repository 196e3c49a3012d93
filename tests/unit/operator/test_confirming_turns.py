"""Who sends the answer to a challenge: the turns begin when there is something to send."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from agreeing_world import ORACLE_DOMAIN, AgreeingWorld, file_of
from ingest_world import ROUND, signed

from oracle.chain.reader import Challenge
from oracle.operator.confirming import Confirming, phase_of
from oracle.operator.evidence import EvidenceDesk
from oracle.operator.turns import Turns
from oracle.settlement.confirmation import confirm_of, confirmation_message
from oracle.settlement.rounds import Status
from oracle.settlement.typed_data import Commit

STAGGER = 3.0
CHALLENGE = Challenge("0x" + "11" * 20, 1, 100, 0, False, b"\x21" * 32, b"\x22" * 32)


class Sending:
    """Notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def confirm(self, *arguments: Any) -> None:
        self.sent.append(arguments)


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_answer__all_have_long_looked_for_evidence__the_turns_begin_with_the_last_signature(
    tmp_path: Path, position: int
) -> None:
    world = AgreeingWorld(tmp_path, count=5, liars=1)
    order = sorted(world.chain.members(ROUND), key=lambda address: int(address, 16))
    turn = {one.key.address: (order.index(one.key.address) + ROUND) % 5 for one in world.honest}
    one = sorted(world.honest, key=lambda honest: turn[honest.key.address])[position]
    one.take(file_of(1), 1)
    world.due()
    committed = one.drafts.newest(ROUND).result.commit
    confirming = challenged(world, one, committed)
    one.attesting.sharing.synchronise(ROUND, phase_of(CHALLENGE.challenge_id))
    world.now += 60.0
    for honest in world.honest:
        confirm = confirm_of(committed, CHALLENGE.challenge_id)
        signature = signed(confirm, honest.key, ORACLE_DOMAIN)
        confirming._keep(ROUND, honest.key.address, confirmation_message(confirm, signature))
    sending = one.context.writer
    waited = 0.0
    while not sending.sent and waited < 100:
        confirming.answer(ROUND)
        if not sending.sent:
            waited += 0.5
            world.now += 0.5
    assert waited == turn[one.key.address] * STAGGER
    world.close()


def challenged(world: AgreeingWorld, one: Any, committed: Commit) -> Confirming:
    """The round is committed and challenged, by what the chain tells."""
    chain: Any = world.chain
    chain.super_quorum = lambda number: 4
    one.context._terms.clear()
    chain.challenge_of = lambda number: CHALLENGE
    chain.committed = lambda number: committed
    chain.facts = lambda *_: SimpleNamespace(status=Status.CHALLENGED)
    one.context.writer = Sending()
    one.context.turns = Turns(STAGGER, world.clock)
    sharing = one.attesting.sharing
    return Confirming(one.context, one.attesting, sharing, EvidenceDesk(one.context, sharing))
