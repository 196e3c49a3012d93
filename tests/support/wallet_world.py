"""A tournament on the child chain of two real ones, its server with the web app, and people with
wallets in their browsers."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import requests
from bridge_rounds import CLOCKS, TIMING, bridge_in, bridged_rounds
from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address
from local_anvil import LocalAnvil
from playwright.sync_api import BrowserContext, Page
from postgres import free_port
from served_pages import wait_until
from server_http import answering
from server_world import ServerWorld
from short_times import short_topology
from two_chains import NMR, TwoChains
from vaulted_chains import vaulted_chains

from oracle.chain.keys import dev_account
from oracle.chain.reader import PoolReader
from oracle.gateway.run import Server
from oracle.settlement.units import TAKE_PROFIT

STAKER, OTHER = 10, 11
"""Development accounts with models: of 0 and 2, and of 1."""
REJECTED, UNKNOWN_CHAIN = 4001, 4902
SKILLS = {0: 9, 1: 0, 2: 4}


class AnvilChain:
    """A real chain with the time of ``in_process_chain.InProcessChain``."""

    def __init__(self, anvil: LocalAnvil) -> None:
        self.anvil = anvil

    @property
    def head(self) -> SimpleNamespace:
        return SimpleNamespace(timestamp=int(self.anvil.block("latest")["timestamp"], 16))

    def advance_to(self, timestamp: int) -> None:
        if self.head.timestamp < timestamp:
            self.anvil.ask("evm_setNextBlockTimestamp", timestamp)
            self.anvil.mine(1)
        self.finalize()

    def finalize(self) -> None:
        self.anvil.mine(3)


@dataclass
class WalletWorld:
    """``world``'s chain is the child of ``chains``; models 0 and 2 are the staker's."""

    chains: TwoChains
    world: ServerWorld
    home: Path

    @property
    def staker(self) -> LocalAccount:
        return dev_account(STAKER)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Fields of the server's configuration."""
        record = self.home / "bridge.json"
        self.chains.record.save(record)
        where = self.world.reader.addresses
        tournament = {
            "number": where.tournament,
            "chain_id": where.chain_id,
            "pool": where.pool,
            "chain": {"urls": [self.chains.child.url]},
            "public_rpc": [self.chains.child.url],
            "root": {
                "record": str(record),
                "chain": {"urls": [self.chains.root.url]},
                "public_rpc": [self.chains.root.url],
            },
            "sources": [str(self.world.artefacts)],
            "data": str(self.world.provider),
        }
        # One address visits more often than a person would.
        rates = {"sign_in": "1000/minute"}
        return {"tournaments": [tournament], "rates": rates, **changes}

    @contextmanager
    def server(self, app: Path, port: int | None = None, **changes: Any) -> Iterator[Server]:
        """The server on this tournament, as ``assay server run`` has it."""
        with self.stoppable(app, port, **changes) as (running, _):
            yield running

    @contextmanager
    def stoppable(
        self, app: Path, port: int | None = None, **changes: Any
    ) -> Iterator[tuple[Server, Callable[[], None]]]:
        """The same, and how its HTTP is ended before its time."""
        port = port or free_port()
        url = f"http://127.0.0.1:{port}"
        fields = self.settings(port=port, url=url, web=str(app), **changes)
        where = str(self.home / "server.sqlite")
        running = Server(self.world.config(where, self.home, **fields))
        with answering(running, port) as http:
            wait_until(lambda: not running.services.health.lacks(), "the server follows the chain")

            def stop() -> None:
                http.should_exit = True
                wait_until(lambda: not _listens(port), "the server ends")

            yield running, stop


@contextmanager
def wallet_world(folder: Path) -> Iterator[WalletWorld]:
    """Round 1 is settled, round 2 open; the staker has NMR on both chains."""
    with vaulted_chains() as chains:
        for account in (STAKER, OTHER):
            bridge_in(chains, account, 60 * NMR)
        rounds = bridged_rounds(chains, folder)
        topology = short_topology(TIMING, CLOCKS)
        world = ServerWorld(
            root=folder,
            chain=AnvilChain(chains.child),  # type: ignore[arg-type]
            reader=rounds.reader,
            operators=[dev_account(one.account) for one in topology.operators],
            stakers=[dev_account(STAKER), dev_account(OTHER)],
        )
        world.chain.finalize()
        for name in ("momentum", "<img src=x onerror=alert(1)>", "value"):
            world.register(name)
        world.writer(world.owner(2)).set_mode(2, TAKE_PROFIT, 1)
        _fund(chains, rounds.reader, 20 * NMR)
        world.play(SKILLS, nmr=5)
        world.announce(window=3_000)
        chains.give(STAKER, 40 * NMR)
        chains.child.mine(3)
        home = folder / "server"
        home.mkdir(exist_ok=True)
        yield WalletWorld(chains, world, home)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _fund(chains: TwoChains, reader: PoolReader, wei: int) -> None:
    """The vault, from which gains are paid."""
    token = chains.child_token
    chains.done(chains.child_web3, token.functions.approve(reader.addresses.pool, wei), OTHER)
    chains.done(chains.child_web3, reader.pool.functions.fund(wei), OTHER)


