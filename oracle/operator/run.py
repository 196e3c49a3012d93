"""One operator process: the HTTP server and the reconcile loop, until it is told to stop."""

import os
import signal
import socket
import threading
import time
from functools import partial
from pathlib import Path

import structlog
import uvicorn

from oracle import __version__
from oracle.bridge.sweeping import Side
from oracle.chain.index import ChainIndex
from oracle.chain.logs import IndexedLogs
from oracle.chain.outbox import Outbox
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.signers import open_signer
from oracle.chain.signing import Signer
from oracle.errors import EnvironmentLacksError, RefusedError
from oracle.operator import failpoints, logs
from oracle.operator.announce_config import SecondsAnnounce, WeekdaysAnnounce
from oracle.operator.announcing import Announcing
from oracle.operator.bridging import Bridging, crossing
from oracle.operator.config import OperatorConfig
from oracle.operator.context import Context
from oracle.operator.disclosing import Mirror
from oracle.operator.duties import Duties
from oracle.operator.guard import Guard
from oracle.operator.intake import open_ingest
from oracle.operator.metrics import Deadlines, Metrics, Sights
from oracle.operator.observing import CHILD, ROOT
from oracle.operator.peers import Peer
from oracle.operator.server import build, settings
from oracle.operator.state import open_objects
from oracle.operator.turns import Turns
from oracle.operator.worker import Worker
from oracle.settlement.specs import SPECS
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.store.mirror import mirror_round, round_key
from oracle.store.objects import ObjectStore
from oracle.store.sealing import Identity
from oracle.store.sole import sole_folder, sole_process
from oracle.store.transactions import TransactionStore

_log = structlog.get_logger("operator")


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise EnvironmentLacksError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            "stop what listens there (this operator, perhaps), or change host and port",
        ) from None


def open_reader(config: OperatorConfig, events: EventStore) -> PoolReader:
    """The tournament as the configured endpoints and the index of events show it."""
    chain = config.chain
    return PoolReader.open(
        chain.urls,
        config.pool,
        config.chain_id,
        logs=IndexedLogs(events),
        agree=chain.agree,
        solo=chain.solo,
        stale_seconds=chain.stale_seconds,
    )


def _require_operator(reader: PoolReader, signer: Signer | None) -> None:
    if signer is None:
        _log.warning("no signer in the configuration: a dry run, nothing is signed or sent")
    elif signer.address not in reader.operators():
        raise RefusedError(
            f"{signer.address} is not an operator of this tournament",
            f"its operators are {', '.join(reader.operators())}",
        )


