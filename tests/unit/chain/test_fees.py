"""Offers for gas, and what nodes say to a transaction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from oracle.chain.fees import GWEI, MOST_TIP, Fees, market, raised
from oracle.chain.posting import Posted, meaning

_wei = st.integers(0, 10**15)


@st.composite
def offers(draw: st.DrawFn) -> Fees:
    tip = draw(_wei)
    return Fees(tip + draw(_wei), tip)


@given(old=offers(), now=offers(), cap=st.none() | _wei)
def test_raised__any_offers__an_eighth_more_at_least_and_never_above_the_cap(
    old: Fees, now: Fees, cap: int | None
) -> None:
    new = raised(old, now, cap)
    if new is None:
        assert cap is not None
        assert cap * 8 < old.max_fee * 9 or cap == old.max_fee
        return
    assert new.max_fee * 8 >= old.max_fee * 9
    assert new.tip * 8 >= old.tip * 9
    assert new.max_fee > old.max_fee
    assert new.tip > old.tip
    assert new.tip <= new.max_fee
    assert cap is None or new.max_fee <= cap
    assert new.max_fee >= now.max_fee or new.max_fee == cap or cap is None


class GreedyNode(JSONBaseProvider):
    """Says that everybody tips a million gwei."""

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        answers = {
            "eth_maxPriorityFeePerGas": hex(10**6 * GWEI),
            "eth_feeHistory": {
                "baseFeePerGas": [hex(GWEI), hex(GWEI)],
                "gasUsedRatio": [0.5],
                "oldestBlock": "0x1",
                "reward": [],
            },
        }
        return {"jsonrpc": "2.0", "id": 1, "result": answers[method]}


def test_market__node_names_an_absurd_tip__a_bounded_one_is_offered() -> None:
    assert market(Web3(GreedyNode())) == Fees(2 * GWEI + MOST_TIP, MOST_TIP)


def test_raised__market_far_above__offers_what_it_asks() -> None:
    assert raised(Fees(3 * GWEI, GWEI), Fees(90 * GWEI, 30 * GWEI), None) == Fees(
        90 * GWEI, 30 * GWEI
    )


def test_raised__cap_between__stops_at_the_cap() -> None:
    assert raised(Fees(8 * GWEI, GWEI), Fees(90 * GWEI, 30 * GWEI), 9 * GWEI) == Fees(
        9 * GWEI, 9 * GWEI
    )
    assert raised(Fees(8 * GWEI, GWEI), Fees(90 * GWEI, 30 * GWEI), 9 * GWEI - 1) is None


@pytest.mark.parametrize(
    ("words", "posted"),
    [
        # geth, bor
        ("already known", Posted.TAKEN),
        ("nonce too low: next nonce 8, tx nonce 7", Posted.SPENT),
        ("replacement transaction underpriced", Posted.OUTBID),
        ("transaction underpriced: tip needed 25000000000, tip permitted 1", Posted.CHEAP),
        ("insufficient funds for gas * price + value: balance 0, tx cost 1", Posted.POOR),
        ("max fee per gas less than block base fee: address 0x, maxFeePerGas: 1", Posted.CHEAP),
        ("intrinsic gas too low: gas 21000, minimum needed 21064", Posted.REFUSED),
        ("exceeds block gas limit", Posted.REFUSED),
        # erigon
        ("could not replace existing tx", Posted.OUTBID),
        ("fee too low", Posted.CHEAP),
        # nethermind
        ("AlreadyKnown", Posted.TAKEN),
        ("OldNonce, Current nonce: 5, nonce of rejected tx: 4", Posted.SPENT),
        ("FeeTooLow, MaxFeePerGas too low", Posted.CHEAP),
        ("InsufficientFunds, Balance is 0", Posted.POOR),
        ("ReplacementNotAllowed", Posted.OUTBID),
        # besu
        ("Known transaction", Posted.TAKEN),
        ("Nonce too low", Posted.SPENT),
        ("Transaction gas price is below the minimum: configured", Posted.CHEAP),
        ("Upfront cost exceeds account balance", Posted.POOR),
        # reth, anvil
        ("transaction already imported", Posted.TAKEN),
        ("Insufficient funds for gas * price + value", Posted.POOR),
    ],
)
def test_meaning__words_of_real_nodes__understood(words: str, posted: Posted) -> None:
    assert meaning(f"{{'code': -32000, 'message': '{words}'}}") is posted