@dataclass
class BrowserWallet:
    """An EIP-1193 wallet for one page: keys and chains are here, the page reaches it by a function
    that it exposes. ``asked`` are the methods in order; ``rejects`` those that its owner refuses;
    ``signed`` the texts and typed data that were signed."""

    account: LocalAccount
    chains: dict[int, LocalAnvil]
    on: int
    known: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    rejects: set[str] = field(default_factory=set)
    signed: list[Any] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def install(self, context: BrowserContext) -> None:
        """Announces itself by EIP-6963 on every page of a browser's context."""
        context.expose_function("assayTestWallet", self._answer)
        context.add_init_script(_PROVIDER)

    def _answer(self, text: str) -> str:
        asked = json.loads(text)
        method, params = asked["method"], asked.get("params") or []
        self.asked.append(method)
        if method in self.rejects:
            return json.dumps({"code": REJECTED, "message": "User rejected the request."})
        try:
            return json.dumps({"result": self._do(method, params)})
        except _Failed as failed:
            return json.dumps({"code": failed.code, "message": str(failed)})

    def _do(self, method: str, params: list[Any]) -> Any:
        match method:
            case "eth_requestAccounts" | "eth_accounts":
                return [self.account.address.lower()]
            case "eth_chainId":
                return hex(self.on)
            case "wallet_switchEthereumChain":
                return self._switch(int(params[0]["chainId"], 16))
            case "wallet_addEthereumChain":
                self.known.add(int(params[0]["chainId"], 16))
                return None
            case "personal_sign":
                self.signed.append(bytes.fromhex(params[0][2:]).decode())
                return self._signature(encode_defunct(hexstr=params[0]))
            case "eth_signTypedData_v4":
                self.signed.append(json.loads(params[1]))
                return self._signature(encode_typed_data(full_message=json.loads(params[1])))
            case "eth_sendTransaction":
                return self._send(params[0])
        return self._ask(method, params)

    def _switch(self, chain_id: int) -> None:
        if chain_id not in self.chains or (self.known and chain_id not in self.known):
            raise _Failed(UNKNOWN_CHAIN, "Unrecognized chain ID.")
        self.on = chain_id

    def _signature(self, signable: Any) -> str:
        return "0x" + bytes(self.account.sign_message(signable).signature).hex()

    def _send(self, call: dict[str, str]) -> str:
        nonce = self._ask("eth_getTransactionCount", [self.account.address, "pending"])
        fields: dict[str, Any] = {
            "to": to_checksum_address(call["to"]),
            "data": call["data"],
            "value": int(call.get("value", "0x0"), 16),
            "chainId": self.on,
            "gas": int(call["gas"], 16),
            "nonce": int(nonce, 16),
        }
        if "gasPrice" in call:
            fields["gasPrice"] = int(call["gasPrice"], 16)
        else:
            fields |= {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "type": 2}
        raw = self.account.sign_transaction(fields).raw_transaction
        self.sent.append(self._ask("eth_sendRawTransaction", ["0x" + bytes(raw).hex()]))
        return self.sent[-1]

    def _ask(self, method: str, params: list[Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = requests.post(self.chains[self.on].url, json=body, timeout=30).json()
        if "error" in answer:
            raise _Failed(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]


class _Failed(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def connect(page: Page) -> None:
    """As a visitor does who has not been here."""
    page.get_by_role("button", name="Connect Test wallet").click()
    page.get_by_role("button", name="Disconnect").wait_for()


_PROVIDER = """
(() => {
  const listeners = {};
  const provider = {
    async request(asked) {
      const answer = JSON.parse(await window.assayTestWallet(JSON.stringify(asked)));
      if ("code" in answer) throw Object.assign(new Error(answer.message), { code: answer.code });
      if (asked.method === "wallet_switchEthereumChain")
        for (const one of listeners.chainChanged ?? []) one(asked.params[0].chainId);
      return answer.result;
    },
    on(name, listener) {
      (listeners[name] ??= []).push(listener);
    },
    removeListener(name, listener) {
      listeners[name] = (listeners[name] ?? []).filter((one) => one !== listener);
    },
  };
  const info = Object.freeze({
    uuid: "5f0c5d1e-0000-4000-8000-000000000001",
    name: "Test wallet",
    icon: "data:image/svg+xml,<svg/>",
    rdns: "test.wallet",
  });
  const announce = () =>
    dispatchEvent(
      new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }),
    );
  addEventListener("eip6963:requestProvider", announce);
  announce();
})();
"""
