"""A devnet's tournament server: its keys and its configuration."""

import os
from collections.abc import Mapping
from pathlib import Path

from oracle.chain.keys import KEY_VARIABLE, dev_account
from oracle.devnet.operator_home import Pace, toml
from oracle.devnet.topology import Server, Topology
from oracle.store.artefacts import write_file

CONFIG = "server.toml"

_RATES = {
    "sign_in": "600/minute",
    "refused": "600/minute",
    "address": "60000/minute",
    "anonymous": "60000/minute",
    "signed_in": "60000/minute",
    "values": "60000000/minute",
    "upload": "6000/minute",
    "stake": "600/minute",
    "relayer": "600/minute",
}
_CONNECTIONS = 1_024
"""Everybody on a devnet comes from one address."""


def write_server_home(
    home: Path,
    topology: Topology,
    server: Server,
    pool: str,
    data: Path,
    datasets: Path,
    pace: Pace,
    *,
    bridge: Path | None = None,
    database: str | None = None,
) -> Path:
    """Makes ``home``; returns the configuration's path.

    The server reads the provider's folder ``data`` and publishes ``datasets``. With ``bridge``, a
    record, it shows people the way from and to the root chain. ``database``: another than a file
    in ``home``.
    """
    home.mkdir(parents=True)
    number = topology.tournament.number
    tournament: dict[str, object] = {
        "number": number,
        "chain_id": topology.chain.chain_id,
        "pool": pool,
        "public_rpc": [topology.rpc],
        "operators": [operator.url for operator in topology.operators],
        "data": str(data.resolve()),
        "datasets": str(datasets.resolve()),
    }
    tables: dict[str, Mapping[str, object]] = {
        "submitter": _key(home, "submitter", server.submitter),
        "relayer": _key(home, "relayer", server.relayer),
        "webhooks": {"allow_private": True},
        "rates": _RATES,
        "[tournaments]": tournament,
        "tournaments.chain": {"urls": [topology.rpc, *topology.chain.rpc], "wait": 5.0},
    }
    if bridge is not None:
        tables["tournaments.root"] = {
            "record": str(bridge.resolve()),
            "public_rpc": [topology.root_rpc],
        }
        tables["tournaments.root.chain"] = {"urls": [topology.root_rpc], "wait": 5.0}
    values: dict[str, object] = {
        "name": "devnet",
        "port": server.port,
        "url": server.url,
        "home": ".",
        "cycle": pace.cycle,
        "connections": _CONNECTIONS,
    }
    if database is not None:
        values["database"] = database
    path = home / CONFIG
    write_file(path, toml(values, tables).encode())
    return path


def _key(home: Path, name: str, account: int) -> Mapping[str, object]:
    """A file with the account's key, readable by its owner only, and how it is named."""
    path = home / f"{name}.env"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{KEY_VARIABLE}=0x{bytes(dev_account(account).key).hex()}\n")
    return {"kind": "envfile", "file": path.name}
