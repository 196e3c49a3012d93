"""A deposit for a submission, as clients of staking by the round ask for it: the digest that they
get is one that the owner's signature makes good at the real relay. Both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql_calls import Asker, asker
from server_databases import server, where
from server_operators import Operators, allow, caller, serving_operators
from server_world import ServerWorld, Serving, server_world

from oracle.gateway.intaking import intake_of
from oracle.settlement.intents import StakeAction
from oracle.settlement.units import UNITS_PER_NMR, WEI_PER_UNIT

__all__ = ["server", "where"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("v3_auth")]
EIGHT = 8
AUTH = """query($submissionId: ID!, $staker: String!, $maxAmount: String!) {
  v3StakeAuth(submissionId: $submissionId, staker: $staker, maxAmount: $maxAmount) {
    authorizationSigner authorizationDigest chainId deadline maxAmount modelId nmrAddress nonce
    roundId signature staker stakingAddress submissionId submissionHash tournamentId } }"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for number in range(2):
            made.register(f"model {number}")
        made.announce(window=4_000)
        made.chain.finalize()
        yield made


@pytest.fixture(scope="module")
def operators(world: ServerWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with serving_operators(world, tmp_path_factory.mktemp("operators")) as running:
        yield running


@pytest.fixture
def serving(
    world: ServerWorld, operators: Operators, where: str, tmp_path: Path
) -> Iterator[Serving]:
    with world.serving(where, tmp_path / "home", **operators.config(tmp_path)) as made:
        made.follow()
        yield made


def submitted(world: ServerWorld, serving: Serving) -> str:
    """The id of a submission of model 0."""
    wallet = world.owner(0)
    allow(serving, world, wallet)
    [model] = serving.services.models.by_id(EIGHT, [0])
    intake, who = serving.services.part(intake_of), caller(serving, wallet)
    made = intake.authorize(who, EIGHT, model, "predictions.csv")
    raw = world.files[1].predictions(5)
    assert serving.client.put(made.url, content=raw).status_code == 200
    return intake.create(who, EIGHT, model, made.filename).id


def test_auth__signed_by_the_owner__deposits_through_the_relay(
    world: ServerWorld, serving: Serving
) -> None:
    wallet, reader = world.owner(0), world.reader
    sent = submitted(world, serving)
    mine = asker(serving, wallet)
    found = mine.ask(AUTH, submissionId=sent, staker=wallet.address, maxAmount="0.75")
    assert (found["roundId"], found["modelId"], found["maxAmount"]) == ("8-1", "0", "0.75")
    assert found["authorizationSigner"] == wallet.address
    assert found["signature"] is None
    struct = (
        int(found["modelId"]),
        int(StakeAction.DEPOSIT),
        3 * UNITS_PER_NMR // 4 * WEI_PER_UNIT,
        1,
        int(found["nonce"]),
        int(found["deadline"]),
    )
    relay = reader.relay
    assert found["stakingAddress"] == relay.address
    digest = bytes.fromhex(found["authorizationDigest"][2:])
    assert relay.functions.intent_digest(struct).call() == digest
    world.writer(wallet).approve(UNITS_PER_NMR)
    before = reader.queue(1, reader.newest().number).get(0)
    signature = bytes(wallet.unsafe_sign_hash(digest).signature)
    world.writer(world.operators[0]).sender.send(relay.functions.relay(struct, signature))
    after = reader.queue(1, reader.newest().number)[0]
    assert after.deposit - (before.deposit if before else 0) == 3 * UNITS_PER_NMR // 4


def test_auth__of_somebody_elses_submission_or_for_another_wallet__refused(
    world: ServerWorld, serving: Serving
) -> None:
    sent = submitted(world, serving)
    owner, other = world.owner(0), world.owner(1)

    def refused(who: Asker, **changes: str) -> str:
        wish = {"submissionId": sent, "staker": owner.address, "maxAmount": "1", **changes}
        return who.refused(AUTH, **wish)

    assert "no submission of yours" in refused(asker(serving, other))
    assert "does not stake on model 0" in refused(asker(serving, owner), staker=other.address)
    assert "no submission of yours" in refused(asker(serving, owner), submissionId="x")
    assert "at least 0.1 NMR" in refused(asker(serving, owner), maxAmount="0.01")
    assert "authenticated" in refused(asker(serving))
