"""The account of who asks, and what everybody sees of models."""

from decimal import Decimal

import pytest
from graphql_calls import Asker, asker
from played_rounds import History
from server_world import Serving
from sqlalchemy import event

from oracle.accounts.caller import Scope

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("graphql")]

ACCOUNT = """{ account { id username walletAddress availableNmr email mfaEnabled status insertedAt
  models { id name tournament submissions { id filename } v2Stake { status txHash } }
  apiTokens { name public_id scopes } } }"""
WALLET = "{ account { walletTxns { amount from status to time tournament txHash type } } }"
PROFILE = """query($model_name: String!, $tournament: Int) {
  v3UserProfile(model_name: $model_name, tournament: $tournament) {
    id startDate username bio nmrStaked stakeValue linkText linkUrl } }"""


@pytest.fixture
def owner(serving: Serving, history: History) -> Asker:
    """Who has ``alpha`` and ``delta``."""
    return asker(serving, history.world.owner(history.alpha))


def _uuid(serving: Serving, model: int) -> str:
    [row] = serving.services.models.by_id(8, [model])
    return row.uuid


def test_account__signed_in__then_it_is_the_wallet_with_its_models(
    serving: Serving, history: History, owner: Asker
) -> None:
    wallet = history.world.owner(history.alpha)
    found = owner.ask(ACCOUNT)
    assert found["walletAddress"] == found["username"] == wallet.address
    held = history.world.reader.tokens_of(wallet.address)
    assert Decimal(found["availableNmr"]) == Decimal(held) / 10**9
    assert (found["mfaEnabled"], found["status"], found["email"]) == (False, "VERIFIED", None)
    assert [(one["name"], one["tournament"]) for one in found["models"]] == [
        ("alpha", 8),
        (f"model-{history.delta}", 8),
    ]
    alpha, delta = found["models"]
    assert alpha["id"] == _uuid(serving, history.alpha)
    assert alpha["v2Stake"]["status"] == "confirmed"
    assert delta["v2Stake"] is None
    assert alpha["submissions"] == []  # sent to operators, not to this server
    assert all(set(one) == {"name", "public_id", "scopes"} for one in found["apiTokens"])
    assert sorted(Scope) in [one["scopes"] for one in found["apiTokens"]]


def test_account__many_models__then_queries_do_not_grow_with_them(
    serving: Serving, history: History
) -> None:
    asked: list[str] = []

    def count(*arguments: object) -> None:
        asked.append(str(arguments[2]))

    engine = serving.services.database.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        counts = []
        for model in (history.alpha, history.beta):  # an owner of two models, and of one
            one = asker(serving, history.world.owner(model))
            asked.clear()
            one.ask(ACCOUNT)
            counts.append(len([text for text in asked if text.startswith("SELECT")]))
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert counts[0] == counts[1]


def test_wallet_transactions__deposits__then_each_is_told_with_its_transaction(
    history: History, owner: Asker
) -> None:
    world = history.world
    found = owner.ask(WALLET)["walletTxns"]
    assert [(one["amount"], one["type"]) for one in found] == [("1.5", "deposit"), ("5", "deposit")]
    for one in found:
        receipt = world.reader.web3.eth.get_transaction_receipt(one["txHash"])
        assert receipt["status"] == 1
        assert (one["from"], one["to"]) == (receipt["from"], world.reader.addresses.pool)
        assert (one["status"], one["tournament"]) == ("confirmed", 8)
        assert one["time"].endswith("Z")


def test_model__of_somebody_else__then_it_is_refused(
    serving: Serving, history: History, owner: Asker
) -> None:
    query = "query($modelId: String) { model(modelId: $modelId) { name } }"
    assert owner.ask(query, modelId=_uuid(serving, history.alpha)) == {"name": "alpha"}
    told = owner.refused(query, modelId=_uuid(serving, history.beta))
    assert told == "this model is not yours: account.models names yours"
    assert owner.refused(query, modelId="no-such").startswith("there is no model with this id")


def test_model__not_named__then_it_must_be_the_only_one(
    serving: Serving, history: History, owner: Asker
) -> None:
    query = "{ model { name } }"
    assert owner.refused(query).startswith("this account has 2 models here")
    assert asker(serving, history.world.owner(history.beta)).ask(query) == {"name": "beta"}


def test_profile__by_name__then_stakes_are_what_the_pool_has(
    serving: Serving, history: History
) -> None:
    nobody = asker(serving)
    found = nobody.ask(PROFILE, model_name="alpha", tournament=8)
    lane = history.world.reader.pool_at(history.world.reader.finalized().number)
    stake = Decimal(lane.lanes[history.alpha].stake) / 10**9
    assert found["id"] == _uuid(serving, history.alpha)
    assert Decimal(found["nmrStaked"]) == stake
    assert Decimal(found["stakeValue"]) == stake + Decimal("1.5")  # waits for the open round
    assert found["startDate"].endswith("Z")


