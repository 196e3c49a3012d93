"""A final round's roots on their way: RootsOutbox logs them, a checkpoint proves it, RootsInbox
believes nothing else."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boa
import pytest
from assay_system import TOURNAMENT, System, compiled, deploy, polygon, refused
from child_chain import CHILD_CHAIN, MESSAGE_SENT, Block, ChildChain, Log, Receipt, encoded, logged
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from oracle_steps import OTHER, RESULT, Steps
from portal import solidity

from oracle.bridge.exits import exit_id

NOBODY = "0x" + "00" * 20
KINDS = ["uint256", "uint256", "address", "uint256", "uint256", "bytes32", "bytes32", "uint256"]
Message = tuple[int, int, str, int, int, bytes, bytes, int]


@pytest.fixture(autouse=True, scope="module")
def on_child() -> Iterator[None]:
    """Both ends run in one EVM; only the outbox asks for the chain's id."""
    patch = boa.env.evm.patch
    before, patch.chain_id = patch.chain_id, CHILD_CHAIN
    yield
    patch.chain_id = before


# ---------------------------------------------------------------------- the outbox


@pytest.fixture(scope="module")
def child_system(on_child: None) -> System:
    return deploy(n=7, threshold=4, super_quorum=5)


@pytest.fixture
def steps(child_system: System) -> Steps:
    return Steps(child_system)


@pytest.fixture
def outbox(child_system: System) -> Any:
    return polygon("RootsOutbox").deploy(child_system.oracle)


def final(steps: Steps, k: int = 1) -> None:
    steps.committed(k)
    steps.system.warp(steps.system.now + steps.system.timing.window)


def test_outbox__final_round__logs_its_roots_as_fxportal_would(
    steps: Steps, outbox: Any, stranger: str
) -> None:
    final(steps)
    outbox.send(1, steps.hashes[1], RESULT.argument(), sender=stranger)
    [log] = logged(outbox)
    final_at = steps.oracle.round_of(1).final_at
    said = (1, CHILD_CHAIN, steps.system.pool.address, TOURNAMENT, 1)
    message = encode(KINDS, (*said, RESULT.manifest, RESULT.meta_root, final_at))
    assert log == Log.message(outbox.address.lower(), message)
    assert 0 < final_at <= steps.system.now


def test_outbox__sent_again__says_the_same(steps: Steps, outbox: Any) -> None:
    final(steps)
    said = []
    for wait in (0, 10_000):
        steps.system.warp(steps.system.now + wait)
        outbox.send(1, steps.hashes[1], RESULT.argument())
        said.append(logged(outbox))
    assert said[0] == said[1]


@pytest.mark.parametrize("status", ["unknown", "announced", "committed", "challenged", "void"])
def test_outbox__round_not_final__refused(steps: Steps, outbox: Any, status: str) -> None:
    announce_hash = bytes(32)
    if status != "unknown":
        if status in ("announced", "void"):
            steps.announce(1)
        elif status == "committed":
            steps.committed(1)
            steps.system.warp(steps.system.now + steps.system.timing.window - 1)
        else:
            steps.challenged(1)
        announce_hash = steps.hashes[1]
    if status == "void":
        steps.system.warp(steps.deadline(1) + 1)
        assert steps.oracle.is_void(1)
    with refused("outbox: not final"):
        outbox.send(1, announce_hash, RESULT.argument())


@pytest.mark.parametrize("changed", ["round", "announce_hash", "manifest", "meta_root", "at_risk"])
def test_outbox__not_what_was_signed__refused(steps: Steps, outbox: Any, changed: str) -> None:
    final(steps)
    k, announce_hash, result = 1, steps.hashes[1], RESULT
    if changed == "round":
        k = 2
    elif changed == "announce_hash":
        announce_hash = keccak(announce_hash)
    elif changed == "at_risk":
        result = replace(RESULT, at_risk=RESULT.at_risk + 1)
    else:
        result = replace(RESULT, **{changed: keccak(b"forged")})
    with refused("outbox: not final"):
        outbox.send(k, announce_hash, result.argument())


