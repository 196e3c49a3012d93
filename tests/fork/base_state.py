"""What a base chain is at a moment, so that any change of it shows."""

import hashlib

import requests


def fingerprint(rpc: str) -> dict[str, str]:
    """A local chain's answers, byte for byte: its newest block with number, hash and state root,
    what waits in its pool, and all accounts with balances, nonces, code and storage (as SHA-256).
    """
    state = _answer(rpc, "anvil_dumpState", [])
    return {
        "newest block": _answer(rpc, "eth_getBlockByNumber", ["latest", True]).decode(),
        "pool": _answer(rpc, "txpool_content", []).decode(),
        "state": hashlib.sha256(state).hexdigest(),
    }


def _answer(rpc: str, method: str, parameters: list[object]) -> bytes:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    answer = requests.post(rpc, json=body, timeout=30).content
    assert b'"error"' not in answer, answer
    return answer
