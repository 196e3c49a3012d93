"""What reading a tournament's contracts rests on: addresses, blocks, views and logs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from eth_utils import is_address, to_checksum_address
from web3 import Web3
from web3.contract import Contract

from oracle.chain.abi import abi
from oracle.chain.endpoints import Endpoints
from oracle.chain.logs import LogSource, RpcLogs, TailedLogs
from oracle.chain.rpc import (
    AGREE,
    STALE_SECONDS,
    Block,
    block,
    connect,
    endpoints_of,
    last_block_before,
    readable,
)
from oracle.errors import InputError, UnreachableError
from oracle.settlement.manifest import CloseBlock

_BLOCK_SECONDS = 60
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Addresses:
    """A tournament's contracts; the pool names the others."""

    chain_id: int
    pool: str
    oracle: str
    registry: str
    relay: str
    token: str
    burn_vault: str
    tournament: int


class Views:
    """The contracts of one tournament. ``url`` is a label for error texts, the hosts only."""

    def __init__(self, web3: Web3, url: str, pool: str, logs: LogSource | None = None) -> None:
        """``logs`` is asked for events first, the chain for those of later blocks."""
        self.web3, self.url = web3, url
        self._close_blocks: dict[int, CloseBlock] = {}
        self._final = -1
        self.pool = self._contract("StakePool", pool)
        with readable(url):
            self.oracle = self._contract("RoundOracle", self.pool.functions.ORACLE().call())
            self.registry = self._contract("ModelRegistry", self.pool.functions.REGISTRY().call())
            self.relay = self._contract("StakeRelay", self.pool.functions.RELAY().call())
            self.addresses = Addresses(
                chain_id=web3.eth.chain_id,
                pool=self.pool.address,
                oracle=self.oracle.address,
                registry=self.registry.address,
                relay=self.relay.address,
                token=self.pool.functions.TOKEN().call(),
                burn_vault=self.pool.functions.BURN_VAULT().call(),
                tournament=self.oracle.functions.TOURNAMENT().call(),
            )
        contracts = (self.pool, self.oracle, self.registry, self.relay)
        self.rpc_logs = RpcLogs(web3, url, [contract.address for contract in contracts])
        self.logs: LogSource = self.rpc_logs if logs is None else TailedLogs(logs, self.rpc_logs)

    @classmethod
    def open(
        cls,
        urls: str | Sequence[str],
        pool: str,
        chain_id: int | None = None,
        *,
        logs: LogSource | None = None,
        agree: int = AGREE,
        solo: bool = True,
        stale_seconds: float = STALE_SECONDS,
    ) -> Self:
        """A reader of the pool at address ``pool``; see ``rpc.connect`` for the rest."""
        if not is_address(pool):
            raise InputError(f"{pool!r} is not an address")
        web3 = connect(urls, chain_id, agree, solo=solo, stale_seconds=stale_seconds)
        url = endpoints_of(web3).label
        with readable(url):
            if not web3.eth.get_code(to_checksum_address(pool)):
                raise InputError(
                    f"there is no contract at {pool} on chain {web3.eth.chain_id}",
                    "check the pool's address and that the RPC serves its chain",
                )
        return cls(web3, url, pool, logs)

    @property
    def endpoints(self) -> Endpoints:
        """Those behind a reader made by ``open``, with their health."""
        return endpoints_of(self.web3)

    def _contract(self, name: str, address: str) -> Contract:
        return self.web3.eth.contract(address=to_checksum_address(address), abi=abi(name))

    def client(self) -> str:
        """What the node calls itself."""
        with readable(self.url):
            return self.web3.client_version

    # ------------------------------------------------------------------ blocks

    def newest(self) -> Block:
        with readable(self.url):
            return block(self.web3, "latest")

    def finalized(self) -> Block:
        with readable(self.url):
            found = block(self.web3, "finalized")
        self._final = found.number
        return found

    def await_time(self, timestamp: int) -> None:
        """Returns once a block has ``timestamp`` or a later one."""
        seconds = max(0, timestamp - self.newest().timestamp) + _BLOCK_SECONDS
        deadline = time.monotonic() + seconds
        while self.newest().timestamp < timestamp:
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"no block of time {timestamp} or later in {seconds} s",
                    "see whether the chain goes on",
                )
            time.sleep(_POLL_SECONDS)

    def close_block(self, closes: int, finalized: Block | None = None) -> CloseBlock:
        """The last block before ``closes``, among the finalized ones; remembered."""
        # Asked once: the loop may forget the close meanwhile.
        known = self._close_blocks.get(closes)
        if known is None:
            finalized = finalized or self.finalized()
            if finalized.timestamp < closes:
                raise UnreachableError(
                    "the close is not final yet at this endpoint", "try again later"
                )
            with readable(self.url):
                found = last_block_before(self.web3, closes, finalized)
            known = CloseBlock(number=found.number, hash=found.hash, timestamp=found.timestamp)
            self._close_blocks[closes] = known
        return known

    def _forget_closes(self, until: int) -> None:
        """Drops the blocks of closes up to ``until``."""
        for closes in [at for at in self._close_blocks.copy() if at <= until]:
            self._close_blocks.pop(closes, None)

    def _is_final(self, number: int) -> bool:
        return number <= self._final or number <= self.finalized().number

    # ------------------------------------------------------------------ views and logs

    def _call(self, function: Any, at: int | None = None) -> Any:
        """What a view answers at block ``at``, or at the newest one."""
        with readable(self.url):
            return function.call(block_identifier="latest" if at is None else at)

    def _named(self, function: Any, at: int | None = None) -> dict[str, Any]:
        """A view's struct as a mapping by field name."""
        values = self._call(function, at)
        names = [part["name"] for part in function.abi["outputs"][0]["components"]]
        return dict(zip(names, values, strict=True))

    def _log(self, event: Any, number: int, at: int | None = None) -> Any:
        """The last log of ``event`` for a round up to block ``at``, or None."""
        logs = self._logs(event, {"round": number}, at)
        return logs[-1] if logs else None

    def _logs(self, event: Any, filters: dict[str, Any], at: int | None) -> list[Any]:
        if at is None:
            with readable(self.url):
                at = self.web3.eth.block_number
        return self.logs.logs(event, filters, 0, at)