def test_profile__without_stake__then_both_are_empty(serving: Serving, history: History) -> None:
    found = asker(serving).ask(PROFILE, model_name=f"model-{history.delta}", tournament=8)
    assert (found["nmrStaked"], found["stakeValue"]) == (None, None)


def test_profile__unknown_name__then_it_is_said(serving: Serving) -> None:
    told = asker(serving).refused(PROFILE, model_name="omega", tournament=8)
    assert told == "tournament 8 has no model 'omega'"


def test_profile__under_the_other_name_of_the_argument__then_it_is_the_same(
    serving: Serving,
) -> None:
    query = "query($n: String!) { v3UserProfile(modelName: $n) { username } }"
    assert asker(serving).ask(query, n="beta") == {"username": "beta"}
    assert "give modelName" in asker(serving).refused("{ v3UserProfile { username } }")


def test_account_profile__by_username_and_address__then_its_models(
    serving: Serving, history: History, owner: Asker
) -> None:
    query = """query($username: String!, $tournament: Int) {
      accountProfile(username: $username, tournament: $tournament) {
        models { id displayName } } }"""
    wallet = history.world.owner(history.alpha)
    people = serving.services.accounts.people
    account = people.met(wallet.address, 1)
    people.rename(account.id, "first-owner")
    for username in ("first-owner", wallet.address, wallet.address.lower()):
        found = asker(serving).ask(query, username=username, tournament=8)
        assert [one["displayName"] for one in found["models"]] == [
            "alpha",
            f"model-{history.delta}",
        ]
    assert "no account 'nobody'" in asker(serving).refused(query, username="nobody")


def test_bio_and_link__set__then_everybody_sees_them(
    serving: Serving, history: History, owner: Asker
) -> None:
    alpha = _uuid(serving, history.alpha)
    bio = """mutation($value: String!, $modelId: String) {
      setUserBio(value: $value, modelId: $modelId) }"""
    link = """mutation($linkUrl: String!, $linkText: String, $modelId: String) {
      setUserLink(linkText: $linkText, linkUrl: $linkUrl, modelId: $modelId) }"""
    assert owner.ask(bio, value="Ridge, mostly.", modelId=alpha) is True
    assert owner.ask(link, linkUrl="https://a.example/x", linkText="mine", modelId=alpha) is True
    found = asker(serving).ask(PROFILE, model_name="alpha", tournament=8)
    assert (found["bio"], found["linkText"]) == ("Ridge, mostly.", "mine")
    assert found["linkUrl"] == "https://a.example/x"
    assert owner.ask(bio, value="", modelId=alpha) is True
    assert owner.ask(link, linkUrl="", modelId=alpha) is True
    found = asker(serving).ask(PROFILE, model_name="alpha", tournament=8)
    assert (found["bio"], found["linkUrl"]) == (None, None)
    for url in ("javascript:alert(1)", "https://", "//host", "https://a b", "http://[", "ftp://a/"):
        assert "no address of the web" in owner.refused(link, linkUrl=url, modelId=alpha)
    assert "at most 1000" in owner.refused(bio, value="x" * 1_001, modelId=alpha)


def test_webhook__set_and_taken_away__then_the_answer_is_the_text_true(
    serving: Serving, history: History, owner: Asker
) -> None:
    query = """mutation($modelId: String!, $newSubmissionWebhook: String) {
      setSubmissionWebhook(modelId: $modelId, newSubmissionWebhook: $newSubmissionWebhook) }"""
    alpha = _uuid(serving, history.alpha)
    profiles, url = serving.services, "https://hooks.example/run"
    assert owner.ask(query, modelId=alpha, newSubmissionWebhook=url) == "true"
    from oracle.records.profiles import Profiles

    [model] = profiles.models.by_id(8, [history.alpha])
    kept = Profiles(profiles.database).of(model)
    assert kept is not None
    assert (kept.webhook, len(kept.webhook_secret or b"")) == (url, 32)
    assert owner.ask(query, modelId=alpha) == "true"
    after = Profiles(profiles.database).of(model)
    assert after is not None
    assert (after.webhook, after.webhook_secret) == (None, kept.webhook_secret)


def test_profile__edited_without_the_scope__then_it_is_refused(
    serving: Serving, history: History
) -> None:
    one = asker(serving, history.world.owner(history.alpha), Scope.READ_USER_INFO)
    told = one.refused('mutation { setUserBio(value: "x") }')
    assert told == "Insufficient permission for edit_profile"
