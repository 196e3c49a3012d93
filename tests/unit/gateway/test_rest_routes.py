"""``/v1`` over HTTP: the real application on a tournament with a settled round; both databases."""

import csv
import hashlib
import io
from typing import Any

import pytest
from eth_account import Account as Wallets
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from server_history import EIGHT, SKILLS, history_serving, history_world
from server_operators import token
from server_stakes import RELAYER, Staker
from server_world import ServerWorld, Serving

from oracle.accounts.caller import Scope
from oracle.gateway.rest.stakes import named
from oracle.records.rows import model_uuid
from oracle.settlement import payout
from oracle.settlement.batches import Batch, link
from oracle.settlement.merkle import leaf, verify
from oracle.settlement.payout import Coefficients
from oracle.settlement.units import UNITS_PER_NMR, nmr
from oracle.settlement.words import ScoreLane, decode_score_lane, split_word

__all__ = ["history_serving", "history_world"]
pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("rest")]


class Rest:
    """Asks the application; ``headers`` are a token's."""

    def __init__(self, world: ServerWorld, serving: Serving) -> None:
        self.world, self.serving, self.client = world, serving, serving.client
        self.headers: dict[str, str] = {}

    def get(self, path: str, **params: Any) -> Any:
        answer = self.client.get("/v1" + path, params=params or None, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        answer = self.client.post("/v1" + path, json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def refused(self, path: str, status: int, **params: Any) -> dict[str, str]:
        answer = self.client.get("/v1" + path, params=params or None, headers=self.headers)
        assert answer.status_code == status, answer.text
        error: dict[str, str] = answer.json()["error"]
        assert set(error) == {"code", "message", "fix"}
        return error

    def signed_in(self, wallet: LocalAccount, *scopes: str) -> "Rest":
        self.headers = token(self.serving, wallet, *scopes)
        return self

    def uuid(self, model: int) -> str:
        where = self.world.reader.addresses
        return model_uuid(where.chain_id, where.pool, model)

    def send(self, calls: list[dict[str, Any]], wallet: LocalAccount) -> None:
        """Signs and sends transactions as a wallet does."""
        web3 = self.world.reader.web3
        for call in calls:
            if call["after"]:
                self.world.chain.advance_to(self.world.now + call["after"])
            fields = {
                "to": call["to"],
                "data": call["data"],
                "value": int(call["value"]),
                "chainId": call["chain_id"],
                "gas": 1_000_000,
                "maxFeePerGas": 10**11,
                "maxPriorityFeePerGas": 10**9,
                "nonce": web3.eth.get_transaction_count(wallet.address),
                "type": 2,
            }
            raw = wallet.sign_transaction(fields).raw_transaction
            receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw))
            assert receipt["status"] == 1, call


@pytest.fixture
def rest(history_world: ServerWorld, history_serving: Serving) -> Rest:
    return Rest(history_world, history_serving)


# ---------------------------------------------------------------------- rounds


def test_tournaments__are_those_served_with_their_open_round(rest: Rest) -> None:
    [shown] = rest.get("/tournaments")
    where = rest.world.reader.addresses
    assert shown["tournament"] == EIGHT
    assert (shown["name"], shown["pool"], shown["current_round"]) == ("classic", where.pool, 2)


def test_rounds__settled_and_open__as_the_chain_has_them(rest: Rest) -> None:
    page = rest.get("/tournaments/8/rounds")
    assert [(r["number"], r["status"]) for r in page["items"]] == [(2, "OPEN"), (1, "RESOLVED")]
    assert page["next"] is None
    first, commit = page["items"][1], rest.world.reader.committed(1)
    assert commit is not None
    assert first["ended"] == "settled"
    assert first["at_risk"] == nmr(commit.at_risk) == "12.5"
    assert first["chain_head"] == "0x" + commit.chain_head.hex()
    assert first["manifest"] == "0x" + commit.manifest.hex()
    assert [score["name"] for score in first["pays_on"]] == ["corr", "mmc"]
    assert rest.get("/tournaments/8/rounds/current")["number"] == 2


