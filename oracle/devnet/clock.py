"""Local chains' clocks: moved forward by request instead of waiting."""

from dataclasses import dataclass

from web3 import Web3
from web3.types import RPCEndpoint

from oracle.chain.rpc import block, readable

_TO_FINALITY = 3


@dataclass(frozen=True, slots=True)
class Clock:
    """Time of an anvil chain, and of those ``beside`` it; works on no other node."""

    web3: Web3
    url: str
    beside: tuple["Clock", ...] = ()

    def now(self) -> int:
        with readable(self.url):
            return block(self.web3, "latest").timestamp

    def advance_to(self, timestamp: int) -> None:
        """The next block is at ``timestamp``, and it is final. The chains beside it move by as
        many seconds."""
        for other in self.beside:
            other.advance_to(other.now() + max(1, timestamp - self.now()))
        self._request("evm_setNextBlockTimestamp", timestamp)
        self._mine(1 + _TO_FINALITY)

    def mine(self, blocks: int = 1) -> None:
        """Blocks on every chain."""
        for chain in (self, *self.beside):
            chain._mine(blocks)

    def _mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self._request("evm_mine")

    def _request(self, method: str, *parameters: object) -> None:
        with readable(self.url):
            self.web3.manager.request_blocking(RPCEndpoint(method), list(parameters))
