"""Which requests several endpoints must agree on, what agreement is, and who is kept out."""

from typing import Any

import pytest

from oracle.chain.answers import (
    Kind,
    at_block,
    comparable,
    is_repeatable,
    kind_of,
    names_finalized,
    newest_block,
)
from oracle.chain.ballot import Ballot
from oracle.chain.endpoint import Endpoint, host
from oracle.chain.fan_out import outcome

HASH = "0x" + "ab" * 32
CALL = {"to": "0x" + "11" * 20}


@pytest.mark.parametrize(
    ("method", "parameters", "kind"),
    [
        ("eth_call", [CALL, "0x10"], Kind.FIXED),
        ("eth_call", [CALL, {"blockHash": HASH}], Kind.FIXED),
        ("eth_call", [CALL, "latest"], Kind.CHANGING),
        ("eth_call", [CALL], Kind.CHANGING),
        ("eth_getCode", [CALL["to"], 16], Kind.FIXED),
        ("eth_getTransactionCount", [CALL["to"], "pending"], Kind.CHANGING),
        ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "0x10"}], Kind.FIXED),
        ("eth_getLogs", [{"blockHash": HASH}], Kind.FIXED),
        ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "latest"}], Kind.CHANGING),
        ("eth_getLogs", [{"fromBlock": "0x0"}], Kind.CHANGING),
        ("eth_getBlockByNumber", ["0x10", False], Kind.FIXED),
        ("eth_getBlockByNumber", ["earliest", False], Kind.FIXED),
        ("eth_getBlockByNumber", ["latest", False], Kind.CHANGING),
        ("eth_getBlockByNumber", ["finalized", False], Kind.FINALIZED),
        ("eth_getBlockByHash", [HASH, False], Kind.FIXED),
        ("eth_getTransactionReceipt", [HASH], Kind.LOOKUP),
        ("eth_sendRawTransaction", ["0x02"], Kind.BROADCAST),
        ("eth_estimateGas", [CALL, "0x10"], Kind.CHANGING),
        ("eth_gasPrice", [], Kind.CHANGING),
    ],
)
def test_kind__request__is_asked_of_several_only_where_the_answer_is_fixed(
    method: str, parameters: list[Any], kind: Kind
) -> None:
    assert kind_of(method, parameters) is kind


def test_finalized__in_a_call_or_a_range__is_replaced_by_the_block() -> None:
    logs = [{"fromBlock": "0x1", "toBlock": "finalized"}]
    assert names_finalized("eth_call", [CALL, "finalized"])
    assert names_finalized("eth_getLogs", logs)
    assert not names_finalized("eth_getBlockByNumber", ["finalized", False])
    assert not names_finalized("eth_call", [CALL, "latest"])
    assert at_block("eth_call", [CALL, "finalized"], 16) == [CALL, "0x10"]
    assert at_block("eth_getLogs", logs, 16) == [{"fromBlock": "0x1", "toBlock": "0x10"}]


def test_newest_block__by_number_or_hash__number_or_none() -> None:
    assert newest_block("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x10"}]) == 16
    assert newest_block("eth_call", [CALL, 7]) == 7
    assert newest_block("eth_call", [CALL, {"blockHash": HASH}]) is None
    assert newest_block("eth_getBlockByHash", [HASH, False]) is None


def test_repeatable__what_only_reads__and_nothing_that_signs_or_mines() -> None:
    assert is_repeatable("eth_call")
    assert not is_repeatable("eth_sendRawTransaction")
    assert not is_repeatable("eth_sendTransaction")
    assert not is_repeatable("evm_mine")


BLOCK = {"hash": HASH, "parentHash": HASH, "number": "0x1", "timestamp": "0x2"}
LOG = {
    "address": "0x" + "Ab" * 20,
    "topics": [HASH],
    "data": "0x01",
    "blockNumber": "0x1",
    "blockHash": HASH,
    "transactionHash": HASH,
    "logIndex": "0x0",
}


def test_comparable__nodes_of_other_makes__same_for_the_same_content() -> None:
    other = LOG | {"address": LOG["address"].lower(), "removed": False, "blockTimestamp": "0x2"}
    second = LOG | {"logIndex": "0x1"}
    logs = comparable("eth_getLogs", {"result": [LOG, second]})
    assert comparable("eth_getLogs", {"result": [second, other]}) == logs
    block = comparable("eth_getBlockByNumber", {"result": BLOCK})
    assert comparable("eth_getBlockByNumber", {"result": BLOCK | {"size": "0x9"}}) == block
    reverted = comparable("eth_call", {"error": {"code": 3, "message": "execution reverted: x"}})
    other_words = {"error": {"code": -32000, "message": "VM Exception: revert", "data": "0x"}}
    assert comparable("eth_call", other_words) == reverted


@pytest.mark.parametrize("field", sorted(LOG))
def test_comparable__any_field_of_a_log_differs__so_does_the_answer(field: str) -> None:
    altered = LOG | {field: [] if field == "topics" else "0xffff"}
    before = comparable("eth_getLogs", {"result": [LOG]})
    assert comparable("eth_getLogs", {"result": [altered]}) != before


@pytest.mark.parametrize("field", sorted(BLOCK))
def test_comparable__anything_of_a_block_that_decides_differs__so_does_the_answer(
    field: str,
) -> None:
    before = comparable("eth_getBlockByNumber", {"result": BLOCK})
    assert comparable("eth_getBlockByNumber", {"result": BLOCK | {field: "0xffff"}}) != before


