"""``assay stake``: deposits, releases, claims."""

from pathlib import Path

import click

from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.chain.signed import load_intent, save, sign_intent, signature_of
from oracle.cli.options import Nmr, with_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.cli.times import utc
from oracle.errors import InputError, RefusedError
from oracle.settlement.intents import ALL_WEI, StakeAction, StakeIntent
from oracle.settlement.units import COMPOUND, TAKE_PROFIT, WEI_PER_UNIT, nmr

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


@command.command("approve")
@click.argument("amount", type=Nmr())
@with_writer
@with_output
def approve(amount: int, writer: PoolWriter, out: Output) -> None:
    """Let the pool take AMOUNT NMR, for deposits that somebody else sends."""
    writer.approve(amount)
    out.say(f"the pool may take {nmr(amount)} NMR from {writer.sender.signer.address}")
    out.result({"amount": nmr(amount)})


@command.command("sign")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("action", type=click.Choice(["deposit", "release", *_MODES]))
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@click.argument("amount", type=Nmr(), required=False)
@click.option(
    "--hours", type=click.IntRange(1, 8760), default=24, show_default=True, help="Valid for."
)
@with_writer
@with_output
def sign(
    file: Path,
    action: str,
    model: int,
    amount: int | None,
    hours: int,
    writer: PoolWriter,
    out: Output,
) -> None:
    """Sign one request for MODEL and write it to FILE, for anybody to send.

    It is good for the round that is open now, and until the model's owner does something else.

    \b
    Example:
      assay stake sign r.json release 3 25.5 --dev-account 10
      assay stake relay r.json --dev-account 20
    """
    if action == "deposit" and amount is None:
        raise InputError("a deposit needs an amount")
    if action in _MODES and amount is not None:
        raise InputError("a change of mode has no amount")
    reader = writer.reader
    kind = StakeAction.MODE if action in _MODES else StakeAction[action.upper()]
    wei = ALL_WEI if amount is None else amount * WEI_PER_UNIT
    intent = StakeIntent(
        pool=reader.addresses.pool,
        model=model,
        action=int(kind),
        amount=_MODES.get(action, wei),
        max_round=reader.target(),
        nonce=reader.nonce_of(model),
        deadline=reader.newest().timestamp + hours * 3_600,
    )
    save(sign_intent(intent, reader.addresses, writer.sender.signer), file)
    out.say(f"{file}: {action} for model {model}, to be sent by {utc(intent.deadline)}")
    out.result({"file": str(file), "deadline": intent.deadline, "max_round": intent.max_round})


@command.command("relay")
@click.argument("file", type=click.Path(path_type=Path))
@with_writer
@with_output
def relay(file: Path, writer: PoolWriter, out: Output) -> None:
    """Send the request in FILE that a model's owner signed. Anyone may, once."""
    reader = writer.reader
    signed = load_intent(file, reader.addresses)
    intent = signed.struct()
    writer.relay(intent, signature_of(signed))
    what = StakeAction(intent.action).name.lower()
    out.say(f"{what} for model {intent.model} queued for round {reader.target()}")
    out.result({"model": intent.model, "action": what})


@command.command("exit")
@click.argument("model", type=click.IntRange(0, 2**20 - 1))
@with_writer
@with_output
def exit_command(model: int, writer: PoolWriter, out: Output) -> None:
    """Take all that MODEL has out of a pool that was wound down. Anyone may do it."""
    pool = writer.reader.pool_at(writer.reader.newest().number)
    rounds = [n for n, queue in pool.queues.items() if model in queue]
    if not pool.wound_down:
        raise RefusedError("the pool is not wound down", "use `assay stake release` and `claim`")
    amount = pool.exit(model, rounds)
    writer.exit(model, rounds)
    out.say(f"{nmr(amount)} NMR paid to the payout address of model {model}")
    out.result({"model": model, "amount": nmr(amount)})