def test_outbox__result_replaced__says_the_new_one_only(steps: Steps, outbox: Any) -> None:
    steps.challenged(1)
    steps.confirm(1, result=OTHER)
    with refused("outbox: not final"):
        outbox.send(1, steps.hashes[1], RESULT.argument())
    outbox.send(1, steps.hashes[1], OTHER.argument())


def test_outbox__construction__needs_an_oracle_and_shows_it(outbox: Any, steps: Steps) -> None:
    assert outbox.ORACLE() == steps.oracle.address
    with refused("outbox: zero address"):
        polygon("RootsOutbox").deploy(NOBODY)


# ---------------------------------------------------------------------- the inbox


@dataclass
class Tunnel:
    """A child chain with an outbox made up by the test, and the inbox that listens to it."""

    chain: ChildChain
    child: str
    inbox: Any

    def block(self, *logs: Log) -> Block:
        """A block in a checkpoint of its own; transactions with nothing of interest around."""
        plain = Receipt((Log(NOBODY, (keccak(b"plain"),), b""),))
        block = self.chain.add(plain, Receipt(logs), plain)
        self.chain.checkpoint()
        return block

    def payload(self, block: Block, log_index: int = 0) -> bytes:
        return encoded(self.chain.payload(block, 1, log_index))

    def receive(self, log: Log, **options: Any) -> None:
        self.inbox.receiveMessage(self.payload(self.block(log)), **options)


POOL = "0x" + "11" * 20
SAID: Message = (1, CHILD_CHAIN, POOL, TOURNAMENT, 5, b"\x02" * 32, b"\x03" * 32, 1_700_000_000)


def said(message: Message = SAID, **changes: Any) -> bytes:
    names = ("version", "chain", "pool", "tournament", "round", "manifest", "meta_root", "final_at")
    return encode(KINDS, [changes.get(n, v) for n, v in zip(names, message, strict=True)])


@pytest.fixture
def tunnel() -> Tunnel:
    chain, child = ChildChain(), boa.env.generate_address()
    inbox = compiled("contracts/ethereum/RootsInbox.vy").deploy(chain.manager, child, CHILD_CHAIN)
    return Tunnel(chain, child, inbox)


def test_tunnel__a_round_of_an_oracle__arrives_with_its_roots(
    steps: Steps, outbox: Any, stranger: str
) -> None:
    final(steps)
    outbox.send(1, steps.hashes[1], RESULT.argument())
    logs = logged(outbox)
    chain = ChildChain()
    inbox = compiled("contracts/ethereum/RootsInbox.vy").deploy(chain.manager, outbox, CHILD_CHAIN)
    tunnel = Tunnel(chain, outbox.address, inbox)
    payload = tunnel.payload(tunnel.block(*logs))
    inbox.receiveMessage(payload, sender=stranger)
    [event] = inbox.get_logs()
    pool, final_at = steps.system.pool.address, steps.oracle.round_of(1).final_at
    roots = (RESULT.manifest, RESULT.meta_root, final_at)
    assert (event.pool, event.round) == (pool, 1)
    assert (event.manifest, event.meta_root, event.final_at) == roots
    assert tuple(inbox.roots(pool, 1)) == (*roots, steps.system.now)
    assert inbox.latest(pool) == 1
    assert inbox.processed(exit_id(0, 1, 0))


def test_inbox__fxportals_own_tunnel__takes_the_same_message(tunnel: Tunnel) -> None:
    theirs = solidity("FxStateRootTunnel", tunnel.chain.manager.address, POOL)
    theirs.setFxChildTunnel(tunnel.child)
    payload = tunnel.payload(tunnel.block(Log.message(tunnel.child, said())))
    theirs.receiveMessage(payload)
    assert theirs.latestData() == said()
    tunnel.inbox.receiveMessage(payload)
    assert tunnel.inbox.latest(POOL) == 5


