"""One server process: HTTP in this thread, the tasks in theirs, until it is told to stop."""

import os
import signal
import socket
from collections.abc import Sequence
from contextlib import ExitStack

import structlog
import uvicorn
from eth_utils import to_checksum_address

from oracle.accounts.accounts import Accounts
from oracle.accounts.signing_in import Contracts, Site
from oracle.chain.contract_wallets import is_signed_by_contract
from oracle.chain.logs import IndexedLogs
from oracle.chain.reader import PoolReader
from oracle.errors import EnvironmentLacksError, InputError
from oracle.gateway import parts
from oracle.gateway.app import build, settings
from oracle.gateway.config import ServerConfig, TournamentSettings
from oracle.gateway.health import Health
from oracle.gateway.services import Services, open_services
from oracle.gateway.tasks import Runner
from oracle.ledger.ledger import Ledger
from oracle.operator import logs
from oracle.records import open_records
from oracle.store.database import Database
from oracle.store.event_index import EventStore
from oracle.store.sole import sole_folder, sole_process
from oracle.verification.fetch import open_source

_log = structlog.get_logger("server")


class Server:
    """Everything one process holds, built from its configuration; ``close`` lets go of it."""

    def __init__(self, config: ServerConfig) -> None:
        self.config, self._opened = config, ExitStack()
        config.home.mkdir(parents=True, exist_ok=True)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        config = self.config
        self.database = open_records(config.where)
        self._opened.callback(self.database.close)
        chains = frozenset(one.chain_id for one in config.tournaments)
        site = Site(config.domain, config.url, chains)
        ledgers = {one.number: self._ledger(one) for one in config.tournaments}
        contracts = _contract_wallets([one.reader for one in ledgers.values()])
        accounts = Accounts(self.database, site, config.rates, contracts=contracts)
        self.services: Services = open_services(config, self.database, accounts, ledgers, Health())
        tasks = parts.tasks(self.services)
        self.services.health.watch(tasks)
        self.runner = Runner(tasks, self.services.health.ended)
        self.app = build(self.services, parts.routers(self.services))

    def _ledger(self, one: TournamentSettings) -> Ledger:
        index = Database.open(self.config.home / "index" / f"{one.number}.sqlite")
        self._opened.callback(index.close)
        index.claim(one.chain_id, one.pool)
        events = EventStore(index)
        reader = open_reader(one, events)
        if reader.addresses.tournament != one.number:
            raise InputError(
                f"the pool {one.pool} is tournament {reader.addresses.tournament}'s, "
                f"not {one.number}'s",
                "correct the number or the pool's address",
            )
        sources = [open_source(text) for text in (*one.sources, *one.operators)]
        home = self.config.home / str(one.number)
        return Ledger(reader, self.database, events, sources, home)

    def close(self) -> None:
        self._opened.close()


def _contract_wallets(readers: Sequence[PoolReader]) -> Contracts:
    """Asks the contract on the chain that a message names."""
    of = {reader.addresses.chain_id: reader for reader in readers}

    def is_signed(chain_id: int, address: str, digest: bytes, signature: bytes) -> bool:
        wallet = to_checksum_address(address)
        return is_signed_by_contract(of[chain_id], wallet, digest, signature)

    return is_signed


def open_reader(one: TournamentSettings, events: EventStore) -> PoolReader:
    """The tournament as the configured endpoints and the index of events show it."""
    return PoolReader.open(
        one.chain.urls,
        one.pool,
        one.chain_id,
        logs=IndexedLogs(events),
        agree=one.chain.agree,
        solo=one.chain.solo,
        stale_seconds=one.chain.stale_seconds,
    )


def run(config: ServerConfig) -> None:
    """Runs until SIGTERM or SIGINT; tasks finish what they are at first."""
    logs.configure()
    with sole_folder(config.home / "server.lock", "a server"), sole_process(config.where, _end):
        server = Server(config)
        try:
            _serve(server)
        finally:
            server.close()


def _end() -> None:
    """As by a signal: a process on another machine has taken the database over."""
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(server: Server) -> None:
    config = server.config
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal anew when it has ended; else the process would die there.
        signal.signal(number, lambda *_: None)
    http = uvicorn.Server(settings(server.app, server.services))
    with _listening(config.host, config.port) as listener:
        server.runner.start()
        _log.info("serving", url=config.url, port=config.port)
        try:
            http.run(sockets=[listener])
        finally:
            server.runner.stop()


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise EnvironmentLacksError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            "stop what listens there (this server, perhaps), or change host and port",
        ) from None