def test_rounds__by_page_and_by_status__each_once(rest: Rest) -> None:
    one = rest.get("/tournaments/8/rounds", limit=1)
    assert ([r["number"] for r in one["items"]], one["next"]) == ([2], 2)
    two = rest.get("/tournaments/8/rounds", limit=1, cursor=one["next"])
    assert ([r["number"] for r in two["items"]], two["next"]) == ([1], None)
    resolved = rest.get("/tournaments/8/rounds", status="RESOLVED")
    assert [r["number"] for r in resolved["items"]] == [1]


def test_scores__of_a_round_and_of_a_model__are_the_committed_ones(rest: Rest) -> None:
    shown = []
    cursor: dict[str, int] = {}
    while True:
        page = rest.get("/tournaments/8/rounds/1/scores", limit=2, **cursor)
        assert len({s["model"] for s in page["items"]}) <= 2
        shown += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    scores = rest.world.results[1].files["outputs/scores.csv"].decode()
    expected = {int(row["model"]): row for row in csv.DictReader(io.StringIO(scores))}
    assert {s["model"] for s in shown} == set(SKILLS) == set(expected)
    for one in shown:
        assert round(one["value"] * 10**9) == int(expected[one["model"]][one["name"]])
    mine = rest.get(f"/models/{rest.uuid(1)}/scores")["items"]
    assert mine == [one for one in shown if one["model"] == 1]


def test_results__of_a_round_and_of_a_model__say_who_was_scored(rest: Rest) -> None:
    page = rest.get("/tournaments/8/rounds/1/results")
    assert {(r["model"], r["status"], r["at_risk"]) for r in page["items"]} == {
        (model, "scored", "2.5") for model in SKILLS
    }
    assert rest.get(f"/models/{rest.uuid(3)}/results")["items"] == [page["items"][3]]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/tournaments/9/rounds", "no tournament 9"),
        ("/tournaments/8/rounds/77", "no round 77"),
        ("/tournaments/8/rounds/99999999999999999999", "number"),
        ("/tournaments/8/rounds/x", "number"),
        ("/tournaments/8/rounds?limit=0", "limit"),
        ("/tournaments/8/rounds?cursor=-1", "cursor"),
        ("/models/00000000-0000-0000-0000-000000000000", "no model"),
        ("/models/%00", "model_id"),
        ("/tournaments/8/models?owner=0x12", "no address"),
        ("/tournaments/8/models?name=%00", "name"),
    ],
)
def test_route__asked_for_what_is_not_there__422_saying_so(
    rest: Rest, path: str, said: str
) -> None:
    assert said in rest.refused(path, 422)["message"]


# ---------------------------------------------------------------------- models


def test_models__all_by_name_and_by_owner__page_by_page(rest: Rest) -> None:
    first = rest.get("/tournaments/8/models", limit=4)
    assert ([m["number"] for m in first["items"]], first["next"]) == ([0, 1, 2, 3], 3)
    count = rest.world.reader.models()
    others = rest.get("/tournaments/8/models", limit=4, cursor=3)
    assert ([m["number"] for m in others["items"]], others["next"]) == ([*range(4, count)], None)
    owner = rest.world.owner(1).address
    owned = rest.get("/tournaments/8/models", owner=owner.lower())["items"]
    assert [m["number"] for m in owned] == [1, 4]
    one = rest.get("/tournaments/8/models", owner=owner, limit=1)
    assert ([m["number"] for m in one["items"]], one["next"]) == ([1], 1)
    [named] = rest.get("/tournaments/8/models", name="model-3")["items"]
    assert named == rest.get(f"/models/{rest.uuid(3)}")
    assert (named["number"], named["owner"]) == (3, rest.world.owner(3).address)


