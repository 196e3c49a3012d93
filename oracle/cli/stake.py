"""``assay stake``: deposits, releases, claims."""

import click

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.cli.options import Nmr, with_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.errors import InputError
from oracle.settlement.units import COMPOUND, TAKE_PROFIT, nmr

_MODES = {"compound": COMPOUND, "take-profit": TAKE_PROFIT}


@click.group("stake")
def command() -> None:
    """Deposit, release, claim and look at stakes.

    A deposit or release joins the round that is open now and takes effect at its close; until then
    the stake bears the scores of earlier rounds.
    """


@command.command("show")
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@with_reader
@with_output
def show(model: int, reader: PoolReader, out: Output) -> None:
    """Show a model's stake, queued requests and claimable amount."""
    block = reader.newest()
    if reader.owner_of(model, block.number) is None:
        raise InputError(f"model {model} is not registered", "see `assay models list`")
    pool = reader.pool_at(block.number)
    lane, claimable = pool.lane(model), pool.out.get(model, 0)
    queued = {n: q[model] for n, q in pool.queues.items() if model in q}
    out.table(
        f"Model {model} at block {block.number} (NMR)",
        ("", ">"),
        [
            ("stake", nmr(lane.stake)),
            ("mode", "take-profit" if lane.take_profit else "compound"),
            ("claimable", nmr(claimable)),
            *((f"round {n}: deposit", nmr(r.deposit)) for n, r in queued.items() if r.deposit),
            *((f"round {n}: release", _release(r.release)) for n, r in queued.items() if r.release),
        ],
    )
    out.result(
        {
            "model": model,
            "block": block.number,
            "stake": nmr(lane.stake),
            "take_profit": lane.take_profit,
            "claimable": nmr(claimable),
            "queued": [
                {"round": n, "deposit": nmr(r.deposit), "release": _release(r.release)}
                for n, r in queued.items()
            ],
        }
    )


def _release(units: int) -> str:
    return "all" if units == 2**56 - 1 else nmr(units)


@command.command("deposit")
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@click.argument("amount", type=Nmr())
@with_writer
@with_output
def deposit(model: int, amount: int, writer: PoolWriter, out: Output) -> None:
    """Add AMOUNT NMR to MODEL's stake from the round that is open now.

    \b
    Example:
      assay stake deposit 3 25.5 --dev-account 10
    """
    number = writer.reader.target()
    writer.deposit(model, amount, number)
    out.say(f"{nmr(amount)} NMR queued for round {number}")
    out.result({"model": model, "amount": nmr(amount), "round": number})


@command.command("release")
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@click.argument("amount", type=Nmr(), required=False)
@with_writer
@with_output
def release(model: int, amount: int | None, writer: PoolWriter, out: Output) -> None:
    """Ask for AMOUNT NMR of MODEL's stake back; without AMOUNT, for all of it."""
    number = writer.reader.target()
    writer.request_release(model, amount, number)
    shown = "all" if amount is None else nmr(amount)
    out.say(f"release of {shown} NMR queued for round {number}; claim it after that round's close")
    out.result({"model": model, "amount": shown, "round": number})


@command.command("mode")
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@click.argument("mode", type=click.Choice(list(_MODES)))
@with_writer
@with_output
def mode_command(model: int, mode: str, writer: PoolWriter, out: Output) -> None:
    """Let MODEL's gains stay in its stake (compound) or become claimable (take-profit)."""
    number = writer.reader.target()
    writer.set_mode(model, _MODES[mode], number)
    out.say(f"{mode} from round {number}")
    out.result({"model": model, "mode": mode, "round": number})


@command.command("claim")
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@with_writer
@with_output
def claim(model: int, writer: PoolWriter, out: Output) -> None:
    """Pay all that is claimable of MODEL to its payout address. Anyone may do it."""
    amount = writer.reader.pool_at(writer.reader.newest().number).out.get(model, 0)
    writer.claim(model)
    out.say(f"{nmr(amount)} NMR paid to the payout address of model {model}")
    out.result({"model": model, "amount": nmr(amount)})