class Operator:
    """Everything one process holds, built from its configuration; ``close`` lets go of it."""

    def __init__(self, config: OperatorConfig) -> None:
        config.home.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.signer = open_signer(config.signer)
        self.database = Database.open(config.database)
        try:
            self._build()
        except BaseException:
            self.database.close()
            raise

    def _build(self) -> None:
        config = self.config
        self.database.claim(config.chain_id, config.pool)
        for warning in self.database.warnings():
            _log.warning("database", warning=warning)
        events = EventStore(self.database)
        self.reader = open_reader(config, events)
        signer = self.signer
        _require_operator(self.reader, signer)
        self.ingest = open_ingest(
            self.reader,
            self.database,
            config.data,
            signer,
            Identity.load(config.identity),
            url=config.public_url,
            providers=config.providers,
            allow_plaintext=config.allow_plaintext,
        )
        self.outboxes: dict[tuple[str, str], Outbox] = {}
        self.index = ChainIndex(self.reader, events)
        self.metrics = self._metrics(signer)
        self.context = Context(
            reader=self.reader,
            writer=None if signer is None else self._writer(signer),
            journal=self.ingest.journal,
            data=self.ingest.data,
            signer=signer,
            ingest=self.ingest,
            peers=[Peer(url) for url in config.peers],
            artefacts=config.artefacts,
            turns=Turns(config.stagger),
            identity=self.ingest.identity,
            patience=config.patience,
            observe=self.metrics,
        )
        objects = open_objects(config)
        duties = Duties(
            self.context,
            announcing=None if config.announce is None else self._announcing(config.announce),
            outboxes=[outbox for (chain, _), outbox in self.outboxes.items() if chain == CHILD],
            chain_index=self.index,
            events=events,
            verifiers=config.verifiers,
            keep_files=config.store.keep_files_days * 86_400,
            mirror=None if objects is None else self._mirror(objects),
        )
        self.worker, self.bridging = Worker(duties), self._bridging()

    def _writer(self, signer: Signer) -> PoolWriter:
        """Sends from the signer's account; one outbox an account, whatever it is used for."""
        key = CHILD, signer.address
        if key not in self.outboxes:
            self.outboxes[key] = Outbox(
                self.reader.web3,
                signer,
                TransactionStore(self.database),
                url=self.reader.url,
                wait=self.config.chain.wait,
                max_fee_gwei=self.config.chain.max_fee_gwei,
                at=failpoints.failpoint,
                spent=self.metrics.spent,
            )
        return PoolWriter(self.reader, self.outboxes[key])

    def _bridging(self) -> Bridging:
        chosen = self.config.bridge
        if chosen is None:
            return Bridging(self.context)
        return Bridging(self.context, crossing(chosen, self.context, self._root_outbox))

    def _root_outbox(self, root: Side) -> Outbox | None:
        """Sends from the signer's account on the root chain."""
        chosen = self.config.bridge
        if self.signer is None or chosen is None:
            return None
        outbox = self.outboxes[ROOT, self.signer.address] = Outbox(
            root.web3,
            self.signer,
            TransactionStore(self.database, root.web3.eth.chain_id),
            url=root.url,
            wait=chosen.wait,
            max_fee_gwei=chosen.max_fee_gwei,
            at=failpoints.failpoint,
            spent=partial(self.metrics.spent, chain=ROOT),
        )
        return outbox

    def _metrics(self, signer: Signer | None) -> Metrics:
        reader, timing = self.reader, self.reader.timing
        metrics = Metrics(
            Sights(
                endpoints=lambda: reader.endpoints.health(),
                folders=[self.config.home, self.config.artefacts],
                oldest_pending=self._oldest_pending,
                burns=lambda: self.bridging.seen,
                submissions=self.ingest.journal.count,
                index_gaps=lambda: self.index.gaps,
                deadlines=Deadlines(timing["grace"], reader.clocks.settle_time),
            )
        )
        metrics.info.info(
            {
                "name": self.config.name,
                "operator": "" if signer is None else signer.address,
                "version": __version__,
                "chain_id": str(self.config.chain_id),
                "pool": self.config.pool,
            }
        )
        return metrics

    def _oldest_pending(self) -> dict[str, float]:
        """By chain, the age in seconds of its oldest transaction that is in no block yet."""
        ages = dict[str, float]()
        # A copy: the thread of burns adds the root chain's when it first can.
        for (chain, _), outbox in list(self.outboxes.items()):
            sent = [one.sent_at for one in outbox.pending()]
            age = time.time() - min(sent) if sent else 0.0
            ages[chain] = max(age, ages.get(chain, 0.0))
        return ages

    def _announcing(self, chosen: WeekdaysAnnounce | SecondsAnnounce) -> Announcing:
        return Announcing(
            reader=self.reader,
            writer=self._writer(chosen.signer.open()),
            calendar=chosen.rounds(),
            spec=SPECS[chosen.spec],
            ahead=chosen.ahead,
            margin=chosen.margin,
            phi=chosen.phi_source(),
        )

    def _mirror(self, objects: ObjectStore) -> Mirror:
        where = self.reader.addresses

        def mirror(folder: Path, number: int) -> None:
            mirror_round(folder, objects, round_key(where.chain_id, where.pool, number))

        return mirror

    def guard(self) -> None:
        """Learns what was signed before, as far as this database does not know it."""
        context = self.context
        Guard(
            self.reader, context.journal, context.artefacts, context.address, context.peers
        ).settle()

    def close(self) -> None:
        self.database.close()


def _end() -> None:
    """As by a signal: a process on another machine has taken the database over."""
    os.kill(os.getpid(), signal.SIGTERM)


def run(config: OperatorConfig) -> None:
    """Runs until SIGTERM or SIGINT; the loop finishes its cycle first."""
    logs.configure()
    failpoints.check()
    lock = config.home / "operator.lock"
    with sole_folder(lock, "an operator"), sole_process(config.database, _end):
        operator = Operator(config)
        for warning in operator.database.warnings():
            _log.warning("database", warning=warning)
        _serve(operator)


def _serve(operator: Operator) -> None:
    """The HTTP server in this thread, the loop in another, until a signal comes."""
    config, stop = operator.config, threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal anew when it has ended; else the process would die there.
        signal.signal(number, lambda *_: stop.set())
    worker = operator.worker
    loop = threading.Thread(target=worker.run, args=(stop, config.cycle), name="reconcile")
    # Of its own, so that no round waits for Ethereum's endpoints.
    burns = threading.Thread(target=operator.bridging.run, args=(stop,), name="burns")
    server = uvicorn.Server(settings(build(operator.ingest, worker, metrics=operator.metrics)))
    try:
        # Bound before the loop starts: a second process of the same operator must not sign.
        with _listening(config.host, config.port) as listener:
            operator.guard()
            loop.start()
            burns.start()
            server.run(sockets=[listener])
    finally:
        stop.set()
        for thread in (loop, burns):
            if thread.ident is not None:
                thread.join()
        operator.close()
