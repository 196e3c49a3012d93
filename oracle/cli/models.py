"""``assay models``: registering models and looking them up."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from eth_utils import is_address, keccak, to_checksum_address

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.cli import models_server
from oracle.cli.options import with_later_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.cli.server_options import need_token, server_option
from oracle.cli.times import utc
from oracle.errors import InputError
from oracle.settlement.units import nmr

if TYPE_CHECKING:
    from oracle.participant.client import Client

_NOBODY = "0x" + "00" * 20
_model = click.argument("model", type=click.IntRange(0, 2**20 - 1))


@click.group("models")
def command() -> None:
    """Register models, hand them over, look them up."""


command.add_command(models_server.scores)
command.add_command(models_server.submissions)


@command.command("register")
@click.argument("name")
@click.option("--payout", help="Where claims are paid; the account itself without it.")
@server_option
@with_writer
@with_output
def register(
    name: str, payout: str | None, server: "Client | None", writer: PoolWriter, out: Output
) -> None:
    """Register a model under NAME; prints its id. The chain keeps the name's hash only.

    The name is reserved first, unseen, and registered a little later. That costs the tournament's
    fee, which is burned. With --server a tournament server is told the name, and shows it.
    """
    account = writer.sender.signer.address
    if server is not None:
        path = f"/v1/tournaments/{writer.reader.addresses.tournament}/models"
        need_token(server).post(path, {"name": name})
    to = _address(payout, "--payout") if payout else account
    reserved = writer.reserve(keccak(text=name))
    with out.console.status("waiting until nobody can overtake the registration"):
        writer.reader.await_time(reserved.usable_at)
    model = writer.register(reserved, to)
    out.say(f"model {model}: {name}, owner {account}, paid to {to}")
    out.result({"model": model, "name": name, "owner": account, "payout": to})


@command.command("payout")
@_model
@click.argument("address")
@with_writer
@with_output
def payout_command(model: int, address: str, writer: PoolWriter, out: Output) -> None:
    """Have MODEL's claims paid to ADDRESS, from 48 hours on."""
    to = _address(address, "ADDRESS")
    writer.set_payout(model, to)
    out.say(f"claims of model {model} are paid to {to} in 48 hours")
    out.result({"model": model, "payout": to})


@command.command("offer")
@_model
@click.argument("to", required=False)
@with_writer
@with_output
def offer(model: int, to: str | None, writer: PoolWriter, out: Output) -> None:
    """Offer MODEL, with all its stake, to the address TO; without TO withdraw the offer.

    TO can accept it in 48 hours, for 14 days.
    """
    receiver = _address(to, "TO") if to else _NOBODY
    writer.offer(model, receiver)
    out.say(f"model {model} offered to {receiver}" if to else f"model {model} is not offered now")
    out.result({"model": model, "to": receiver})


@command.command("accept")
@_model
@click.option(
    "--version",
    type=click.IntRange(min=0),
    help="What `models show` said when you agreed; refused if anything happened since.",
)
@with_writer
@with_output
def accept(model: int, version: int | None, writer: PoolWriter, out: Output) -> None:
    """Take over MODEL, which was offered to your address."""
    writer.accept(model, writer.reader.version_of(model) if version is None else version)
    account = writer.sender.signer.address
    out.say(f"model {model} is {account}'s now, and its claims are paid there")
    out.result({"model": model, "owner": account})


@command.command("show")
@click.argument("model")
@server_option
@with_later_reader
@with_output
def show(
    model: str, server: "Client | None", open_reader: Callable[[], PoolReader], out: Output
) -> None:
    """Show MODEL's owner, payout address, offer and version; with --server what a server knows.

    MODEL is the chain's number; with --server the name will do.
    """
    if server is not None:
        models_server.show(model, server, out)
        return
    number = click.IntRange(0, 2**20 - 1).convert(model, None, click.get_current_context())
    _show_on_chain(number, open_reader(), out)


def _show_on_chain(model: int, reader: PoolReader, out: Output) -> None:
    owner = reader.owner_of(model)
    if owner is None:
        raise InputError(f"model {model} is not registered", "see `assay models list`")
    to, acceptable_at = reader.offer_of(model)
    payout, version = reader.payout_of(model), reader.version_of(model)
    offered = None if to == _NOBODY else {"to": to, "acceptable_at": acceptable_at}
    out.table(
        f"Model {model}",
        ("", ""),
        [
            ("owner", owner),
            ("paid to", payout),
            ("version", version),
            ("offered", f"to {to} from {utc(acceptable_at)}" if offered else "no"),
        ],
    )
    out.result(
        {"model": model, "owner": owner, "payout": payout, "version": version, "offer": offered}
    )


@command.command("list")
@click.option("--mine", is_flag=True, help="With --server: those of the token's account.")
@click.option("--name", help="With --server: the one of this name.")
@click.option("--owner", help="With --server: those of this address.")
@click.option(
    "--tournament", type=int, default=8, show_default=True, help="With --server: of which one."
)
@server_option
@with_later_reader
@with_output
def list_command(
    mine: bool,
    name: str | None,
    owner: str | None,
    tournament: int,
    server: "Client | None",
    open_reader: Callable[[], PoolReader],
    out: Output,
) -> None:
    """List all models with owner, stake and claimable amount; with --server names and ids.

    \b
    Examples:
      assay models list
      assay models list --mine --server URL --token-file token
    """
    if server is not None:
        models_server.list_models(server, tournament, mine, name, owner, out)
        return
    if mine or name or owner:
        raise click.UsageError("--mine, --name and --owner go with --server")
    _list_on_chain(open_reader(), out)


def _list_on_chain(reader: PoolReader, out: Output) -> None:
    block = reader.newest()
    pool = reader.pool_at(block.number)
    rows = [
        {
            "model": model,
            "owner": reader.owner_of(model, block.number),
            "stake": nmr(pool.lane(model).stake),
            "claimable": nmr(pool.out.get(model, 0)),
        }
        for model in range(reader.models(block.number))
    ]
    out.table(
        f"Models at block {block.number} (NMR)",
        (">model", "owner", ">stake", ">claimable"),
        (row.values() for row in rows),
    )
    out.result({"block": block.number, "models": rows})


def _address(text: str, name: str) -> str:
    if not is_address(text):
        raise InputError(f"{name} {text!r} is not an address")
    return to_checksum_address(text)
