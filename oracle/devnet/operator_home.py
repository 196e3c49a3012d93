"""A devnet operator's folder: its key, its identity and its configuration."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oracle.chain.keys import dev_account, new_password, write_keystore
from oracle.devnet.topology import ANNOUNCER, Operator, Topology
from oracle.store.artefacts import write_file
from oracle.store.sealing import Identity


@dataclass(frozen=True, slots=True)
class Pace:
    """An operator's times in seconds, see docs/operators.md; ``burns`` is between two looks at the
    burn vaults."""

    cycle: float = 1.0
    stagger: float = 5.0
    patience: float = 10.0
    burns: float = 5.0


def write_home(
    home: Path,
    topology: Topology,
    operator: Operator,
    pool: str,
    data: Path,
    pace: Pace,
    *,
    urls: Sequence[str] = (),
    bridge: Path | None = None,
) -> Path:
    """Makes ``home``; returns the configuration's path.

    ``urls`` are the RPC addresses, those of the topology if none are given. The first operator
    announces rounds if the topology says when. With ``bridge``, a record, it takes burns on to
    their end on the root chain.
    """
    home.mkdir(parents=True)
    signer = _keystore(home, "keystore", operator.account)
    Identity.new().save(home / "identity.age")
    tables: dict[str, Mapping[str, object]] = {
        "chain": {"urls": list(urls or topology.urls(operator)), "wait": 5.0},
        "signer": signer,
    }
    if bridge is not None:
        tables["bridge"] = {
            "record": str(bridge.resolve()),
            "urls": [topology.root_rpc],
            "wait": 5.0,
            "every": pace.burns,
        }
    if topology.announce is not None and operator == topology.operators[0]:
        tables["announce"] = {"calendar": "seconds", **topology.announce.model_dump()}
        tables["announce.signer"] = _keystore(home, "announcer", ANNOUNCER)
    values = {
        "name": operator.name,
        "chain_id": topology.chain.chain_id,
        "pool": pool,
        "identity": "identity.age",
        "data": str(data.resolve()),
        "home": ".",
        "port": operator.port,
        "peers": [other.url for other in topology.operators if other != operator],
        "cycle": pace.cycle,
        "stagger": pace.stagger,
        "patience": pace.patience,
        "providers": [dev_account(topology.provider).address],
    }
    path = home / "operator.toml"
    write_file(path, toml(values, tables).encode())
    return path


def _keystore(home: Path, name: str, account: int) -> Mapping[str, object]:
    keystore, password = f"{name}.json", f"{name}-password"
    write_keystore(home / keystore, dev_account(account), new_password(home / password))
    return {"kind": "keystore", "keystore": keystore, "password_file": password}


def toml(values: Mapping[str, object], tables: Mapping[str, Mapping[str, object]]) -> str:
    """A file of these fields, then the tables, ``[name]`` for an element of a list. Strings,
    numbers, booleans and lists of these are spelled in TOML as in JSON."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    for title, table in tables.items():
        lines += ["", f"[{title}]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in table.items()]
    return "\n".join([*lines, ""])