def test_payouts__as_pages_and_csv__are_what_the_pool_did(rest: Rest) -> None:
    rest.serving.services.models.say("=three")
    evaluation = rest.world.results[1]
    assert evaluation is not None
    reader = rest.world.reader
    for model in SKILLS:
        [one] = rest.get(f"/models/{rest.uuid(model)}/payouts")["items"]
        assert (one["round"], one["stake"]) == (1, "2.5")
        stake = reader.pool_at(reader.newest().number).lane(model).stake
        changed = _units(one["payout"]) - _units(one["taken"])
        assert stake == _units("2.5") + changed
        assert one["taken"] == "0" or model == 1
    text = rest.client.get(f"/v1/models/{rest.uuid(2)}/payouts.csv")
    assert text.headers["content-type"].startswith("text/csv")
    [row] = csv.DictReader(io.StringIO(text.text))
    assert row["name"] == "'=three"
    assert row["payout"] == rest.get(f"/models/{rest.uuid(2)}/payouts")["items"][0]["payout"]


def _units(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    whole, _, places = text.lstrip("-").partition(".")
    return sign * (int(whole) * UNITS_PER_NMR + int(places.ljust(9, "0") or 0))


def test_payouts__of_an_account__only_with_its_token(rest: Rest) -> None:
    assert rest.refused("/account/payouts.csv", 401)["code"] == "not_signed_in"
    rest.signed_in(rest.world.owner(0))
    answer = rest.client.get("/v1/account/payouts.csv", headers=rest.headers)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["model"]) for row in rows] == [0, 3]
    assert [m["number"] for m in rest.get("/account/models")] == [0, 3]


def test_submissions__of_somebody_else_or_without_the_scope__refused(rest: Rest) -> None:
    path = f"/models/{rest.uuid(0)}/submissions"
    assert rest.refused(path, 401)["code"] == "not_signed_in"
    assert "not yours" in rest.signed_in(rest.world.owner(1)).refused(path, 422)["message"]
    owner = rest.signed_in(rest.world.owner(0), Scope.STAKE)
    assert owner.refused(path, 403)["code"] == "missing_scope"
    assert rest.signed_in(rest.world.owner(0)).get(path) == []


def test_create__new_name__its_transactions_register_the_model(rest: Rest) -> None:
    wallet = rest.world.owner(2)
    name = f"made by {rest.serving.services.database.engine.dialect.name}"
    made = rest.signed_in(wallet).post("/tournaments/8/models", {"name": name}, 201)
    assert made["name_hash"] == "0x" + keccak(text=name).hex()
    calls = [call["call"] for call in made["calls"]]
    assert (calls[0], calls[-1]) == ("reserve", "register")
    rest.send(made["calls"], wallet)
    rest.world.chain.finalize()
    rest.serving.follow()
    [found] = rest.get("/tournaments/8/models", name=name)["items"]
    assert (found["name"], found["owner"]) == (name, wallet.address)
    answer = rest.client.post("/v1/tournaments/8/models", json={"name": name}, headers=rest.headers)
    assert answer.status_code == 409
    assert "has the name" in answer.json()["error"]["message"]


def test_create__no_name_or_no_scope__refused(rest: Rest) -> None:
    rest.signed_in(rest.world.owner(0))
    answer = rest.client.post(
        "/v1/tournaments/8/models", json={"name": "model-7"}, headers=rest.headers
    )
    assert answer.status_code == 422
    rest.signed_in(rest.world.owner(0), Scope.STAKE)
    answer = rest.client.post("/v1/tournaments/8/models", json={"name": "x"}, headers=rest.headers)
    assert answer.status_code == 403


# ---------------------------------------------------------------------- stakes


def test_stake__with_requests_waiting__shown_as_the_chain_has_it(rest: Rest) -> None:
    reader = rest.world.reader
    lane = reader.pool_at(reader.newest().number).lane(2)
    shown = rest.get(f"/models/{rest.uuid(2)}/stake")
    assert shown["stake"] == nmr(lane.stake)
    assert shown["waiting"] == [{"round": 2, "deposit": "0", "release": "all", "mode": None}]
    assert rest.get(f"/models/{rest.uuid(1)}/stake")["take_profit"] is True
    never = rest.get(f"/models/{rest.uuid(5)}/stake")
    assert (never["stake"], never["claimable"]) == ("0", "0")


