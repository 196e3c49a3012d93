"""What a node shows of the transactions that a test sends: logs, calldata and block times."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boa
from eth_utils import to_checksum_address
from web3 import Web3

_NO_HASH = bytes(32)
RawLog = tuple[int, bytes, list[int], bytes]
"""Index, address, topics and data, as the machine gives them."""


@dataclass(frozen=True)
class Log:
    """A decoded log of a watched contract."""

    address: str
    event: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Transaction:
    """A transaction that went through; ``to`` is None for a deployment."""

    to: str | None
    data: bytes
    timestamp: int
    logs: tuple[Log, ...]


class Abi:
    """A contract's interface, decoded by web3 as an indexer decodes it."""

    def __init__(self, abi: list[dict[str, Any]]) -> None:
        self._contract = Web3().eth.contract(abi=abi)
        self._events = {int(event.topic, 16): event for event in self._contract.events}

    @property
    def events(self) -> set[str]:
        return {event.event_name for event in self._events.values()}

    def log(self, raw: RawLog) -> Log:
        index, address, topics, data = raw
        decoded = self._events[topics[0]].process_log(
            {
                "address": to_checksum_address(address),
                "topics": [topic.to_bytes(32, "big") for topic in topics],
                "data": data,
                "logIndex": index,
                "transactionIndex": 0,
                "transactionHash": _NO_HASH,
                "blockHash": _NO_HASH,
                "blockNumber": 0,
            }
        )
        return Log(decoded["address"], decoded["event"], dict(decoded["args"]))

    def call(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Name and arguments of a call."""
        function, arguments = self._contract.decode_function_input(data)
        return function.fn_name, arguments


class Ledger:
    """Transactions in order, the logs of watched contracts decoded."""

    def __init__(self) -> None:
        self.abis: dict[str, Abi] = {}
        self._raw: list[tuple[str | None, bytes, int, list[RawLog]]] = []

    def watch(self, *contracts: Any) -> None:
        for contract in contracts:
            self.abis[to_checksum_address(contract.address)] = Abi(contract.abi)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keeps what goes through inside the block, deployments too."""
        env = boa.env
        execute, deploy = env.execute_code, env.deploy

        def execute_code(*args: Any, **kwargs: Any) -> Any:
            computation = execute(*args, **kwargs)
            self._keep(str(kwargs["to_address"]), kwargs["data"], computation)
            return computation

        def deploy_code(*args: Any, **kwargs: Any) -> Any:
            address, computation = deploy(*args, **kwargs)
            self._keep(None, b"", computation)
            return address, computation

        env.execute_code, env.deploy = execute_code, deploy_code
        try:
            yield
        finally:
            del env.execute_code, env.deploy

    def _keep(self, to: str | None, data: bytes, computation: Any) -> None:
        logs = [] if computation.is_error else sorted(computation.get_raw_log_entries())
        if logs:
            self._raw.append((to, data, boa.env.timestamp, logs))

    def unread(self) -> Iterator[Transaction]:
        """Transactions since the last call in which a watched contract logged something."""
        raw, self._raw = self._raw, []
        for to, data, timestamp, entries in raw:
            logs = tuple(
                self.abis[address].log(entry)
                for entry in entries
                if (address := to_checksum_address(entry[1])) in self.abis
            )
            if logs:
                yield Transaction(to, data, timestamp, logs)
