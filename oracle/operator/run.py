"""One operator process: the HTTP server and the reconcile loop, until it is told to stop."""

import logging
import signal
import socket
import threading

import structlog
import uvicorn

from oracle.chain.keys import load_keystore
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.sender import Sender
from oracle.errors import EnvironmentLacksError, RefusedError
from oracle.operator.config import OperatorConfig
from oracle.operator.ingest import Ingest
from oracle.operator.peers import Peer
from oracle.operator.server import build
from oracle.operator.targets import RoundData
from oracle.operator.worker import Worker
from oracle.store.journal import Journal


def _configure_logging() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise EnvironmentLacksError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            "stop what listens there (this operator, perhaps), or change host and port",
        ) from None


def run(config: OperatorConfig) -> None:
    """Runs until SIGTERM or SIGINT; the loop finishes its cycle first."""
    _configure_logging()
    account = load_keystore(config.keystore, config.password_file)
    reader = PoolReader.open(config.rpc, config.pool, config.chain_id)
    if account.address not in reader.operators():
        raise RefusedError(
            f"{account.address} is not an operator of this tournament",
            f"its operators are {', '.join(reader.operators())}",
        )
    config.home.mkdir(parents=True, exist_ok=True)
    journal = Journal(config.home / "journal.sqlite")
    data = RoundData(config.data)
    ingest = Ingest(reader, journal, data, account)
    worker = Worker(
        reader=reader,
        writer=PoolWriter(reader, Sender(reader.web3, config.rpc, account)),
        journal=journal,
        data=data,
        account=account,
        ingest=ingest,
        peers=[Peer(url) for url in config.peers],
        artefacts=config.home / "artefacts",
        stagger=config.stagger,
        patience=config.patience,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal anew when it has ended; else the process would die there.
        signal.signal(number, lambda *_: stop.set())
    loop = threading.Thread(target=worker.run, args=(stop, config.cycle), name="reconcile")
    server = uvicorn.Server(
        uvicorn.Config(build(ingest, worker), log_level="warning", timeout_graceful_shutdown=3)
    )
    try:
        # Bound before the loop starts: a second process of the same operator must not sign.
        with _listening(config.host, config.port) as listener:
            loop.start()
            server.run(sockets=[listener])
    finally:
        stop.set()
        if loop.ident is not None:
            loop.join()
        journal.close()