def test_transactions__signed_by_the_owner__do_what_they_say(rest: Rest) -> None:
    model, wallet, reader = 5, rest.world.owner(5), rest.world.reader
    path = f"/models/{rest.uuid(model)}/transactions"

    def waiting() -> tuple[int, int, int]:
        found = reader.queue(2, reader.newest().number).get(model)
        return (found.deposit, found.release, found.mode) if found else (0, 0, 0)

    deposit, _, _ = waiting()
    calls = rest.post(path, {"action": "deposit", "amount": "1.25"})
    assert calls[-1]["call"] == "deposit"
    rest.send(calls, wallet)
    rest.send(rest.post(path, {"action": "mode", "mode": "take-profit"}), wallet)
    assert waiting()[0] == deposit + UNITS_PER_NMR * 5 // 4
    assert waiting()[2] == 2
    rest.send(rest.post(path, {"action": "release"}), wallet)
    assert waiting()[1] == 2**56 - 1
    [claim] = rest.post(f"/models/{rest.uuid(1)}/transactions", {"action": "claim"})
    assert (claim["call"], claim["to"]) == ("claim", reader.addresses.pool)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"action": "deposit"}, "needs an amount"),
        ({"action": "deposit", "amount": "0.01"}, "at least 0.1 NMR"),
        ({"action": "deposit", "amount": "1e9"}, "at most 9 decimals"),
        ({"action": "deposit", "amount": "99999999999999"}, "at most 9 decimals"),
        ({"action": "mode"}, "compound or take-profit"),
        ({"action": "payout", "payout": "0x" + "00" * 20}, "hex digits"),
        ({"action": "steal"}, ""),
    ],
)
def test_transactions__senseless_wish__422(rest: Rest, wish: dict[str, str], said: str) -> None:
    path = f"/v1/models/{rest.uuid(0)}/transactions"
    answer = rest.client.post(path, json=wish)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert said in error["message"] + error["fix"]


def test_intent__signed_by_the_owner__is_taken_by_the_relay(rest: Rest) -> None:
    wallet, reader = rest.world.owner(4), rest.world.reader
    wish = {"action": "deposit", "amount": "0.5"}
    rest.world.writer(wallet).approve(UNITS_PER_NMR)
    shown = rest.post(f"/models/{rest.uuid(4)}/intents", wish)
    signable = encode_typed_data(full_message=shown["typed_data"])
    signature = bytes(Wallets.sign_message(signable, wallet.key).signature)
    message = shown["typed_data"]["message"]
    struct = tuple(int(message[name]) for name in list(message)[1:])
    before = reader.queue(2, reader.newest().number).get(4)
    sender = rest.world.writer(rest.world.operators[0]).sender
    sender.send(reader.relay.functions.relay(struct, signature))
    after = reader.queue(2, reader.newest().number)[4]
    assert after.deposit == (before.deposit if before else 0) + UNITS_PER_NMR // 2
    assert shown["relay"] == reader.addresses.relay


def test_mandate__signed_as_the_server_asks__lets_it_change_the_stake(rest: Rest) -> None:
    model, wallet = 3, rest.world.owner(3)
    rest.signed_in(wallet)
    path = f"/models/{rest.uuid(model)}/changes"
    answer = rest.client.post(
        "/v1" + path, json={"action": "increase", "amount": "1"}, headers=rest.headers
    )
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "mandate_needed"
    asked = rest.get("/tournaments/8/mandate-to-sign", max_deposit="5", days=30)
    signable = encode_typed_data(full_message=asked["typed_data"])
    signature = bytes(Wallets.sign_message(signable, wallet.key).signature).hex()
    body = {**asked["unsigned"], "signature": "0x" + signature}
    stored = rest.client.put("/v1/tournaments/8/mandates", json=body, headers=rest.headers)
    assert stored.status_code == 201, stored.text
    assert (stored.json()["models"], stored.json()["max_deposit"]) == ([0, 3], "5")
    rest.send(asked["approve"], wallet)
    made = rest.post(path, {"action": "increase", "amount": "1"}, 201)
    assert (made["status"], made["round"], made["amount"]) == ("mined", 2, "1")
    receipt = rest.world.reader.web3.eth.get_transaction_receipt(made["transaction"])
    assert receipt["from"] == RELAYER.address
    assert rest.get(path) == [made]
    [listed] = rest.get("/tournaments/8/mandates")
    assert (listed["deposited"], listed["revoked"]) == ("1", False)
    rest.send(rest.post(f"/tournaments/8/mandates/{listed['hash']}/revocation", {}), wallet)
    [listed] = rest.get("/tournaments/8/mandates")
    assert listed["revoked"] is True


