"""A round on a real chain with real operator processes: what came of it."""

import csv
import io
import json
from copy import deepcopy
from dataclasses import replace

import pytest
from web3.exceptions import ContractLogicError

from oracle.bridge.client import nmr_of
from oracle.bridge.contracts import child_token, root_token
from oracle.chain.keys import dev_account
from oracle.chain.rpc import connect
from oracle.cli.demo_page import show
from oracle.cli.output import Output
from oracle.evaluation.published import inputs_of, read_batches
from oracle.participant.client import Client
from oracle.settlement.manifest import TARGETS
from oracle.settlement.payout import Coefficients, change
from oracle.settlement.reference import RoundTerms
from oracle.settlement.words import ScoreLane, decode_score_lane, split_word
from oracle.store.artefacts import RoundFolder, read_file, read_manifest, round_path

pytestmark = [pytest.mark.chain, pytest.mark.slow, pytest.mark.xdist_group("played")]


def test_demo__killed_half_way__leaves_no_process(played):
    assert played.left_by_killed_run == []


def test_settle__every_lane_equals_the_reference_model(played):
    folder, story = played.story.artefacts, played.story
    published = RoundFolder(folder)
    published.check()
    manifest = published.manifest()
    inputs = inputs_of(manifest, published.read, published.read(TARGETS))
    expected = deepcopy(story.before)
    gains, burns = expected.settle_round(
        1,
        RoundTerms(
            template=inputs.announcement.template,
            phi=inputs.announcement.phi,
            at_risk=int(manifest.at_risk),
            words=manifest.batch_chain.words,
            chain_head=bytes.fromhex(manifest.batch_chain.head[2:]),
        ),
        read_batches(folder),
    )
    assert gains > 0
    assert burns > 0
    for player in story.players:
        assert story.after.lane(player.model) == expected.lane(player.model), player.name
    assert story.after.out == expected.out
    assert (story.after.vault, story.after.burn_owed) == (expected.vault, expected.burn_owed)


def test_demo__operators_agree_to_the_byte(played):
    where = played.demo.reader.addresses
    digests = set()
    for operator in played.demo.options.topology.operators:
        home = played.demo.devnet.artefacts(operator.name)
        digests.add(read_manifest(round_path(home, where.chain_id, where.pool, 1)).digest())
    assert len(digests) == 1


def test_demo__late_and_broken_models__have_no_stake_at_risk(played):
    story = played.story
    late = next(p for p in story.players if p.late)
    broken = next(p for p in story.players if p.refusal)
    assert broken.refusal.startswith("invalid_submission_")
    for player in (late, broken):
        assert story.after.lane(player.model).stake == player.stake
    listed = json.loads(read_file(story.artefacts, "inputs/submissions.json"))
    assert [s["on_time"] for s in listed["accepted"] if s["model"] == late.model] == [False]
    assert broken.model not in [s["model"] for s in listed["accepted"]]


def test_demo__identical_predictions__have_identical_scores(played):
    lines = read_file(played.story.artefacts, "outputs/scores.csv").decode().splitlines()
    scores = {int(line.split(",")[0]): line.split(",")[3:6] for line in lines[1:]}
    twin = next(p for p in played.story.players if p.name == "twin")
    assert scores[twin.model] == scores[played.story.players[0].model]


def test_demo__mandate__the_relayer_deposited_what_it_allowed(played):
    reader, story = played.demo.reader, played.story
    used = reader.relay.events.MandateUsed().get_logs(from_block=0)
    given = [player for player in story.players if player.by_mandate]
    assert {log["args"]["model"] for log in used} == {player.model for player in given}
    last = used[-1]["args"]
    staker = given[0].staker
    total = sum(p.stake for p in given if p.staker == staker) * 10**9
    assert reader.mandate_use(last["owner"], last["mandate"]) == {
        "deposited": total,
        "released": 0,
        "revoked": False,
    }
    for player in given:
        assert story.before.lane(player.model).stake == player.stake


def test_demo__models_close_to_the_meta_model__are_hardened_on_chain(played):
    """Levels are in the score words, and burn more there than the same scores without them."""
    folder, story = played.story.artefacts, played.story
    text = read_file(folder, "outputs/scores.csv").decode()
    levels = {int(row["model"]): int(row["level"]) for row in csv.DictReader(io.StringIO(text))}
    burned = {
        player.model: story.before.lane(player.model).stake - story.after.lane(player.model).stake
        for player in story.players
    }
    assert any(levels[model] for model in levels)
    lanes = {
        4 * index + position: decode_score_lane(bits)
        for batch in read_batches(folder)
        for index, word in enumerate(batch.words, batch.start)
        for position, bits in enumerate(split_word(word))
    }
    on_time = [model for model, lane in lanes.items() if lane != ScoreLane()]
    assert {model: lanes[model].level for model in on_time} == {m: levels[m] for m in on_time}
    coefficients = Coefficients(**_coefficients(played.demo.reader))
    for model in on_time:
        plain = change(coefficients, story.before.lane(model).stake, replace(lanes[model], level=0))
        if plain < 0:
            assert burned[model] >= -plain


def _coefficients(reader):
    c1, c2, c3, up, down, hk, scale = reader.round_state(1)["coefficients"]
    return {"c": (c1, c2, c3), "up": up, "down": down, "hk": hk, "scale": scale}


def test_pool__balance__covers_what_it_holds_exactly(played):
    reader = played.demo.reader
    totals = reader.totals()
    token = child_token(reader.web3, played.demo.devnet.bridge())
    balance = token.functions.balanceOf(reader.addresses.pool).call()
    assert balance == sum(totals.values()) * 10**9


