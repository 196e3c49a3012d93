"""``assay operator init``, ``join-check`` and ``rotate``: how an operator begins."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.markup import escape

from oracle.cli.output import Output, with_output
from oracle.errors import InputError

if TYPE_CHECKING:
    from oracle.operator.joining import JoinRequest, Rotation
    from oracle.operator.setup import NewKey

_F = TypeVar("_F", bound=Callable[..., Any])
_DAY = 86_400


def _key_options(function: _F) -> _F:
    """Where the new key is kept."""
    options = (
        click.option("--kms", metavar="KEY_ID", help="Use this key in AWS KMS; needs --region."),
        click.option("--region", help="AWS region of --kms."),
        click.option("--envfile", is_flag=True, help="Write the new key to key.env, unencrypted."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _new_key(kms: str | None, region: str | None, envfile: bool) -> "NewKey":
    from oracle.operator.setup import KmsKey, NewEnvFile, NewKeystore

    if kms is not None:
        if envfile or region is None:
            raise InputError("--kms needs --region, and no --envfile")
        return KmsKey(kms, region)
    if region is not None:
        raise InputError("--region without --kms")
    return NewEnvFile() if envfile else NewKeystore()


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Lower-case letters, digits and -, at most 32.")
@click.option("--chain-id", type=click.IntRange(1), required=True, help="The tournament's chain.")
@click.option("--pool", required=True, help="The tournament's StakePool.")
@click.option("--rpc", "urls", multiple=True, required=True, help="RPC address; two or more.")
@click.option("--url", required=True, help="Where others will reach this operator.")
@click.option("--port", type=click.IntRange(1024, 65535), default=8600, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--peer", "peers", multiple=True, help="Another operator's address; repeatable.")
@click.option("--data", default="provider", show_default=True, help="The provider's folder.")
@click.option("--home", default=".", show_default=True, help="For database and artefacts.")
@click.option("--database", help="A file in home, or postgresql://...  [default: journal.sqlite]")
@_key_options
@with_output
def init_command(
    folder: Path,
    name: str,
    chain_id: int,
    pool: str,
    urls: tuple[str, ...],
    url: str,
    port: int,
    host: str,
    peers: tuple[str, ...],
    data: str,
    home: str,
    database: str | None,
    kms: str | None,
    region: str | None,
    envfile: bool,
    out: Output,
) -> None:
    """Make a new operator's FOLDER: configuration, key, age identity and a request to join.

    Asks no chain. Send join.json, which holds nothing secret, to the tournament's governor; keep
    copies of key and identity in a safe place. An existing folder is never written to.

    \b
    Example:
      assay operator init alice --name alice --chain-id 137 --pool 0x.. \\
          --rpc https://rpc-1.example --rpc https://rpc-2.example --url https://alice.example
    """
    from oracle.operator.setup import CONFIG, JOIN, initialise

    top: dict[str, object] = {
        "name": name,
        "chain_id": chain_id,
        "pool": pool,
        "home": home,
        "data": data,
        "host": host,
        "port": port,
        "url": url,
        "peers": list(peers),
    }
    settings: dict[str, dict[str, object]] = {
        "": top,
        "chain": {"urls": list(urls)},
        "store": {"database": database} if database else {},
    }
    request = initialise(folder, settings, _new_key(kms, region, envfile))
    out.say(f"operator  {request.address}")
    out.say(f"recipient {request.card.recipient}")
    out.say(f"\n1. send {folder / JOIN} to the tournament's governor")
    out.say("2. copy key and identity to a safe place; without the identity nothing can be opened")
    out.say(f"3. assay operator check --config {folder / CONFIG}")
    out.result({"folder": str(folder), **_request(request)})


@click.command("rotate")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    help="The present operator's configuration (TOML); it is not changed.",
)
@click.option(
    "--to", type=click.Path(path_type=Path), required=True, help="The new operator's folder."
)
@click.option("--port", type=click.IntRange(1024, 65535), help="Its port.  [default: the next one]")
@click.option("--url", default="", help="Where others will reach it.")
@click.option("--database", default="", help="Its database, if that is on a server.")
@_key_options
@with_output
def rotate_command(
    config_file: Path,
    to: Path,
    port: int | None,
    url: str,
    database: str,
    kms: str | None,
    region: str | None,
    envfile: bool,
    out: Output,
) -> None:
    """Give an operator a new key: make a second operator that follows it.

    Rounds that were announced before the governor's change need the old key's signatures, later
    ones the new key's. So both run, each with a folder, database and port of its own, until the
    old one's last round is settled; `assay operator check` says when that is.

    \b
    Example:
      assay operator rotate --config alice/operator.toml --to alice-2 --url https://alice-2.example
    """
    from oracle.operator.rotating import rotate
    from oracle.operator.setup import CONFIG, JOIN

    key = _new_key(kms, region, envfile)
    rotated = rotate(config_file, to, key, port=port, url=url, database=database)
    out.say(f"old operator {rotated.old}\nnew operator {rotated.request.address}")
    out.say(f"\n1. send {to / JOIN} to the governor: {rotated.old} retires, this one joins")
    out.say("2. tell the other operators the new address; they add it to peers")
    out.say(f"3. once the change is made: assay operator run --config {to / CONFIG}")
    out.say("4. let the old operator run until check says that its last round has ended")
    if rotated.announces:
        out.say("5. it announces rounds: move \\[announce] to the new configuration before that")
    out.result({"folder": str(to), "old": rotated.old, **_request(rotated.request)})


@click.command("join-check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--rpc", envvar="ASSAY_RPC", show_envvar=True, help="Ask the contract as well.")
@click.option("--calldata", is_flag=True, help="Print the calls to send; needs --rpc.")
@click.option("--retire", multiple=True, help="An operator that leaves; repeatable.")
@click.option("--threshold", type=int, help="How many must sign.  [default: as it is]")
@click.option("--super-quorum", type=int, help="How many answer challenges.  [default: as it is]")
@with_output
def join_check_command(
    files: tuple[Path, ...],
    rpc: str | None,
    calldata: bool,
    retire: tuple[str, ...],
    threshold: int | None,
    super_quorum: int | None,
    out: Output,
) -> None:
    """Check requests to join (join.json) before the governor adds their operators.

    Each must be signed by its operator's key, all for one tournament. With --rpc the contract is
    asked whether it would take the change. Nothing is signed or sent.

    \b
    Example:
      assay operator join-check alice-2.json --rpc URL --retire 0x.. --calldata
    """
    from oracle.operator.joining import load_request

    requests = [load_request(path) for path in files]
    domains = {(request.chain_id, request.pool.lower()) for request in requests}
    if len(domains) > 1:
        raise InputError("these requests are for different tournaments", "check each by itself")
    out.table(
        f"pool {requests[0].pool} on chain {requests[0].chain_id}",
        ["operator", "address of", "=recipient"],
        [(r.address, escape(r.card.url), r.card.recipient) for r in requests],
    )
    result: dict[str, Any] = {"requests": [_request(request) for request in requests]}
    if rpc is not None:
        result["rotation"] = _rotation(
            requests, rpc, retire, threshold, super_quorum, calldata, out
        )
    elif calldata or retire or threshold is not None or super_quorum is not None:
        raise InputError("these options need the chain", "name an endpoint with --rpc")
    out.result(result)


def _rotation(
    requests: list["JoinRequest"],
    rpc: str,
    retire: tuple[str, ...],
    threshold: int | None,
    super_quorum: int | None,
    calldata: bool,
    out: Output,
) -> dict[str, Any]:
    from oracle.chain.reader import PoolReader
    from oracle.operator.joining import plan_rotation

    reader = PoolReader.open(rpc, requests[0].pool, requests[0].chain_id)
    added = [request.address for request in requests]
    planned = plan_rotation(reader, added, retire, threshold, super_quorum)
    out.say(
        f"the contract would take it: epoch {planned.epoch}, {len(planned.members)} operators, "
        f"{planned.threshold} must sign, {planned.super_quorum or 'nobody can'} answer a challenge"
    )
    if planned.delay is None:
        out.say(f"only {planned.governor} may call rotate")
    else:
        days = planned.delay / _DAY
        out.say(f"its timelock {planned.governor} makes the call {days:g} days after the proposal")
    if calldata:
        _show_calls(planned, out)
    return {
        "epoch": planned.epoch,
        "members": planned.members,
        "threshold": planned.threshold,
        "super_quorum": planned.super_quorum,
        "governor": planned.governor,
        "delay": planned.delay,
        "rotate": planned.data,
        "calls": [{"call": c.what, "to": c.to, "data": c.data} for c in planned.calls],
    }


def _show_calls(planned: "Rotation", out: Output) -> None:
    out.say()
    for call in planned.calls:
        out.say(f"{call.what}: to {call.to}, data:")
        # Not by the console, which breaks long lines.
        if not out.as_json:
            click.echo(call.data)


def _request(request: "JoinRequest") -> dict[str, Any]:
    return {
        "operator": request.address,
        "url": request.card.url,
        "recipient": request.card.recipient,
    }