@pytest.mark.parametrize(("model", "first"), [(None, 0), (7, 0), (99, 0), (500, 0)])
def test_mandate__more_models_than_it_holds__the_one_in_question_is_among_them(
    model: int | None, first: int
) -> None:
    mine = list(range(100))
    found = named(mine, model)
    assert len(found) == len(set(found)) == 64
    assert first in found
    assert model is None or (model in found) == (model in mine)


def test_mandate__for_models_of_others__refused(rest: Rest) -> None:
    rest.signed_in(rest.world.owner(0))
    error = rest.refused("/tournaments/8/mandate-to-sign", 422, models=[1])
    assert "not all of these models are yours" in error["message"]


# ---------------------------------------------------------------------- evidence


def test_evidence__of_every_model__recomputed_from_what_is_shown(rest: Rest) -> None:
    commit = rest.world.reader.committed(1)
    assert commit is not None
    for model in SKILLS:
        shown = rest.get(f"/models/{rest.uuid(model)}/rounds/1/evidence")
        path = shown["path"]
        batch = Batch(path["start"], tuple(int(word, 16) for word in path["words"]))
        head = link(batch, bytes.fromhex(path["following"][2:]))
        for one in path["earlier"]:
            hashed = bytes.fromhex(one["words_hash"][2:])
            head = keccak(head + one["start"].to_bytes(32, "big") + hashed)
        assert head == commit.chain_head
        word = batch.words[shown["word_index"] - batch.start]
        lane = decode_score_lane(split_word(word)[shown["position"]])
        assert lane == ScoreLane(tuple(shown["scores"]), shown["level"])
        values = {**shown["coefficients"], "c": tuple(shown["coefficients"]["c"])}
        change = payout.change(Coefficients(**values), _units(shown["stake"]), lane)
        assert nmr(change) == shown["payout"]
        assert shown["commit"]["meta_root"] == "0x" + commit.meta_root.hex()


def test_evidence__model_without_scores_or_round_without_result__said(rest: Rest) -> None:
    shown = rest.get(f"/models/{rest.uuid(5)}/rounds/1/evidence")
    assert (shown["scores"], shown["payout"]) == ([0, 0, 0], None)
    error = rest.refused(f"/models/{rest.uuid(0)}/rounds/2/evidence", 409)
    assert "no committed result" in error["message"]


def test_meta_model__a_row__leads_to_the_committed_root(rest: Rest) -> None:
    commit = rest.world.reader.committed(1)
    assert commit is not None
    raw = rest.world.results[1].files["outputs/meta_model.csv"].decode()
    for line in raw.splitlines()[1::13]:
        row_id, value = line.split(",")
        shown = rest.get(f"/tournaments/8/rounds/1/meta-model/{row_id}")
        assert (shown["value"], shown["root"]) == (int(value), "0x" + commit.meta_root.hex())
        member = leaf(1, row_id, int(value))
        path = [bytes.fromhex(one[2:]) for one in shown["proof"]]
        assert verify(commit.meta_root, member, path)
    assert "no row" in rest.refused("/tournaments/8/rounds/1/meta-model/nothing", 422)["message"]
    assert "no committed" in rest.refused("/tournaments/8/rounds/2/meta-model/n", 409)["message"]


