"""In how many blocks at a time logs are asked for."""

import pytest
from web3.exceptions import Web3RPCError

from oracle.chain.logs import RpcLogs
from oracle.errors import UnreachableError

Pages = list[tuple[int, int]]


def asked(logs: RpcLogs, first: int, last: int, refuse: list[Exception]) -> Pages:
    """The spans that were asked for, the first of them being refused with ``refuse``."""
    spans: Pages = []

    def read(start: int, end: int) -> list[int]:
        spans.append((start, end))
        if refuse:
            raise refuse.pop(0)
        return []

    list(logs.pages(read, first, last))
    return spans


@pytest.fixture
def logs() -> RpcLogs:
    return RpcLogs(None, "http://node", [], page=1000)  # type: ignore[arg-type]


def test_pages__a_short_one_refused_once__long_ones_are_asked_for_again(logs: RpcLogs) -> None:
    asked(logs, 1, 2, [Web3RPCError("header not found")])
    assert len(asked(logs, 1, 100_000, [])) < 150


def test_pages__too_long_for_the_node__mostly_shorter_ones(logs: RpcLogs) -> None:
    spans: Pages = []

    def read(start: int, end: int) -> list[int]:
        spans.append((start, end))
        if end - start >= 100:
            raise Web3RPCError("range is too large")
        return []

    ends = [end for end, _ in logs.pages(read, 1, 10_000)]
    assert ends[-1] == 10_000
    assert len(spans) < 2 * 10_000 / 50


def test_pages__no_answer_in_time__shorter_ones_are_tried(logs: RpcLogs) -> None:
    spans = asked(logs, 1, 1000, [UnreachableError("does not answer in time")])
    assert spans[:2] == [(1, 1000), (1, 500)]


def test_pages__nobody_answers_at_all__ends_soon(logs: RpcLogs) -> None:
    refuse: list[Exception] = [UnreachableError("no answer")] * 100
    with pytest.raises(UnreachableError):
        asked(logs, 1, 1000, refuse)
    assert len(refuse) > 90
