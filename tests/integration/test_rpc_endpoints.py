"""Several endpoints of one real chain, some of them faulty: the answers stay right."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from eth_account import Account
from faulty_rpc import FaultyRpc, set_faults, state
from local_anvil import CHAIN_ID, LocalAnvil, local_anvil
from web3 import Web3
from web3.exceptions import Web3RPCError

from oracle.chain.endpoints import Endpoints
from oracle.chain.keys import dev_account
from oracle.chain.provider import EndpointsProvider
from oracle.chain.rpc import Block, block, connect, endpoints_of
from oracle.errors import InputError, UnreachableError

pytestmark = [pytest.mark.chain, pytest.mark.xdist_group("rpc-endpoints")]

TIMEOUT = 1.0
# Runs anywhere: emits a log with the caller as data and returns 7.
CODE = "0x3360005260206000a0600760005260206000f3"
CONTRACT = Web3.to_checksum_address("0x" + "c0" * 20)
ACCOUNT = dev_account(0)


@dataclass
class Chain:
    """A chain and three proxies before it; what it says by itself is the truth."""

    anvil: LocalAnvil
    proxies: list[FaultyRpc]

    def web3(self, count: int = 3, **settings: Any) -> Web3:
        """A client of the first ``count`` proxies, which looks at their health all the time."""
        urls = [proxy.url for proxy in self.proxies[:count]]
        settings = {"timeout": TIMEOUT, "check_seconds": 0.0} | settings
        return Web3(EndpointsProvider(Endpoints(urls, CHAIN_ID, **settings)))

    def emit(self) -> None:
        self.anvil.send(**{"from": ACCOUNT.address, "to": CONTRACT})

    def facts(self) -> dict[str, Any]:
        """What ``read`` must find."""
        final = self.anvil.block("finalized")
        number = final["number"]
        logs = self.anvil.ask("eth_getLogs", {"fromBlock": "0x0", "toBlock": number})
        return {
            "finalized": (int(number, 16), final["hash"]),
            "call": self.anvil.ask("eth_call", {"to": CONTRACT}, number),
            "logs": [(log["transactionHash"], log["data"]) for log in logs],
        }


def read(web3: Web3) -> dict[str, Any]:
    """What is decided on, all of it pinned to the finalized block."""
    final = block(web3, "finalized")
    logs = web3.eth.get_logs({"fromBlock": 0, "toBlock": final.number})
    return {
        "finalized": (final.number, final.hash),
        "call": "0x" + bytes(web3.eth.call({"to": CONTRACT}, final.number)).hex(),
        "logs": [("0x" + log["transactionHash"].hex(), "0x" + log["data"].hex()) for log in logs],
    }


@pytest.fixture(scope="module")
def anvil() -> Iterator[LocalAnvil]:
    # Its clock runs behind, so that a test may let minutes pass.
    with local_anvil("--timestamp", str(int(time.time()) - 100_000)) as chain:
        chain.ask("anvil_setCode", CONTRACT, CODE)
        yield chain


@pytest.fixture
def chain(anvil: LocalAnvil) -> Iterator[Chain]:
    with ExitStack() as stack:
        found = Chain(anvil, [stack.enter_context(FaultyRpc(anvil.url)) for _ in range(3)])
        for _ in range(4):
            found.emit()
        yield found


def host(proxy: FaultyRpc) -> str:
    return proxy.url


def hosts_in_trouble(web3: Web3) -> set[str]:
    return {health.host for health in endpoints_of(web3).health() if not health.healthy}


# ---------------------------------------------------------------------- nothing wrong


def test_endpoints__all_well__give_what_the_chain_says(chain: Chain) -> None:
    web3 = chain.web3()
    assert read(web3) == chain.facts()
    assert hosts_in_trouble(web3) == set()


def test_endpoints__one_address__is_asked_alone_and_once(chain: Chain) -> None:
    web3 = connect(chain.proxies[0].url, CHAIN_ID)
    before = chain.proxies[0].requests.copy()
    assert read(web3) == chain.facts()
    asked = chain.proxies[0].requests - before
    assert asked == {"eth_getBlockByNumber": 1, "eth_getLogs": 1, "eth_call": 1}


# ---------------------------------------------------------------------- all but one fail

FAILING: dict[str, dict[str, Any]] = {
    "http_429": {},
    "http_500": {},
    "hang": {},
    "refuse": {},
    "truncated": {},
    "not_json": {},
    "wrong_chain": {},
    "stale_head": {},
}


@pytest.mark.parametrize("sound", range(3))
@pytest.mark.parametrize("fault", FAILING)
def test_endpoints__all_but_one_fail_while_in_use__answers_stay_right(
    chain: Chain, fault: str, sound: int
) -> None:
    web3 = chain.web3()
    read(web3)
    failing = [proxy for i, proxy in enumerate(chain.proxies) if i != sound]
    for proxy in failing:
        proxy.set(**{fault: FAILING[fault]})
    chain.anvil.mine(3, seconds=60)
    chain.emit()
    chain.anvil.mine(3, seconds=60)
    read(web3)
    assert read(web3) == chain.facts()
    assert hosts_in_trouble(web3) == {host(proxy) for proxy in failing}


@pytest.mark.parametrize("fault", FAILING)
def test_endpoints__an_endpoint_is_well_again__it_is_taken_back(chain: Chain, fault: str) -> None:
    web3 = chain.web3()
    read(web3)
    chain.proxies[1].set(**{fault: FAILING[fault]})
    chain.anvil.mine(3, seconds=60)
    read(web3)
    assert hosts_in_trouble(web3) == {host(chain.proxies[1])}
    chain.proxies[1].clear()
    eventually(lambda: read(web3) == chain.facts() and not hosts_in_trouble(web3))


def test_endpoints__all_fail__one_error_names_hosts_and_what_is_wrong_with_each(
    chain: Chain,
) -> None:
    web3 = chain.web3(2)
    read(web3)
    chain.proxies[0].set(http_500={})
    chain.proxies[1].set(not_json={})
    with pytest.raises(UnreachableError) as caught:
        read(web3)
    assert f"{host(chain.proxies[0])} answers with status 500" in caught.value.message
    assert f"{host(chain.proxies[1])} answers with something that is no JSON" in (
        caught.value.message
    )


def test_endpoints__a_moments_trouble_of_the_only_one__is_waited_out(chain: Chain) -> None:
    web3 = chain.web3(1)
    chain.proxies[0].set(http_500={"methods": ["eth_getLogs"], "times": 2})
    assert read(web3) == chain.facts()


def test_endpoints__one_is_slow__it_is_asked_last(chain: Chain) -> None:
    web3 = chain.web3(check_seconds=60.0)
    chain.proxies[0].set(slow={"seconds": 0.8})
    read(web3)
    before = chain.proxies[0].requests["eth_call"]
    read(web3)
    assert chain.proxies[0].requests["eth_call"] == before
    assert chain.proxies[1].requests["eth_call"] == chain.proxies[2].requests["eth_call"]


def test_endpoints__too_few_are_well_and_one_alone_is_not_trusted__refused(chain: Chain) -> None:
    web3 = chain.web3(solo=False)
    read(web3)
    for proxy in chain.proxies[1:]:
        proxy.set(refuse={})
    with pytest.raises(UnreachableError, match="1 of 3 RPC endpoints answer, 2 must agree"):
        read(web3)


# ---------------------------------------------------------------------- lies


@pytest.mark.parametrize("liar", range(3))
@pytest.mark.parametrize(
    "fault",
    [
        {"lie": {"methods": ["eth_call"]}},
        {"lie": {"methods": ["eth_getBlockByNumber"]}},
        {"lie": {"methods": ["eth_getLogs"]}},
        {"missing_logs": {"keep": 1}},
    ],
    ids=str,
)
def test_endpoints__one_of_three_lies__it_is_outvoted_kept_out_and_named(
    chain: Chain, fault: dict[str, Any], liar: int
) -> None:
    web3 = chain.web3()
    chain.proxies[liar].set(**fault)
    for _ in range(2):
        assert read(web3) == chain.facts()
    [shown] = [h for h in endpoints_of(web3).health() if h.host == host(chain.proxies[liar])]
    # The third endpoint is asked for a block that is final, else only where the first two differ.
    if liar < 2 or "eth_getBlockByNumber" in str(fault):
        assert not shown.healthy
        assert shown.disagreements == 1
        assert "otherwise than the others" in shown.reason
        before = sum(chain.proxies[liar].requests.values())
        assert read(web3) == chain.facts()
        assert sum(chain.proxies[liar].requests.values()) == before
    else:
        assert shown.healthy


def test_endpoints__two_disagree__error_names_both_hosts_without_secrets(chain: Chain) -> None:
    urls = [proxy.url.replace("http://", "http://user:hunter2@") for proxy in chain.proxies[:2]]
    secret = [f"{url}/v3/deadbeef?key=s3cret" for url in urls]
    web3 = connect(secret, CHAIN_ID)
    chain.proxies[1].set(missing_logs={})
    with pytest.raises(UnreachableError, match="disagree on eth_getLogs") as caught:
        read(web3)
    shown = f"{caught.value.message} {caught.value.fix} {endpoints_of(web3).health()}"
    for proxy in chain.proxies[:2]:
        assert host(proxy) in shown
    for word in ("hunter2", "deadbeef", "s3cret"):
        assert word not in shown


def test_endpoints__one_shows_a_head_in_the_future__the_honest_ones_stay(chain: Chain) -> None:
    web3 = chain.web3()
    chain.proxies[0].set(false_head={"seconds": 1_000_000})
    assert read(web3) == chain.facts()
    healthy = {h.host for h in endpoints_of(web3).health() if h.healthy}
    assert {host(proxy) for proxy in chain.proxies[1:]} <= healthy


def test_endpoints__one_finalizes_too_much__the_second_greatest_counts(chain: Chain) -> None:
    web3 = chain.web3()
    before = chain.facts()["finalized"]
    for proxy in chain.proxies[:2]:
        proxy.set(stalled_finality={})
    chain.anvil.mine(5)
    assert block(web3, "finalized").number == before[0]


def test_endpoints__finality_stalls_at_one__the_others_go_on(chain: Chain) -> None:
    web3 = chain.web3()
    chain.proxies[0].set(stalled_finality={})
    chain.anvil.mine(5)
    assert read(web3) == chain.facts()


# ---------------------------------------------------------------------- sending


def signed(chain: Chain) -> bytes:
    nonce = int(chain.anvil.ask("eth_getTransactionCount", ACCOUNT.address, "latest"), 16)
    fields = {"to": CONTRACT, "value": 0, "gas": 60_000, "nonce": nonce, "chainId": CHAIN_ID}
    fields |= {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1}
    return bytes(Account.sign_transaction(fields, ACCOUNT.key).raw_transaction)


def is_mined(web3: Web3, digest: bytes) -> bool:
    return web3.eth.wait_for_transaction_receipt(digest, 10, 0.01)["status"] == 1


@pytest.mark.parametrize("count", [2, 3])
def test_endpoints__answer_lost_after_broadcast__sending_succeeds_by_the_others(
    chain: Chain, count: int
) -> None:
    web3 = chain.web3(count)
    raw = signed(chain)
    # The first sends it on before any other is asked.
    for proxy in chain.proxies[1:count]:
        proxy.set(slow={"seconds": 0.3, "methods": ["eth_sendRawTransaction"]})
    chain.proxies[0].set(lost_response={})
    assert is_mined(web3, web3.eth.send_raw_transaction(raw))


def test_endpoints__answer_lost_by_all__error_and_the_chain_has_it_once(chain: Chain) -> None:
    web3 = chain.web3(1)
    raw = signed(chain)
    chain.proxies[0].set(lost_response={})
    with pytest.raises(UnreachableError):
        web3.eth.send_raw_transaction(raw)
    assert chain.proxies[0].requests["eth_sendRawTransaction"] == 1
    chain.proxies[0].clear()
    assert is_mined(web3, Web3.keccak(raw))


def test_endpoints__transaction_refused_by_all__their_reason_is_told(chain: Chain) -> None:
    web3 = chain.web3()
    raw = signed(chain)
    chain.emit()  # uses the nonce up
    with pytest.raises(Web3RPCError, match="nonce"):
        web3.eth.send_raw_transaction(raw)


def test_endpoints__receipt_unknown_to_the_first__the_next_is_asked(chain: Chain) -> None:
    web3 = chain.web3(check_seconds=60.0)
    read(web3)
    chain.proxies[0].set(stale_head={})
    assert is_mined(web3, web3.eth.send_raw_transaction(signed(chain)))


# ---------------------------------------------------------------------- connecting


def test_connect__wrong_chain__refused_by_host(chain: Chain) -> None:
    with pytest.raises(UnreachableError, match=f"serves chain {CHAIN_ID}, expected chain 1"):
        connect(chain.proxies[0].url, 1)


def test_connect__no_chain_named_and_endpoints_of_two__refused(chain: Chain) -> None:
    chain.proxies[1].set(wrong_chain={"chain_id": 5})
    with pytest.raises(UnreachableError, match="serve different chains"):
        connect([proxy.url for proxy in chain.proxies])


def test_connect__no_address_or_a_bad_one__input_error_without_the_address() -> None:
    with pytest.raises(InputError, match="no RPC address"):
        connect([])
    with pytest.raises(InputError) as caught:
        connect(["http://127.0.0.1:1", "ftp://user:hunter2@node"])
    assert "hunter2" not in caught.value.message


def test_connect__some_endpoints_are_down__goes_on_with_the_others(chain: Chain) -> None:
    urls = ["http://127.0.0.1:9", chain.proxies[0].url, chain.proxies[1].url]
    assert block(connect(urls, CHAIN_ID), "finalized") == truth(chain)


def truth(chain: Chain) -> Block:
    found = chain.anvil.block("finalized")
    return Block(int(found["number"], 16), found["hash"], int(found["timestamp"], 16))


# ---------------------------------------------------------------------- the proxy as a process


def test_faulty_rpc__switched_over_http__behaves_as_told(chain: Chain) -> None:
    web3 = chain.web3(1)
    proxy = chain.proxies[0]
    set_faults(proxy.url, wrong_chain={"chain_id": 5})
    assert state(proxy.url)["faults"] == {"wrong_chain": {"chain_id": 5}}
    with pytest.raises(UnreachableError, match="serves chain 5"):
        read(web3)
    set_faults(proxy.url)
    assert read(web3) == chain.facts()


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)