def test_artefacts__listed_and_fetched__byte_for_byte_with_ranges(rest: Rest) -> None:
    shown = rest.get("/tournaments/8/rounds/1/artefacts")
    commit = rest.world.reader.committed(1)
    assert commit is not None
    assert shown["manifest"] == "0x" + commit.manifest.hex()
    fetched = [one for one in shown["files"] if one["url"]]
    assert {one["path"] for one in fetched} >= {"outputs/scores.csv", "outputs/batches.json"}
    assert all(not one["path"].startswith("inputs/submissions/") for one in fetched)
    for one in fetched:
        answer = rest.client.get(one["url"])
        assert answer.status_code == 200, one
        assert len(answer.content) == one["size"] == int(answer.headers["content-length"])
        assert "0x" + hashlib.sha256(answer.content).hexdigest() == one["sha256"]
    part = rest.client.get(fetched[0]["url"], headers={"Range": "bytes=1-4"})
    assert part.status_code == 206
    assert part.content == rest.client.get(fetched[0]["url"]).content[1:5]


@pytest.mark.parametrize(
    "path",
    ["../../../secret", "%2e%2e/%2e%2e/url.secret", "/etc/passwd", "inputs/targets.csv", "%00"],
)
def test_artefact__not_one_that_is_shown__422(rest: Rest, path: str) -> None:
    answer = rest.client.get("/v1/tournaments/8/rounds/1/artefacts/" + path)
    assert answer.status_code in (404, 422)
    assert set(answer.json()["error"]) == {"code", "message", "fix"}


# ---------------------------------------------------------------------- chain


def test_chain__shows_contracts_blocks_and_the_pool(rest: Rest) -> None:
    shown, reader = rest.get("/tournaments/8/chain"), rest.world.reader
    assert shown["contracts"]["pool"] == reader.addresses.pool
    assert shown["contracts"]["relay"] == reader.addresses.relay
    assert (shown["relayer"], shown["target"], shown["wound_down"]) == (RELAYER.address, 2, False)
    assert shown["pool"]["staked"] == nmr(reader.totals()["staked"])
    assert shown["finalized"] <= shown["newest"] == reader.newest().number


def test_openapi__every_route__says_its_errors(rest: Rest) -> None:
    paths = rest.client.get("/v1/openapi.json").json()["paths"]
    mine = [path for path in paths if "/rounds" in path or path.startswith("/v1/models")]
    assert len(mine) > 10
    for path in mine:
        for operation in paths[path].values():
            assert {"401", "409", "422", "429"} <= set(operation["responses"]), path


# ---------------------------------------------------------------------- the same over GraphQL


def ask(rest: Rest, query: str) -> dict[str, Any]:
    answer = rest.client.post("/", json={"query": query}, headers=rest.headers)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_v3__config_round_and_claims__from_the_chain(rest: Rest) -> None:
    rest.signed_in(rest.world.owner(1))
    where, commit = rest.world.reader.addresses, rest.world.reader.committed(1)
    assert commit is not None
    config = ask(rest, "{ v3StakeConfig { address nmrAddress paused serviceWallet owner } }")
    assert config["data"]["v3StakeConfig"] == {
        "address": where.pool,
        "nmrAddress": where.token,
        "paused": False,
        "serviceWallet": RELAYER.address,
        "owner": rest.world.reader.governor,
    }
    fields = "state resolved totalStaked totalPayout remainingPayout merkleRoot payoutFactor"
    found = ask(rest, f'{{ v3StakeRound(roundId: "8-1") {{ {fields} }} }}')["data"]["v3StakeRound"]
    assert (found["state"], found["resolved"], found["totalStaked"]) == ("RESOLVED", True, "12.5")
    assert found["merkleRoot"] == "0x" + commit.chain_head.hex()
    open_one = ask(rest, f'{{ v3StakeRound(roundId: "2") {{ {fields} }} }}')["data"]["v3StakeRound"]
    assert (open_one["state"], open_one["totalPayout"]) == ("OPEN", None)
    amounts = "modelId payoutAmountWei burnAmountWei claimableAmountWei merkleRoot proof"
    staker = rest.world.owner(1).address
    claims = ask(rest, f'{{ v3StakeClaims(staker: "{staker}") {{ {amounts} }} }}')
    by_model = {claim["modelId"]: claim for claim in claims["data"]["v3StakeClaims"]}
    assert set(by_model) == {"1", "4"}
    for model, claim in by_model.items():
        [paid] = rest.get(f"/models/{rest.uuid(int(model))}/payouts")["items"]
        change = int(claim["payoutAmountWei"]) - int(claim["burnAmountWei"])
        assert change == _units(paid["payout"]) * 10**9
        assert _head(claim["proof"]) == claim["merkleRoot"]
    out = rest.world.reader.pool_at(rest.world.reader.newest().number).out.get(1, 0)
    assert int(by_model["1"]["claimableAmountWei"]) == out * 10**9
    one = f'{{ v3StakeClaim(roundId: "1", modelId: "{rest.uuid(1)}", staker: "{staker}")'
    assert ask(rest, f"{one} {{ {amounts} }} }}")["data"]["v3StakeClaim"] == by_model["1"]


