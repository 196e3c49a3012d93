"""Stakes through GraphQL: by mandate, and as the chain has them."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from graphql_calls import Asker, asker
from played_rounds import History
from server_stakes import Staker, relayer_config

from oracle.accounts.caller import Scope
from oracle.settlement.settled import settled_model

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]
CHANGE = """mutation($value: String!, $type: String!, $tournamentNumber: Int!, $modelId: String) {
  v2ChangeStake(value: $value, type: $type, modelId: $modelId,
    tournamentNumber: $tournamentNumber) { dueDate requestedAmount status type } }"""
DRAIN = """mutation($drain: bool!, $amount: String, $modelId: String) {
  releaseStake(drain: $drain, modelId: $modelId, amount: $amount) {
    id dueDate status type requestedAmount drain } }"""
VALUE = """query($n: String!) {
  v3UserProfile(model_name: $n, tournament: 8) { nmrStaked stakeValue } }"""
CLAIM = """query($roundId: String!, $modelId: ID!, $staker: String!) {
  v3StakeClaim(roundId: $roundId, modelId: $modelId, staker: $staker) {
    apiModelId burnAmountWei merkleRoot modelId payoutAmountWei proof roundId staker submissionId
    tournamentId claimableAmountWei } }"""


@pytest.fixture
def staker(
    where: str, history: History, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Staker]:
    """The owner of ``beta`` at a server with a relayer."""
    home = tmp_path_factory.mktemp("home")
    with history.world.serving(where, home, **relayer_config(history.world, home)) as running:
        running.services.models.say("beta")
        running.follow()
        yield Staker(history.world, running, history.beta)


def _asker(staker: Staker, *scopes: Scope) -> Asker:
    return asker(staker.serving, staker.wallet, *scopes)


def test_stake__without_a_mandate__then_the_error_says_where_to_sign(staker: Staker) -> None:
    uuid = staker.model.uuid
    page = f"http://127.0.0.1:28640/sign?tournament=8&model={staker.model.model}&action="
    told = _asker(staker).refused(
        CHANGE, value="1.5", type="increase", tournamentNumber=8, modelId=uuid
    )
    assert told.count(page + "increase") == 1
    told = _asker(staker).refused(DRAIN, drain=True, amount="11000000", modelId=uuid)
    assert page + "decrease" in told


def test_stake__raised_by_mandate__then_it_waits_for_the_close(
    staker: Staker, history: History
) -> None:
    staker.allow()
    owner, uuid = _asker(staker), staker.model.uuid
    before = owner.ask(VALUE, n="beta")
    found = owner.ask(CHANGE, value="1.5", type="increase", tournamentNumber=8, modelId=uuid)
    [row] = owner.ask("{ rounds(tournament: 8, number: 0) { closeTime } }")
    assert found == {
        "dueDate": row["closeTime"],
        "requestedAmount": "1.5",
        "status": "mined",
        "type": "increase",
    }
    history.world.chain.finalize()
    staker.serving.follow()
    raised = owner.ask(VALUE, n="beta")
    assert raised["nmrStaked"] == before["nmrStaked"]
    assert Decimal(raised["stakeValue"]) == Decimal(before["stakeValue"] or 0) + Decimal("1.5")


def test_stake__drained_by_mandate__then_nothing_of_it_is_left(
    staker: Staker, history: History
) -> None:
    gamma = Staker(history.world, staker.serving, history.gamma)
    gamma.allow()
    owner = _asker(gamma)
    everything = {"drain": True, "amount": "11000000", "modelId": gamma.model.uuid}
    reader = history.world.reader
    waiting = reader.queue(reader.target(), reader.newest().number)
    if history.gamma not in waiting:  # the chain is one for both databases
        drained = owner.ask(DRAIN, **everything)
        assert (drained["drain"], drained["requestedAmount"]) == (True, "11000000")
        assert (drained["type"], drained["status"]) == ("decrease", "mined")
    assert "has 0 NMR that can be released" in owner.refused(DRAIN, **everything)
    history.world.chain.finalize()
    staker.serving.follow()
    found = owner.ask(VALUE, n=f"model-{history.gamma}")
    assert (found["nmrStaked"], found["stakeValue"]) == ("2", None)


@pytest.mark.parametrize("value", ["0", "-1", "1e3", "one", "0.0000000001", "99999999", ""])
def test_stake__no_amount__then_it_is_refused(staker: Staker, value: str) -> None:
    variables = {"type": "increase", "tournamentNumber": 8, "modelId": staker.model.uuid}
    assert "no amount of NMR" in _asker(staker).refused(CHANGE, value=value, **variables)


def test_stake__without_the_scope_or_of_another_kind__then_it_is_refused(staker: Staker) -> None:
    variables = {"value": "1", "tournamentNumber": 8, "modelId": staker.model.uuid}
    reader = _asker(staker, Scope.READ_USER_INFO)
    assert reader.refused(CHANGE, type="increase", **variables) == (
        "Insufficient permission for stake"
    )
    assert "increase or decrease" in _asker(staker).refused(CHANGE, type="double", **variables)


def test_drain__as_a_text__then_the_type_is_refused(staker: Staker) -> None:
    told = _asker(staker).refused(DRAIN, drain="yes", modelId=staker.model.uuid)
    assert "true or false" in told


def test_v3_config_and_round__asked_for__then_they_are_the_pools(
    staker: Staker, history: History
) -> None:
    reader, owner = history.world.reader, _asker(staker)
    config = owner.ask(
        """{ v3StakeConfig { address authorizationSigner nmrAddress owner paused pendingOwner
        serviceWallet } }"""
    )
    assert (config["address"], config["nmrAddress"]) == (
        reader.addresses.pool,
        reader.addresses.token,
    )
    assert config["paused"] is False
    number = history.settled[0]
    query = """query($roundId: String!) { v3StakeRound(roundId: $roundId) {
      roundId resolved state payoutFactor merkleRoot totalStaked totalPayout tournamentId } }"""
    found = owner.ask(query, roundId=str(number))
    assert found == owner.ask(query, roundId=f"8-{number}")
    commit = history.world.results[number].commit
    assert found["merkleRoot"] == "0x" + commit.chain_head.hex()
    assert (found["resolved"], found["state"], found["payoutFactor"]) == (True, "RESOLVED", "1")
    assert found["totalStaked"] == "10"
    assert "is no round" in owner.refused(query, roundId="first")
    reader_only = _asker(staker, Scope.READ_USER_INFO)
    assert reader_only.refused(query, roundId="1") == "Insufficient permission for web3_staking"


def test_v3_claim__of_a_settled_round__then_amounts_and_proof_are_the_chains(
    staker: Staker, history: History
) -> None:
    number, model = history.settled[0], staker.model
    found = _asker(staker).ask(
        CLAIM, roundId=str(number), modelId=model.uuid, staker=staker.wallet.address
    )
    result = history.world.results[number]
    [settled] = staker.serving.services.stakes.settlements(8, models=[model.model], rounds=[number])
    assert int(found["burnAmountWei"]) == -min(settled.change, 0) * 10**9
    assert int(found["payoutAmountWei"]) == max(settled.change, 0) * 10**9
    assert found["merkleRoot"] == "0x" + result.commit.chain_head.hex()
    path = settled_model(result.batches, model.model).path
    assert path is not None
    assert found["proof"][0] == "0x" + path.following.hex()
    assert len(found["proof"]) == 2 + len(path.earlier)
    assert (found["apiModelId"], found["modelId"]) == (model.uuid, str(model.model))
    claims = _asker(staker).ask(
        "query($s: String!) { v3StakeClaims(staker: $s) { roundId claimableAmountWei } }",
        s=staker.wallet.address,
    )
    assert [one["roundId"] for one in claims] == [f"8-{n}" for n in reversed(history.settled)]


def test_v3_claim__by_another_wallet__then_it_is_refused(staker: Staker, history: History) -> None:
    other = history.world.owner(history.alpha).address
    told = _asker(staker).refused(CLAIM, roundId="1", modelId=staker.model.uuid, staker=other)
    assert "does not stake on model" in told