def test_commit__a_second_one_for_the_round__is_refused(played):
    reader = played.demo.reader
    commit = reader.committed(1)
    call = reader.oracle.functions.commit(1, commit.result.argument(), [])
    with pytest.raises(ContractLogicError, match="oracle: already committed"):
        call.call()


# ---------------------------------------------------------------------- both chains

ALL_NMR = 11_000_000 * 10**18
NOBODY = "0x" + "00" * 20


def _root(played):
    return connect(played.demo.options.topology.root_rpc)


def test_demo__at_its_end__root_supply_is_less_by_exactly_the_burns(played):
    """By the contracts' own events: what rounds and registrations burned, and what is destroyed."""
    reader, bridge = played.demo.reader, played.demo.devnet.bridge()
    settled = reader.pool.events.BatchSettled().get_logs(from_block=0)
    burned = sum(log["args"]["burns"] for log in settled) * 10**9
    fees = reader.fee * len(reader.registry.events.Registered().get_logs(from_block=0))
    token = root_token(_root(played), bridge)
    destroyed = token.events.Transfer().get_logs(from_block=0, argument_filters={"to": NOBODY})
    assert burned > 0
    assert fees == len(played.story.players) * reader.fee
    assert token.functions.totalSupply().call() == ALL_NMR - burned - fees
    assert sum(log["args"]["value"] for log in destroyed) == burned + fees
    assert {log["args"]["from"] for log in destroyed} == {bridge.burn_vault}
    assert played.story.closing.fell == burned + fees


def test_demo__stakers__bridged_in_what_they_staked_and_back_what_they_got(played):
    demo, bridge = played.demo, played.demo.devnet.bridge()
    above, below = root_token(_root(played), bridge), child_token(demo.reader.web3, bridge)
    stakers = demo.options.topology.stakers
    held = int(stakers.nmr) * 10**18
    needs = dict.fromkeys(range(stakers.count), 0)
    for player in played.story.players:
        needs[player.staker] += player.stake * 10**9 + demo.reader.fee
    balances = {}
    for staker in needs:
        account = dev_account(stakers.first_account + staker).address
        assert below.functions.balanceOf(account).call() == 0
        balances[staker] = above.functions.balanceOf(account).call() - held + needs[staker]
    assert sum(balances.values()) == played.story.returned > 0
    assert min(balances.values()) >= 0
    burnt = below.events.Transfer().get_logs(from_block=0, argument_filters={"to": NOBODY})
    burners = {log["args"]["from"] for log in burnt} - {bridge.burn_vault}
    assert len(burners) == sum(value > 0 for value in balances.values())


def test_demo__one_staker_had_an_allowance__it_was_changed_in_one_call(played):
    """NMR's ``approve`` would have refused."""
    bridge, root = played.demo.devnet.bridge(), _root(played)
    token = root_token(root, bridge)
    change = token.functions.changeApproval(NOBODY, 0, 0).selector
    first = dev_account(played.demo.options.topology.stakers.first_account).address
    called = [
        bytes(transaction["input"])[:4].hex()
        for number in range(root.eth.block_number + 1)
        for transaction in root.eth.get_block(number, True)["transactions"]
        if transaction["from"] == first and transaction["to"] == bridge.root.token
    ]
    assert called.count(change.removeprefix("0x")) == 1


def test_demo__pool__takes_the_bridges_token_and_burns_into_its_vault(played):
    where, bridge = played.demo.reader.addresses, played.demo.devnet.bridge()
    assert (where.token, where.burn_vault) == (bridge.child.token, bridge.burn_vault)
    for web3 in (_root(played), played.demo.reader.web3):
        assert web3.eth.get_code(bridge.burn_vault)


def test_demo_page__last_line__is_of_the_supply(played, capsys):
    result = show(played.story, played.demo, Output(as_json=False), serve=False)
    closing = played.story.closing
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("ok root totalSupply of NMR fell by ")
    assert f"fell by {nmr_of(closing.fell)}: exactly the sum of burns (round " in last
    assert result["bridge"]["supply on the root chain before"] == "11000000"


# ---------------------------------------------------------------------- the tournament server


@pytest.fixture(scope="module")
def server(played):
    """As who did not sign in."""
    return Client(played.demo.options.topology.required_server().url)


def test_demo__read_back_from_the_server__as_many_values_as_there_are(played):
    text = read_file(played.story.artefacts, "outputs/scores.csv").decode()
    scored, models = len(text.splitlines()) - 1, len(played.story.players)
    compared = played.story.compared
    assert compared["scores"] == scored * 3 > 0
    assert compared["stakes"] == compared["places of the leaderboard"] == models
    assert compared["published files"] >= 8  # those, and what the server makes of past rounds


def test_demo__at_the_server__models_have_the_names_that_owners_said(played, server):
    shown = server.pages("/v1/tournaments/8/models")
    assert {m["number"]: m["name"] for m in shown} == {
        player.model: player.name for player in played.story.players
    }


def test_demo__submissions__by_the_servers_key_with_the_owners_word(played):
    """Operators took them on a signature of the server's submitter, which the owner had allowed."""
    listed = json.loads(read_file(played.story.artefacts, "inputs/submissions.json"))
    delegated = 2 * (65 + 65 + 4 + 4) + len("0x")
    assert {len(entry["signature"]) for entry in listed["accepted"]} == {delegated}


def test_demo__server__refused_file_is_in_its_owners_history(played):
    broken = next(p for p in played.story.players if p.refusal)
    visitors = played.demo.visitors
    path = f"/v1/models/{visitors.models[broken.model]}/submissions"
    [refused] = visitors.clients[broken.staker].get(path)
    assert (refused["status"], refused["reason"]) == ("refused", broken.refusal)
