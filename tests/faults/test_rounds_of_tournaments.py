"""Rounds of Signals and Crypto by four operators, as Classic's in ``test_round_machine``: some are
away, restarted or killed, some targets come late."""

import time
from collections.abc import Iterator

import pytest
from other_tournaments import CRYPTO, SIGNALS
from round_machine import Faults, RoundMachine

pytestmark = [pytest.mark.chain, pytest.mark.slow]

ROUNDS = 4


@pytest.fixture(scope="module", params=[CRYPTO, SIGNALS], ids=["crypto", "signals"])
def played(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RoundMachine]:
    folder = tmp_path_factory.mktemp("rounds")
    machine = RoundMachine(folder, 11, int(time.time()), Faults(), request.param)
    machine.play(ROUNDS)
    machine.finish()
    yield machine
    machine.close()


def test_rounds__of_other_tournaments__lanes_and_commits_equal_the_reference(
    played: RoundMachine,
) -> None:
    assert played.audit.checked >= ROUNDS
    assert played.audit.submissions > ROUNDS
    assert played.reference.pool.burn_owed > 0


def test_rounds__of_other_tournaments__every_operator_signed_and_none_twice(
    played: RoundMachine,
) -> None:
    signers = {operator for operator, _ in played.audit.digests}
    assert len(signers) == len(played.operators)
    assert {len(signed) for signed in played.audit.digests.values()} == {1}


def test_rounds__of_other_tournaments__owners_are_told_of_names_and_changes(
    played: RoundMachine,
) -> None:
    """Each file has one id that is not live."""
    ingest = played.steady.running.ingest
    entries = [
        entry
        for player in played.players
        for model in player.models
        for entry in ingest.history.kept.of(model, 50)
    ]
    assert entries
    assert all(b'"format":"csv"' in entry for entry in entries)
    assert any(b'"ignored_ids":1' in entry for entry in entries)
