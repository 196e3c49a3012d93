"""Operators in one process: each is what its own process builds from its configuration.

They reach the chain without a node and each other without sockets, through the very application
that serves their HTTP. An operator that stops, or dies at a failpoint, loses all that is not in its
database and its files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from eth_account.signers.local import LocalAccount
from in_process_chain import InProcessChain
from in_process_tournament import connected
from starlette.testclient import TestClient

from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.operator import run
from oracle.operator.config import OperatorConfig
from oracle.operator.peers import Peer
from oracle.operator.server import build
from oracle.settlement.receipts import SignedReceipt
from oracle.settlement.typed_data import digest
from oracle.settlement.wire import payload
from oracle.store.event_index import EventStore
from oracle.store.sealing import Identity, seal

URL = "http://in-process"


class Killed(BaseException):
    """The operator came to the place where it was to die; nothing in it may catch this."""


@dataclass
class InProcessOperator:
    """One operator: folder and key stay, ``running`` is there while it runs.

    ``doom`` names the failpoint at which it dies next.
    """

    name: str
    home: Path
    account: LocalAccount
    chain: InProcessChain
    pool: str
    data: Path
    port: int
    doom: str = ""
    running: run.Operator | None = None
    client: TestClient | None = None
    peers: Mapping[str, "InProcessOperator"] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.name}:{self.port}"

    @property
    def is_up(self) -> bool:
        return self.running is not None

    def start(self) -> None:
        """Builds it as its process does, from files."""
        if not self.home.exists():
            self._settle_in()
        with (
            patch.object(run, "open_reader", self._reader),
            patch.object(run, "Peer", self._peer),
            patch.object(run.failpoints, "failpoint", self._failpoint),
        ):
            self.running = run.Operator(self._config())
        context = self.running.context
        context.at, context.turns.clock = self._failpoint, self._clock
        context.ingest.tries.clock = self._clock
        self.running.guard()
        self.client = TestClient(build(self.running.ingest, self.running.worker))

    def stop(self) -> None:
        running = self.running
        if running is not None:
            running.close()
            # The web framework remembers every handler of the process, and all that hangs on it.
            for part in (running.reader, running.context, running.worker, running):
                vars(part).clear()
        self.running = self.client = None

    def cycle(self) -> bool:
        """One look at the chain; False if it died in it."""
        assert self.running is not None
        try:
            self.running.worker.cycle()
        except Killed:
            self.stop()
            return False
        error = self.running.worker.error
        if error:
            self.errors.append(str(error))
        return True

    def submit(
        self, raw: bytes, number: int, model: int, sequence: int, signature: bytes
    ) -> SignedReceipt:
        """Hands in a file, sealed to the operators that run; raises what the operator raises."""
        assert self.running is not None
        everyone = [self, *(o for o in self.peers.values() if o.is_up)]
        body = seal(payload(raw, ""), [o.recipient for o in everyone])
        return self.running.ingest.accept(body, number, model, sequence, signature)

    @property
    def recipient(self) -> str:
        assert self.running is not None
        return self.running.ingest.identity.recipient

    def signed(self, number: int) -> bytes | None:
        """Digest of the result that this operator shows its signature of."""
        if self.running is None:
            return None
        shown = self.running.worker.own_attestation(number)
        return shown and digest(shown.attestation().commit, self.running.context.domain)

    # ------------------------------------------------------------------ its surroundings

    def _settle_in(self) -> None:
        self.home.mkdir(parents=True)
        Identity.new().save(self.home / "identity.age")
        key = self.home / "key.env"
        key.touch(0o600)
        key.write_text(f"ASSAY_OPERATOR_KEY={self.account.key.to_0x_hex()}\n")

    def _config(self) -> OperatorConfig:
        return OperatorConfig.model_validate(
            {
                "name": self.name,
                "chain_id": self.chain.chain_id,
                "pool": self.pool,
                "chain": {"urls": [URL], "wait": 0.01},
                "signer": {"kind": "envfile", "file": "key.env"},
                "data": self.data,
                "port": self.port,
                "url": self.url,
                "peers": list(self.peers),
                "stagger": 3.0,
                "patience": 5.0,
            }
        ).under(self.home)

    def _reader(self, config: OperatorConfig, events: EventStore) -> PoolReader:
        return PoolReader(connected(self.chain), URL, config.pool, IndexedLogs(events))

    def _peer(self, url: str) -> Peer:
        return InProcessPeer(url, self.peers[url], self._clock)

    def _clock(self) -> float:
        """Operators wait for each other by the chain's time, which does not wait."""
        return float(self.chain.head.timestamp)

    def _failpoint(self, name: str) -> None:
        if name == self.doom:
            self.doom = ""
            raise Killed(name)


class InProcessPeer(Peer):
    """Asks another operator's application, if it runs."""

    def __init__(self, url: str, operator: InProcessOperator, clock: object) -> None:
        super().__init__(url)
        self.operator = operator

    def get(self, path: str, limit: int) -> bytes | None:
        client = self.operator.client
        if client is None:
            return None
        answer = client.get(path)
        found = answer.status_code == 200 and len(answer.content) <= limit
        return answer.content if found else None
