"""A wallet as pages have one (EIP-1193), its key in this process, reached over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount
from server_world import ServerWorld


class Wallet:
    """``asked``: methods that a page called, in order."""

    def __init__(self, world: ServerWorld, account: LocalAccount) -> None:
        self.world, self.account, self.asked = world, account, list[str]()

    def request(self, method: str, params: list[Any]) -> Any:
        self.asked.append(method)
        web3 = self.world.reader.web3
        match method:
            case "eth_requestAccounts":
                return [self.account.address.lower()]
            case "eth_chainId":
                return hex(web3.eth.chain_id)
            case "personal_sign":
                signable = encode_defunct(hexstr=params[0])
                return "0x" + bytes(self.account.sign_message(signable).signature).hex()
            case "eth_signTypedData_v4":
                signable = encode_typed_data(full_message=json.loads(params[1]))
                return "0x" + bytes(self.account.sign_message(signable).signature).hex()
            case "eth_sendTransaction":
                return self._send(params[0])
            case "eth_getTransactionReceipt":
                return {"status": hex(web3.eth.get_transaction_receipt(params[0])["status"])}
        raise ValueError(method)

    def _send(self, call: dict[str, str]) -> str:
        web3 = self.world.reader.web3
        fields = {
            "to": call["to"],
            "data": call["data"],
            "value": int(call["value"], 16),
            "chainId": web3.eth.chain_id,
            "gas": 1_000_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
            "nonce": web3.eth.get_transaction_count(self.account.address),
            "type": 2,
        }
        raw = self.account.sign_transaction(fields).raw_transaction
        return "0x" + bytes(web3.eth.send_raw_transaction(raw)).hex()


@contextmanager
def wallet_at_http(wallet: Wallet) -> Iterator[str]:
    """The address that it takes requests at: POST {method, params}, answered {result}."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            result = wallet.request(asked["method"], asked.get("params") or [])
            body = json.dumps({"result": result}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