def test_inbox__same_proof_again__refused(tunnel: Tunnel) -> None:
    payload = tunnel.payload(tunnel.block(Log.message(tunnel.child, said())))
    tunnel.inbox.receiveMessage(payload)
    with refused("inbox: already received"):
        tunnel.inbox.receiveMessage(payload)


@pytest.mark.parametrize("again", ["same", "other roots"])
def test_inbox__round_sent_again__stays_as_it_was(tunnel: Tunnel, again: str) -> None:
    tunnel.receive(Log.message(tunnel.child, said()))
    before = tuple(tunnel.inbox.roots(POOL, 5))
    boa.env.timestamp += 1_000
    message = said() if again == "same" else said(manifest=bytes(32))
    with refused("inbox: round known"):
        tunnel.receive(Log.message(tunnel.child, message))
    assert tuple(tunnel.inbox.roots(POOL, 5)) == before


def test_inbox__two_messages_in_one_transaction__both_arrive(tunnel: Tunnel) -> None:
    messages = [Log.message(tunnel.child, said(round=k)) for k in (5, 6)]
    block = tunnel.block(*messages)
    for place in (0, 1):
        tunnel.inbox.receiveMessage(tunnel.payload(block, place))
    assert tunnel.inbox.latest(POOL) == 6


def test_inbox__rounds_in_any_order__the_latest_stays_the_latest(tunnel: Tunnel) -> None:
    other = boa.env.generate_address()
    for k, latest in ((7, 7), (3, 7), (9, 9), (8, 9)):
        tunnel.receive(Log.message(tunnel.child, said(round=k)))
        assert tunnel.inbox.latest(POOL) == latest
        assert tunnel.inbox.roots(POOL, k).received_at == boa.env.timestamp
    tunnel.receive(Log.message(tunnel.child, said(round=2, pool=other)))
    assert (tunnel.inbox.latest(other), tunnel.inbox.latest(POOL)) == (2, 9)
    assert tuple(tunnel.inbox.roots(POOL, 2)) == (bytes(32), bytes(32), 0, 0)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (lambda child: Log.message(POOL, said()), "inbox: other sender"),
        (
            lambda child: Log(child, (keccak(b"Other(bytes)"),), encode(["bytes"], [said()])),
            "inbox: not a message",
        ),
        (lambda child: Log.message(child, said(version=2)), "inbox: other version"),
        (lambda child: Log.message(child, said(version=0)), "inbox: other version"),
        (lambda child: Log.message(child, said(chain=1)), "inbox: other chain"),
        (lambda child: Log.message(child, said()[:-32]), "inbox: other size"),
        (lambda child: Log.message(child, said() + bytes(32)), ""),
        (lambda child: Log(child, (MESSAGE_SENT,), b""), ""),
        (lambda child: Log(child, (MESSAGE_SENT,), said()), ""),
        (
            lambda child: Log(
                child, (MESSAGE_SENT,), encode(["bytes"], [said()[:64] + b"\xff" + said()[65:]])
            ),
            "",
        ),
    ],
    ids=[
        "other sender",
        "other event",
        "version 2",
        "version 0",
        "other chain",
        "too short",
        "too long",
        "no data",
        "data is no bytes",
        "not an address",
    ],
)
def test_inbox__not_a_message_of_the_outbox__refused(
    tunnel: Tunnel, log: Callable[[str], Log], reason: str
) -> None:
    """An event of somebody else proves nothing, however well it is proven."""
    forged = log(tunnel.child)
    with refused(reason) if reason else boa.reverts():
        tunnel.receive(forged)
    assert tunnel.inbox.latest(POOL) == 0
    assert not tunnel.inbox.processed(exit_id(0, 1, 0))


