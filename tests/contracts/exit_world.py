"""Our proof verifier beside FxPortal's own, which runs inside its FxStateRootTunnel."""

from dataclasses import dataclass
from typing import Any

import boa
from assay_system import compiled, refused
from child_chain import MESSAGE_SENT, ChildChain, Log, Receipt
from eth_abi import decode
from eth_utils import keccak, to_checksum_address
from portal import solidity

SENDER = to_checksum_address(keccak(text="sender")[12:])
OTHER = to_checksum_address(keccak(text="other")[12:])
MAX_PAYLOAD = 16_384
MAX_DATA = 1024


@dataclass
class World:
    """A child chain, our verifier, and FxPortal's for messages of ``SENDER``."""

    chain: ChildChain
    verifier: Any
    tunnel: Any

    def proven(self, payload: bytes) -> Any:
        """What our verifier says of a payload; None if it refuses."""
        try:
            return self.verifier.verify(payload, self.chain.manager)
        except boa.BoaError:
            return None

    def theirs(self, payload: bytes, id: bytes) -> bytes | None:
        """The message that FxPortal takes from it, if it marks ``id`` as done; None if not."""
        with boa.env.anchor():
            try:
                self.tunnel.receiveMessage(payload)
            except boa.BoaError:
                return None
            return bytes(self.tunnel.latestData()) if self.tunnel.processedExits(id) else None

    def hold_equal(self, payload: bytes) -> bool:
        """Whether ours takes it; then FxPortal takes the same message under the same id."""
        exit = self.proven(payload)
        if exit is None:
            return False
        if exit.emitter == SENDER and exit.topic0 == MESSAGE_SENT:
            message = self.theirs(payload, exit.id)
            assert message == decode(["bytes"], exit.data)[0]
        return True


def new_world() -> World:
    chain = ChildChain()
    verifier = compiled("tests/contracts/harness/ExitProof.vy").deploy()
    tunnel = solidity("FxStateRootTunnel", chain.manager.address, OTHER)
    tunnel.setFxChildTunnel(SENDER)
    return World(chain, verifier, tunnel)


def message(number: int, size: int = 64) -> Log:
    return Log.message(SENDER, number.to_bytes(32, "big") * (size // 32))


def noise(number: int) -> Log:
    topics = tuple(keccak(b"topic %d" % i) for i in range(1 + number % 3))
    return Log(OTHER, topics, bytes(number % 90))


def small_world() -> World:
    """A few blocks in two checkpoints, of 5 and of 8 blocks."""
    made = new_world()
    for number in range(13):
        receipts = [
            Receipt((noise(i), message(100 * number + i), message(i)), kind=i % 4)
            for i in range(1 + 5 * (number % 4))
        ]
        made.chain.add(*receipts)
        if number in (4, 12):
            made.chain.checkpoint()
    return made


def header(kind: int, content: bytes, wide: int) -> bytes:
    """An item with ``wide`` bytes of length; 0 for as many as it should have."""
    if not wide:
        size = len(content)
        wide = 0 if size <= 55 else (size.bit_length() + 7) // 8
        if not wide:
            return bytes([kind + size]) + content
    size_of = len(content).to_bytes(max(wide, (len(content).bit_length() + 7) // 8), "big")
    return bytes([kind + 55 + len(size_of)]) + size_of + content


def held_refused(world: World, raw: bytes, reason: str) -> None:
    with refused(reason) if reason else boa.reverts():
        world.verifier.verify(raw, world.chain.manager)