def test_v3__round_before_its_close__what_is_staked_by_what_is_asked_for(rest: Rest) -> None:
    rest.world.chain.finalize()
    rest.serving.follow()
    reader = rest.world.reader
    projected = reader.pool_at(reader.newest().number).stakes(2, reader.models())
    rest.signed_in(rest.world.owner(1))
    found = ask(rest, '{ v3StakeRound(roundId: "8-2") { totalStaked } }')
    assert found["data"]["v3StakeRound"]["totalStaked"] == nmr(sum(projected.stakes.values()))


def _head(proof: list[str]) -> str:
    """The committed link, by a proof alone."""
    following, batch, *earlier = (bytes.fromhex(one[2:]) for one in proof)
    numbers = [int.from_bytes(batch[k : k + 32], "big") for k in range(0, len(batch), 32)]
    head = link(Batch(numbers[0], tuple(numbers[1:])), following)
    for one in earlier:
        head = keccak(head + one)
    return "0x" + head.hex()


def test_v3__claim_of_another_wallet_or_an_open_round__says_why(rest: Rest) -> None:
    rest.signed_in(rest.world.owner(1))
    other, owner = rest.world.owner(0).address, rest.world.owner(1).address
    text = '{{ v3StakeClaim(roundId: "{}", modelId: "{}", staker: "{}") {{ proof }} }}'
    answer = ask(rest, text.format(1, rest.uuid(1), other))
    assert "does not stake on model 1" in answer["errors"][0]["message"]
    answer = ask(rest, text.format(2, rest.uuid(1), owner))
    assert "round 2 is not settled yet" in answer["errors"][0]["message"]
    scopeless = rest.signed_in(rest.world.owner(1), Scope.STAKE)
    answer = ask(scopeless, "{ v3StakeConfig { address } }")
    assert answer["errors"][0]["message"] == "Insufficient permission for web3_staking"


def test_v2_change_stake__no_mandate__errors_carry_the_page(rest: Rest) -> None:
    rest.signed_in(rest.world.owner(2))
    query = f'mutation {{ v2ChangeStake(value: "1", type: "increase", modelId: "{rest.uuid(2)}") '
    answer = ask(rest, query + "{ status } }")
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "mandate_needed"
    assert "/sign?tournament=8&model=2&action=increase" in error["message"]


def test_v2_change_and_release__with_a_mandate__reach_the_chain(rest: Rest) -> None:
    staker = Staker(rest.world, rest.serving, 5)
    staker.allow()
    rest.signed_in(staker.wallet)
    uuid, fields = rest.uuid(5), "{ status type requestedAmount dueDate }"
    change = f'v2ChangeStake(value: "0.5", type: "increase", modelId: "{uuid}")'
    found = ask(rest, f"mutation {{ {change} {fields} }}")["data"]["v2ChangeStake"]
    assert (found["status"], found["requestedAmount"]) == ("mined", "0.5")
    release = (
        f'mutation {{ releaseStake(drain: true, modelId: "{uuid}", amount: "11000000") {fields} }}'
    )
    reader = rest.world.reader
    waiting = reader.queue(2, reader.newest().number).get(5)
    if waiting is None or not waiting.release:  # the chain is one for both databases
        assert ask(rest, release)["data"]["releaseStake"]["status"] == "mined"
    assert reader.queue(2, reader.newest().number)[5].release == 2**56 - 1
    [error] = ask(rest, release)["errors"]
    assert "0 NMR that can be released, beside what is being released" in error["message"]