def test_inbox__not_in_a_checkpoint_yet__refused_and_taken_then(tunnel: Tunnel) -> None:
    block = tunnel.block(Log.message(tunnel.child, said()))
    elsewhere = ChildChain()
    inbox = compiled("contracts/ethereum/RootsInbox.vy").deploy(
        elsewhere.manager, tunnel.child, CHILD_CHAIN
    )
    payload = tunnel.payload(block)
    with refused("exit: no checkpoint"):
        inbox.receiveMessage(payload)
    elsewhere.blocks.append(block)
    elsewhere.checkpoint()
    inbox.receiveMessage(payload)
    assert inbox.latest(POOL) == 5


def test_inbox__child_reorganised_before_its_checkpoint__only_what_stayed_counts(
    tunnel: Tunnel,
) -> None:
    """The same height and place, another message: proofs of the block that was dropped fail."""
    dropped = Block(0, (Receipt(()), Receipt((Log.message(tunnel.child, said(round=6)),))))
    kept = tunnel.block(Log.message(tunnel.child, said()))
    assert dropped.number == kept.number
    payload = tunnel.chain.payload(dropped, 1)
    payload["block_proof"] = b""
    with refused("exit: not in checkpoint"):
        tunnel.inbox.receiveMessage(encoded(payload))
    tunnel.inbox.receiveMessage(tunnel.payload(kept))
    assert tunnel.inbox.latest(POOL) == 5


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from([POOL, NOBODY]), st.booleans(), st.booleans()),
        max_size=5,
    )
)
def test_inbox__any_messages__each_round_once_and_only_of_the_outbox(
    tunnel_once: Tunnel, sent: list[tuple[int, str, bool, bool]]
) -> None:
    tunnel = tunnel_once
    known: dict[tuple[str, int], bytes] = {}
    with boa.env.anchor():
        chain = ChildChain()
        inbox = compiled("contracts/ethereum/RootsInbox.vy").deploy(
            chain.manager, tunnel.child, CHILD_CHAIN
        )
        tunnel = Tunnel(chain, tunnel.child, inbox)
        for number, (k, pool, genuine, replay) in enumerate(sent):
            manifest = keccak(number.to_bytes(2, "big"))
            sender = tunnel.child if genuine else boa.env.generate_address()
            message = said(round=k, pool=pool, manifest=manifest)
            payload = tunnel.payload(tunnel.block(Log.message(sender, message)))
            if genuine and (pool, k) not in known:
                inbox.receiveMessage(payload)
                known[pool, k] = manifest
                if not replay:
                    continue
            with boa.reverts():
                inbox.receiveMessage(payload)
        for (pool, k), manifest in known.items():
            assert inbox.roots(pool, k).manifest == manifest
        for pool in (POOL, NOBODY):
            rounds = [k for of, k in known if of == pool]
            assert inbox.latest(pool) == max(rounds, default=0)


@pytest.fixture(scope="module")
def tunnel_once() -> Tunnel:
    return Tunnel(ChildChain(), boa.env.generate_address(), None)


def test_inbox__construction__peers_are_fixed(tunnel: Tunnel) -> None:
    inbox = tunnel.inbox
    assert inbox.CHECKPOINT_MANAGER() == tunnel.chain.manager.address
    assert (inbox.CHILD(), inbox.CHILD_CHAIN()) == (tunnel.child, CHILD_CHAIN)
    calls = [
        entry["name"]
        for entry in inbox.abi
        if entry["type"] == "function" and entry["stateMutability"] == "nonpayable"
    ]
    assert calls == ["receiveMessage"]


@pytest.mark.parametrize("missing", [0, 1])
def test_inbox__zero_address__refused(missing: int) -> None:
    addresses = [boa.env.generate_address() for _ in range(2)]
    addresses[missing] = NOBODY
    with refused("inbox: zero address"):
        compiled("contracts/ethereum/RootsInbox.vy").deploy(*addresses, CHILD_CHAIN)
