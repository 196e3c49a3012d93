"""JSON-RPC of the chain in this process, in the words of a node, as a provider for web3."""

from collections.abc import Iterator
from typing import Any

from eth_utils import decode_hex, to_checksum_address
from in_process_chain import GAS_LIMIT, ChainBlock, InProcessChain, Mined, Refused, Reverted
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

_TIP = 10**9
_NOBODY = bytes(20)


class RpcError(Exception):
    """An error object of JSON-RPC."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.body: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            self.body["data"] = data


class InProcessProvider(JSONBaseProvider):
    """Answers web3's requests from ``chain``; ``requests`` counts them by method."""

    def __init__(self, chain: InProcessChain) -> None:
        super().__init__()
        self.chain = chain
        self.requests: dict[str, int] = {}

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        # Operators ask from several threads; the chain is one thing.
        with self.chain.lock:
            return self._answered(method, params)

    def _answered(self, method: str, params: Any) -> RPCResponse:
        self.requests[method] = self.requests.get(method, 0) + 1
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
        handler = getattr(self, method, None) if method.startswith(_PUBLIC) else None
        try:
            if handler is None:
                raise RpcError(-32601, f"the method {method} does not exist")
            answer["result"] = handler(*params)
        except RpcError as error:
            answer["error"] = error.body
        except Refused as refusal:
            answer["error"] = {"code": -32000, "message": str(refusal)}
        except Reverted as reverted:
            data = _hex(reverted.output)
            answer["error"] = {"code": 3, "message": _reason(reverted.output), "data": data}
        return answer  # type: ignore[return-value]

    # ------------------------------------------------------------------ the chain

    def web3_clientVersion(self) -> str:  # noqa: N802 - the method's name
        return "in-process/py-evm"

    def net_version(self) -> str:
        return str(self.chain.chain_id)

    def eth_chainId(self) -> str:  # noqa: N802
        return hex(self.chain.chain_id)

    def eth_syncing(self) -> bool:
        return False

    def eth_blockNumber(self) -> str:  # noqa: N802
        return hex(len(self.chain.blocks) - 1)

    def eth_getBlockByNumber(self, tag: str, full: bool = False) -> Any:  # noqa: N802
        number = self._number(tag)
        return None if number is None else _block_json(self.chain.blocks[number], full)

    def eth_getBlockByHash(self, block_hash: str, full: bool = False) -> Any:  # noqa: N802
        number = self.chain.number_of(decode_hex(block_hash))
        return None if number is None else _block_json(self.chain.blocks[number], full)

    def _number(self, tag: str) -> int | None:
        newest = len(self.chain.blocks) - 1
        named = {"latest": newest, "pending": newest, "earliest": 0}
        named |= {"safe": self.chain.finalized, "finalized": self.chain.finalized}
        number = named[tag] if tag in named else int(tag, 16)
        return number if number <= newest else None

    def _header(self, tag: Any) -> Any:
        if isinstance(tag, dict):
            number = self.chain.number_of(decode_hex(tag["blockHash"]))
        else:
            number = self._number(tag)
        if number is None:
            raise RpcError(-32000, "header not found")
        return self.chain.blocks[number].header

    # ------------------------------------------------------------------ accounts and calls

    def eth_getCode(self, address: str, tag: Any = "latest") -> str:  # noqa: N802
        return _hex(self.chain.vm(self._header(tag)).state.get_code(decode_hex(address)))

    def eth_getBalance(self, address: str, tag: Any = "latest") -> str:  # noqa: N802
        return hex(self.chain.vm(self._header(tag)).state.get_balance(decode_hex(address)))

    def eth_getStorageAt(self, address: str, slot: str, tag: Any = "latest") -> str:  # noqa: N802
        state = self.chain.vm(self._header(tag)).state
        return f"0x{state.get_storage(decode_hex(address), int(slot, 16)):064x}"

    def eth_getTransactionCount(self, address: str, tag: Any = "latest") -> str:  # noqa: N802
        account = decode_hex(address)
        if tag in ("latest", "pending"):
            return hex(self.chain.nonce(account, pending=tag == "pending"))
        return hex(self.chain.vm(self._header(tag)).state.get_nonce(account))

    def eth_call(self, call: dict[str, Any], tag: Any = "latest") -> str:
        return _hex(self.chain.answer(self._header(tag), *_call(call)))

    def eth_estimateGas(self, call: dict[str, Any], tag: Any = "latest") -> str:  # noqa: N802
        """What the call used before refunds, and what the calls inside it may not use."""
        computation = self.chain.call(self.chain.next_header(), *_call(call))
        data = _call(call)[2]
        intrinsic = 53_000 + 2 * (len(data) // 32) if not call.get("to") else 21_000
        intrinsic += sum(16 if byte else 4 for byte in data)
        used = intrinsic + computation.get_gas_used()
        floor = 21_000 + 10 * sum(4 if byte else 1 for byte in data)
        return hex(min(GAS_LIMIT, max(used * 64 // 63 + 5_000, floor)))

    # ------------------------------------------------------------------ fees

    def eth_gasPrice(self) -> str:  # noqa: N802
        return hex(self.chain.next_header().base_fee_per_gas + _TIP)

    def eth_maxPriorityFeePerGas(self) -> str:  # noqa: N802
        return hex(_TIP)

    def eth_feeHistory(self, count: Any, tag: str, tips: Any = ()) -> Any:  # noqa: N802
        newest, wanted = self._number(tag), int(count, 16) if isinstance(count, str) else count
        assert newest is not None
        first = max(0, newest - wanted + 1)
        headers = [block.header for block in self.chain.blocks[first : newest + 1]]
        fees = [header.base_fee_per_gas for header in headers]
        following = self.chain.next_header().base_fee_per_gas
        return {
            "oldestBlock": hex(first),
            "baseFeePerGas": [hex(fee) for fee in (*fees, following)],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
            "reward": [[hex(_TIP) for _ in tips] for _ in headers],
        }

    # ------------------------------------------------------------------ transactions and logs

    def eth_sendRawTransaction(self, raw: str) -> str:  # noqa: N802
        return _hex(self.chain.send(decode_hex(raw)))

    def eth_getTransactionByHash(self, transaction_hash: str) -> Any:  # noqa: N802
        wanted = decode_hex(transaction_hash)
        place = self.chain.find(wanted)
        if place:
            block = self.chain.blocks[place[0]]
            return _transaction_json(block.mined[place[1]].transaction, block, place[1])
        for transaction in self.chain.waiting.values():
            if transaction.hash == wanted:
                return _transaction_json(transaction)
        return None

    def eth_getTransactionReceipt(self, transaction_hash: str) -> Any:  # noqa: N802
        place = self.chain.find(decode_hex(transaction_hash))
        return place and _receipt_json(self.chain.blocks[place[0]], place[1])

    def eth_getLogs(self, wanted: dict[str, Any]) -> list[Any]:  # noqa: N802
        if "blockHash" in wanted:
            first = last = self.chain.number_of(decode_hex(wanted["blockHash"]))
            if first is None:
                raise RpcError(-32000, "unknown block")
        else:
            first = self._number(wanted.get("fromBlock", "latest"))
            last = self._number(wanted.get("toBlock", "latest"))
        newest = len(self.chain.blocks) - 1
        first = newest + 1 if first is None else first
        return [
            log
            for block in self.chain.blocks[first : newest + 1 if last is None else last + 1]
            if block.mined
            for log in _logs(block)
            if _matches(log, wanted)
        ]

    def evm_mine(self) -> str:
        self.chain.mine()
        return "0x0"


_PUBLIC = ("eth_", "net_", "web3_", "evm_")


def _call(call: dict[str, Any]) -> tuple[bytes, bytes, bytes, int]:
    sender = decode_hex(call["from"]) if call.get("from") else _NOBODY
    to = decode_hex(call["to"]) if call.get("to") else b""
    data = decode_hex(call.get("data") or call.get("input") or "0x")
    return sender, to, data, int(call.get("value", "0x0"), 16)


def _hex(raw: bytes) -> str:
    return f"0x{bytes(raw).hex()}"


def _reason(output: bytes) -> str:
    """What nodes make of Error(string)."""
    if output[:4] != bytes.fromhex("08c379a0"):
        return "execution reverted"
    size = int.from_bytes(output[36:68], "big")
    return f"execution reverted: {output[68 : 68 + size].decode(errors='replace')}"


def _block_json(block: ChainBlock, full: bool) -> dict[str, Any]:
    header = block.header
    shown = [
        _transaction_json(m.transaction, block, i) if full else _hex(m.transaction.hash)
        for i, m in enumerate(block.mined)
    ]
    return {
        "number": hex(header.block_number),
        "hash": _hex(header.hash),
        "parentHash": _hex(header.parent_hash),
        "timestamp": hex(header.timestamp),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "miner": to_checksum_address(header.coinbase),
        "mixHash": _hex(header.mix_hash),
        "difficulty": "0x0",
        "extraData": "0x",
        "nonce": _hex(header.nonce),
        "stateRoot": _hex(header.state_root),
        "transactionsRoot": _hex(header.transaction_root),
        "receiptsRoot": _hex(header.receipt_root),
        "logsBloom": f"0x{header.bloom:0512x}",
        "transactions": shown,
        "uncles": [],
        "size": "0x0",
    }


def _transaction_json(
    transaction: Any, block: ChainBlock | None = None, index: int = 0
) -> dict[str, Any]:
    return {
        "hash": _hex(transaction.hash),
        "type": hex(transaction.type_id or 0),
        "from": to_checksum_address(transaction.sender),
        "to": to_checksum_address(transaction.to) if transaction.to else None,
        "nonce": hex(transaction.nonce),
        "gas": hex(transaction.gas),
        "maxFeePerGas": hex(transaction.max_fee_per_gas),
        "maxPriorityFeePerGas": hex(transaction.max_priority_fee_per_gas),
        "gasPrice": hex(transaction.max_fee_per_gas),
        "value": hex(transaction.value),
        "input": _hex(transaction.data),
        "blockNumber": block and hex(block.header.block_number),
        "blockHash": block and _hex(block.header.hash),
        "transactionIndex": hex(index) if block else None,
    }


def _receipt_json(block: ChainBlock, index: int) -> dict[str, Any]:
    mined, header = block.mined[index], block.header
    made = mined.created
    return {
        "transactionHash": _hex(mined.transaction.hash),
        "transactionIndex": hex(index),
        "blockNumber": hex(header.block_number),
        "blockHash": _hex(header.hash),
        "from": to_checksum_address(mined.transaction.sender),
        "to": to_checksum_address(mined.transaction.to) if mined.transaction.to else None,
        "contractAddress": made and to_checksum_address(made),
        "cumulativeGasUsed": hex(mined.receipt.gas_used),
        "gasUsed": hex(mined.gas),
        "effectiveGasPrice": hex(header.base_fee_per_gas + _TIP),
        "status": hex(mined.succeeded),
        "type": hex(mined.transaction.type_id or 0),
        "logsBloom": f"0x{mined.receipt.bloom:0512x}",
        "logs": list(_transaction_logs(block, index, mined)),
    }


def _logs(block: ChainBlock) -> Iterator[dict[str, Any]]:
    for index, mined in enumerate(block.mined):
        yield from _transaction_logs(block, index, mined)


def _transaction_logs(block: ChainBlock, index: int, mined: Mined) -> Iterator[dict[str, Any]]:
    before = sum(len(earlier.receipt.logs) for earlier in block.mined[:index])
    for place, log in enumerate(mined.receipt.logs, before):
        yield {
            "address": to_checksum_address(log.address),
            "topics": [f"0x{topic:064x}" for topic in log.topics],
            "data": _hex(log.data),
            "blockNumber": hex(block.header.block_number),
            "blockHash": _hex(block.header.hash),
            "transactionHash": _hex(mined.transaction.hash),
            "transactionIndex": hex(index),
            "logIndex": hex(place),
            "removed": False,
        }


def _matches(log: dict[str, Any], wanted: dict[str, Any]) -> bool:
    addresses = wanted.get("address") or []
    addresses = [addresses] if isinstance(addresses, str) else addresses
    if addresses and log["address"].lower() not in {a.lower() for a in addresses}:
        return False
    topics = wanted.get("topics") or []
    if len(topics) > len(log["topics"]):
        return False
    for one, there in zip(topics, log["topics"], strict=False):
        choices = [one] if isinstance(one, str) else one
        if choices and there not in choices:
            return False
    return True
