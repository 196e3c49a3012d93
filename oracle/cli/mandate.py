"""``assay mandate``: letting a relayer stake for an owner."""

import secrets
from pathlib import Path

import click
from eth_utils import is_address, to_checksum_address

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.signed import load_mandate, save, sign_mandate, signature_of
from oracle.cli.options import Nmr, with_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.cli.times import utc
from oracle.errors import InputError
from oracle.settlement.intents import ALL_WEI, StakeAction, StakeMandate
from oracle.settlement.units import WEI_PER_UNIT, nmr

_DAY = 86_400
_MAX_MODELS = 64
_file = click.argument("file", type=click.Path(path_type=Path))


@click.group("mandate")
def command() -> None:
    """Let somebody else deposit from your allowance and request releases for your models.

    A mandate names the relayer, the models, the amounts in all and an expiry. It cannot send
    tokens anywhere but into your models' stakes, and from there to their payout addresses; you can
    revoke it at any time.
    """


@command.command("give")
@_file
@click.option("--relayer", required=True, help="Address that may use the mandate.")
@click.option(
    "--model",
    "models",
    type=click.IntRange(0, 2**20 - 1),
    multiple=True,
    required=True,
    help="A model it is for; repeat for more.",
)
@click.option("--max-deposit", type=Nmr(), help="NMR that may be deposited in all; none without.")
@click.option(
    "--max-release", type=Nmr(), help="NMR that may be released in all; without it any amount."
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Its life."
)
@with_writer
@with_output
def give(
    file: Path,
    relayer: str,
    models: tuple[int, ...],
    max_deposit: int | None,
    max_release: int | None,
    days: int,
    writer: PoolWriter,
    out: Output,
) -> None:
    """Sign a mandate and write it to FILE, for the relayer. Nothing is sent to the chain.

    \b
    Example:
      assay mandate give m.json --relayer 0x... --model 3 --max-deposit 100 --dev-account 10
    """
    if not is_address(relayer):
        raise InputError(f"--relayer {relayer!r} is not an address")
    if len(set(models)) > _MAX_MODELS:
        raise InputError(f"a mandate names at most {_MAX_MODELS} models")
    reader, account = writer.reader, writer.sender.signer
    for model in models:
        if reader.owner_of(model) != account.address:
            raise InputError(f"{account.address} does not own model {model}", "assay models list")
    mandate = StakeMandate(
        pool=reader.addresses.pool,
        owner=account.address,
        relayer=to_checksum_address(relayer),
        models=tuple(sorted(set(models))),
        max_deposit=(max_deposit or 0) * WEI_PER_UNIT,
        max_release=ALL_WEI if max_release is None else max_release * WEI_PER_UNIT,
        expiry=reader.newest().timestamp + days * _DAY,
        salt=secrets.randbits(64),
    )
    save(sign_mandate(mandate, reader.addresses, account), file)
    out.say(f"{file}: give it to {mandate.relayer}; it expires {utc(mandate.expiry)}")
    if max_deposit:
        out.say(f"the pool must be allowed to take {nmr(max_deposit)} NMR: assay stake approve")
    out.result({"file": str(file), "mandate": "0x" + mandate.hash().hex()})


@command.command("show")
@_file
@with_reader
@with_output
def show(file: Path, reader: PoolReader, out: Output) -> None:
    """Show what a mandate allows, and what was used of it."""
    mandate = load_mandate(file, reader.addresses).struct()
    used = reader.mandate_use(mandate.owner, mandate.hash())
    releases = (
        "any amount" if mandate.max_release == ALL_WEI else f"{_nmr(mandate.max_release)} NMR"
    )
    out.table(
        f"Mandate 0x{mandate.hash().hex()}",
        ("", ""),
        [
            ("owner", mandate.owner),
            ("relayer", mandate.relayer),
            ("models", ", ".join(map(str, mandate.models))),
            ("expires", utc(mandate.expiry)),
            ("deposits", f"{_nmr(used['deposited'])} of {_nmr(mandate.max_deposit)} NMR used"),
            ("releases", f"{_nmr(used['released'])} NMR counted, {releases} in all"),
            ("revoked", "yes" if used["revoked"] else "no"),
        ],
    )
    shown = {name: str(value) for name, value in used.items() if name != "revoked"}
    out.result({"mandate": "0x" + mandate.hash().hex(), **shown, "revoked": used["revoked"]})


@command.command("use")
@_file
@click.argument("action", type=click.Choice(["deposit", "release"]))
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@click.argument("amount", type=Nmr(), required=False)
@with_writer
@with_output
def use(
    file: Path, action: str, model: int, amount: int | None, writer: PoolWriter, out: Output
) -> None:
    """Deposit or release for the mandate's owner; the key must be the relayer's.

    Without AMOUNT a release is of all.
    """
    if amount is None and action == "deposit":
        raise InputError("a deposit needs an amount")
    reader = writer.reader
    signed = load_mandate(file, reader.addresses)
    number = reader.target()
    writer.act_by_mandate(
        signed.struct(),
        signature_of(signed),
        model,
        StakeAction[action.upper()],
        ALL_WEI if amount is None else amount * WEI_PER_UNIT,
        number,
    )
    shown = "all" if amount is None else nmr(amount)
    out.say(f"{action} of {shown} NMR for model {model} queued for round {number}")
    out.result({"model": model, "action": action, "amount": shown, "round": number})


@command.command("revoke")
@_file
@with_writer
@with_output
def revoke(file: Path, writer: PoolWriter, out: Output) -> None:
    """End a mandate at once; only its owner."""
    mandate = load_mandate(file, writer.reader.addresses).struct()
    account = writer.sender.signer.address
    if account != mandate.owner:
        raise InputError(f"the mandate is {mandate.owner}'s, not {account}'s")
    writer.revoke_mandate(mandate.hash())
    out.say("revoked")
    out.result({"mandate": "0x" + mandate.hash().hex(), "revoked": True})


def _nmr(wei: int) -> str:
    return nmr(wei // WEI_PER_UNIT)