def test_comparable__nothing_known_or_an_error__says_nothing() -> None:
    assert comparable("eth_getBlockByNumber", {"result": None}) is None
    assert comparable("eth_call", {"error": {"code": -32000, "message": "no header"}}) is None


# ---------------------------------------------------------------------- ballots


def ballot(needed: int, *results: Any) -> tuple[Ballot, list[Endpoint]]:
    """A ballot of one endpoint for each result; None for an endpoint that gave none."""
    voters = [Endpoint(f"http://node-{i}:1", 1.0) for i in range(len(results))]
    answers = [None if result is None else {"result": result} for result in results]
    return Ballot("eth_call", needed).add(zip(voters, answers, strict=True)), voters


@pytest.mark.parametrize(
    ("needed", "results", "winner", "losers"),
    [
        (2, ["a", "a"], "a", []),
        (2, ["a", "b", "a"], "a", [1]),
        (2, ["a", "b"], None, []),
        (2, ["a", "b", "a", "b"], None, []),
        (3, ["a", "a", "b"], "a", [2]),  # most of those there are
        (3, ["a", "a", "b", "c"], None, []),
        (2, ["a", None], "a", []),  # nobody contradicts it
        (2, [None, None], None, []),
        (2, ["a", "a", "b", "c"], "a", [2, 3]),
    ],
)
def test_ballot__answers_differ__the_majority_wins_or_nobody(
    needed: int, results: list[Any], winner: str | None, losers: list[int]
) -> None:
    counted, voters = ballot(needed, *results)
    answer = counted.winner()
    assert (answer and answer["result"]) == winner
    if winner is not None:
        assert counted.losers() == [voters[i] for i in losers]


def test_ballot__unknown_to_some__is_no_vote_but_kept() -> None:
    counted, _ = ballot(2, "a")
    nobody = Endpoint("http://node:1", 1.0)
    counted.add([(nobody, {"error": {"code": -32000, "message": "no header"}})])
    counted.add([(nobody, {"result": None}), (nobody, None)])
    assert not counted.split
    assert counted.refused == {"result": None}


# ---------------------------------------------------------------------- one endpoint


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_endpoint__fails_again_and_again__is_left_alone_longer_each_time_up_to_a_limit() -> None:
    clock = Clock()
    endpoint = Endpoint("http://node:1", 1.0, clock)
    waits = []
    for _ in range(12):
        endpoint.failed("does not answer")
        start = clock.now
        while not endpoint.retry_due:
            clock.now += 0.05
        waits.append(clock.now - start)
    assert 0.4 < waits[0] < 1.6
    assert all(later > waits[0] for later in waits[3:])
    assert max(waits) < 91
    assert len({round(wait, 1) for wait in waits[-4:]}) > 1  # jitter
    endpoint.passed()
    assert endpoint.healthy
    endpoint.failed("does not answer")
    clock.now += 1.6
    assert endpoint.retry_due


def test_endpoint__outvoted__no_good_answer_brings_it_back_before_its_time() -> None:
    clock = Clock()
    endpoint = Endpoint("http://node:1", 1.0, clock)
    endpoint.passed()
    endpoint.outvoted("answered eth_call otherwise than the others")
    clock.now += 100
    endpoint.passed()
    endpoint.failed("does not answer")
    assert not endpoint.healthy
    assert endpoint.quarantined
    assert endpoint.health().reason == "answered eth_call otherwise than the others"
    clock.now += 400
    assert endpoint.retry_due
    endpoint.passed()
    assert endpoint.healthy
    assert endpoint.health().disagreements == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:hunter2@node.example/v3/key?k=1", "node.example"),
        ("http://127.0.0.1:8545/secret", "http://127.0.0.1:8545"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("node.example", "node.example"),
        ("node.example, 127.0.0.1:8545", "node.example, 127.0.0.1:8545"),
    ],
)
def test_host__address_or_label__without_secrets(url: str, shown: str) -> None:
    assert host(url) == shown


# ---------------------------------------------------------------------- transactions


def test_fan_out__one_took_it__success_whatever_the_others_say() -> None:
    refused = {"error": {"code": -32000, "message": "nonce too low"}}
    assert outcome([refused, {"result": HASH}], "0x02", never) == {"result": HASH}


def test_fan_out__known_already__success_under_its_hash() -> None:
    refused = {"error": {"code": -32000, "message": "already known"}}
    answer = outcome([refused], "0x02", never)
    digest = "0xf2ee15ea639b73fa3db9b34a245bdfa015c260c598b211bf05a1ecc4b3e3b4f2"
    assert answer is not None
    assert answer["result"] == digest
    assert outcome([refused], b"\x02", never) == answer


def test_fan_out__refused_and_unknown__the_refusal() -> None:
    refused = {"error": {"code": -32000, "message": "nonce too low"}}
    assert outcome([refused], "0x02", lambda *_: {"result": None}) == refused
    found = outcome([refused], "0x02", lambda *_: {"result": {"hash": HASH}})
    assert found is not None
    assert "result" in found


def test_fan_out__nobody_answered__none() -> None:
    assert outcome([], "0x02", never) is None


def never(*_: Any) -> dict[str, Any]:
    raise AssertionError("must not be asked")
