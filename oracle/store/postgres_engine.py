"""PostgreSQL as an operator's database: a primary, and a replica that confirms every commit.

With a replica that follows at its own pace, a digest that was written down before it was signed
could be missing after a failover, and a second one be signed. Hence ``warnings``.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from oracle.errors import EnvironmentLacksError, InputError
from oracle.store.faults import StoreError

# Seconds, except the last: a host that went silent is given up within about 15 s.
_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "target_session_attrs": "read-write",
    "application_name": "assay",
}
# So that a machine that vanished holds no lock for long.
_SESSION = {
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}
_WRITER = 0x4153534159  # "ASSAY"
_CONFIRM_SECONDS = 5.0
_READ_ONLY = "25006"
_UNCONFIRMED = "unconfirmed"


def engine(url: str, **options: Any) -> tuple[Engine, str]:
    """The engine of a libpq URL, with any number of hosts, and its hosts for error texts;
    ``options`` are SQLAlchemy's."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    except ImportError:
        raise EnvironmentLacksError(
            "PostgreSQL needs the package psycopg", "pip install 'assay[postgres]'"
        ) from None
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:  # its text may show the password
        raise InputError(
            "the database URL is not one that PostgreSQL understands",
            "postgresql://user@host1,host2/database; a password belongs into ~/.pgpass",
        ) from None
    where = f"PostgreSQL at {_hosts(given)}"
    target = make_conninfo(**{**_DEFAULTS, **given})
    made = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(target),
        pool_pre_ping=True,
        hide_parameters=True,
        **options,
    )
    event.listen(made, "connect", _prepare)
    event.listen(made, "begin", _begin)
    return made, where


def _hosts(given: Mapping[str, Any]) -> str:
    hosts = str(given.get("host") or "the local socket").split(",")
    ports = str(given.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    named = (f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    return ", ".join(named)


def _prepare(connection: Any, record: Any) -> None:
    """Asks for at least a commit on the replica's disk, whatever the server's default is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
            "WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)"
        )
        for name, value in _SESSION.items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.commit()
    record.info[_UNCONFIRMED] = False

    def notice(diagnostic: Any) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            record.info[_UNCONFIRMED] = True

    connection.add_notice_handler(notice)


def _begin(connection: Connection) -> None:
    """One writer at a time, as in SQLite: what it reads stays true until it has written."""
    if connection.get_execution_options().get("assay_write", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER})")


def commit(connection: Connection) -> None:
    """Commits, and returns once the replica has it; a ``StoreError`` if it does not confirm it.

    Then the transaction stays on the primary, where a later one that finds it makes up for that:
    its commit waits for the replica too, whether it changed anything or not. Only a transaction
    that writes to the log waits at all, hence the message.
    """
    connection.execute(text("SELECT pg_logical_emit_message(true, 'assay', '')"))
    held = connection.connection
    held.info[_UNCONFIRMED] = False
    overdue = threading.Timer(_CONFIRM_SECONDS, _cancel, (held.driver_connection,))
    overdue.daemon = True
    overdue.start()
    try:
        connection.commit()
    finally:
        overdue.cancel()
    # A server acknowledges a commit whose wait was cancelled; all it gives is a warning.
    if held.info[_UNCONFIRMED]:
        connection.invalidate()
        raise StoreError(
            "the PostgreSQL replica does not confirm what is written",
            "see that it runs and follows the primary",
            passing=True,
        )


def _cancel(driver_connection: Any) -> None:
    import psycopg

    with suppress(psycopg.Error):
        driver_connection.cancel_safe(timeout=_CONFIRM_SECONDS)


def is_lost(error: DBAPIError) -> bool:
    """Whether the server is gone, or has become one that only reads."""
    state = getattr(error.orig, "sqlstate", None)
    return state == _READ_ONLY or (state or "")[:2] in {"57", "08"}


def warnings(connection: Connection) -> list[str]:
    found = []
    value = {
        name: connection.execute(text(f"SHOW {name}")).scalar_one()
        for name in ("fsync", "full_page_writes", "synchronous_standby_names")
    }
    for name in ("fsync", "full_page_writes"):
        if value[name] != "on":
            found.append(f"{name} is {value[name]}: a crash of the server loses what was signed")
    if not value["synchronous_standby_names"]:
        found.append(
            "synchronous_standby_names is empty: after a failover this operator could sign a "
            "second result; name the replica there"
        )
    else:
        waiting = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
        if not connection.execute(text(waiting)).scalar_one():
            found.append("no synchronous replica is connected: every write waits until one is")
    return found
