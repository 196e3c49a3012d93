"""Both ends of the governance tunnel, on a real FxPortal."""

from dataclasses import dataclass, field
from typing import Any

import boa
from assay_system import compiled, next_addresses, polygon
from eth_abi import encode
from portal import Portal

HOUR = 3600
DAY = 24 * HOUR
DELAY = 2 * DAY
LIFE = 10 * DAY
MAX_DATA = 4096
NOBODY = "0x" + "00" * 20
STATE_SYNC_GAS = 5_000_000
UNKNOWN, QUEUED, EXECUTED, CANCELLED = range(4)


@dataclass
class Tunnel:
    """Both ends of the tunnel on a real FxPortal, and a contract to govern."""

    portal: Portal
    root: Any
    child: Any
    target: Any
    governor: str
    canceller: str
    sent: dict[int, bytes] = field(default_factory=dict)
    """By command: the message as the child's end gets it."""

    def send(
        self, data: bytes, target: Any = None, life: int = LIFE, after: int = 0, **options: Any
    ) -> int:
        """Sends a command; it is not delivered yet."""
        target = target or self.target
        terms = (target, data, boa.env.timestamp + life, after)
        nonce = int(self.root.send(*terms, sender=options.get("sender", self.governor)))
        address = getattr(target, "address", target)
        message = (nonce, address, boa.env.timestamp + life, after, data)
        self.sent[nonce] = encode(["uint256", "address", "uint256", "uint256", "bytes"], message)
        return nonce

    def deliver(self, nonce: int) -> None:
        """Hands a command to the child's end as FxChild does."""
        arguments = (nonce, self.root.address, self.sent[nonce])
        self.child.processMessageFromRoot(*arguments, sender=self.portal.fx_child.address)

    def command(self, number: int = 7, **terms: Any) -> int:
        """Sends and delivers the command to set the target's number."""
        nonce = self.send(self.set_number(number), **terms)
        assert self.portal.deliver(self.root)
        return nonce

    def set_number(self, number: int) -> bytes:
        return bytes(self.target.set_number.prepare_calldata(number))

    def execute(self, nonce: int, number: int = 7, **options: Any) -> None:
        self.child.execute(nonce, self.target, self.set_number(number), **options)

    def status(self, nonce: int) -> int:
        return int(self.child.command(nonce).status)


def connect(portal: Portal, delay: int = DELAY, **roles: str) -> Tunnel:
    """Both ends, which know each other from their construction."""
    governor, canceller = (boa.env.generate_address() for _ in range(2))
    root_at, child_at = next_addresses(2)
    root = compiled("contracts/ethereum/GovRoot.vy").deploy(
        governor, portal.fx_root.address, child_at
    )
    child = polygon("GovChild").deploy(portal.fx_child.address, root_at, canceller, delay)
    assert (root.address, child.address) == (root_at, child_at)
    target = compiled("tests/contracts/hostile/Governed.vy").deploy()
    return Tunnel(portal, root, child, target, governor, canceller)


def warp(seconds: int) -> None:
    boa.env.timestamp += seconds
