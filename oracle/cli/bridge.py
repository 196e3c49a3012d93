"""``assay bridge``: NMR between Ethereum and Polygon."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from oracle.bridge.client import Bridge, Progress, nmr_of
from oracle.bridge.transfers import Kind, Stage, Transfer
from oracle.cli.bridge_options import Place, Wei, with_bridge, with_place
from oracle.cli.bridge_vaults import check_books, sweep
from oracle.cli.output import Output, with_output
from oracle.cli.times import utc
from oracle.errors import InputError, RefusedError

if TYPE_CHECKING:
    from oracle.bridge.latency import DepositTimes, WithdrawalTimes
    from oracle.bridge.latency_report import Spread

_ID = re.compile(r"[dw]-.*")
_NEXT = {
    Stage.APPROVING: "not locked on the root chain yet",
    Stage.LOCKED: "locked on the root chain; the child chain's validators bring the message over",
    Stage.SYNCED: "minted on the child chain; its block is not final yet",
    Stage.USABLE: "there, on the child chain",
    Stage.FAILED: "the child chain refused the message; it can be replayed",
    Stage.BURNING: "not burnt on the child chain yet",
    Stage.BURNT: "burnt on the child chain; waits for a checkpoint with that block",
    Stage.CHECKPOINTED: "in a checkpoint; the exit on the root chain is next",
    Stage.EXITED: "paid on the root chain",
}
_no_wait = click.option("--no-wait", is_flag=True, help="Start it, and do not wait for its end.")


@click.group("bridge")
def command() -> None:
    """Take NMR from Ethereum to Polygon and back.

    A deposit locks NMR on the root chain (Ethereum) and mints it on the child chain (Polygon); a
    withdrawal burns it there, and once validators have made a checkpoint, the root chain pays. Each
    transfer is a file below $ASSAY_HOME/bridge: after a crash, `assay bridge resume` goes on.
    """


command.add_command(sweep)
command.add_command(check_books)


@command.command("deposit")
@click.argument("amount", type=Wei())
@click.option("--to", help="Who gets it on the child chain.  [default: the key's account]")
@click.option("--force", is_flag=True, help="Even to a contract, or a wallet of one chain only.")
@_no_wait
@with_bridge
@with_output
def deposit(
    amount: int, to: str | None, force: bool, no_wait: bool, bridge: Bridge, out: Output
) -> None:
    """Lock AMOUNT of NMR on the root chain, and wait until the child chain has it.

    \b
    Example, on a devnet:
      assay bridge deposit 100 --dev-account 10
    """
    transfer = bridge.deposit(amount, to, force=force)
    _go_on(bridge, transfer, no_wait, out)


@command.command("withdraw")
@click.argument("amount", type=Wei())
@click.option("--force", is_flag=True, help="Even from a wallet of the child chain only.")
@_no_wait
@with_bridge
@with_output
def withdraw(amount: int, force: bool, no_wait: bool, bridge: Bridge, out: Output) -> None:
    """Burn AMOUNT of NMR on the child chain, and wait until the root chain has paid it."""
    _go_on(bridge, bridge.withdraw(amount, force=force), no_wait, out)


@command.command("resume")
@click.argument("id")
@_no_wait
@with_bridge
@with_output
def resume(id: str, no_wait: bool, bridge: Bridge, out: Output) -> None:
    """Go on with transfer ID where it stopped: after a crash, or after --no-wait.

    What was sent is looked for first; nothing is sent twice. A deposit that the child chain refused
    is replayed.
    """
    _go_on(bridge, bridge.advance(id), no_wait, out)


@command.command("status")
@click.argument("id", required=False)
@with_bridge
@with_output
def status(id: str | None, bridge: Bridge, out: Output) -> None:
    """Show where transfer ID stands by both chains, or every transfer of this machine."""
    if id is None:
        found = [bridge.status(one.id) for one in bridge.files.all()]
        out.table(
            "Transfers",
            ("=id", "kind", ">NMR", "stage", "started"),
            ((t.id, t.kind, nmr_of(t.wei), t.stage, utc(t.started_at)) for t in found),
        )
        out.result({"transfers": [as_json(one) for one in found]})
        return
    transfer = bridge.status(id)
    rows = [
        ("stage", f"{transfer.stage}: {_NEXT[transfer.stage]}"),
        ("NMR", nmr_of(transfer.wei)),
        ("account", transfer.account),
        *([("to", transfer.to)] if transfer.to != transfer.account else []),
        *((stage, utc(when)) for stage, when in transfer.times.items()),
        *([("state sync", transfer.sync)] if transfer.sync is not None else []),
        *((step, sent[-1].hash) for step, sent in transfer.steps.items() if sent),
    ]
    estimate = bridge.estimate(transfer)
    if estimate is not None:
        rows.append(("still to wait", estimate.text()))
    out.table(f"{transfer.kind.capitalize()} {transfer.id}", ("", ""), rows)
    left = None if estimate is None else {"likely": estimate.likely, "longest": estimate.longest}
    out.result({**as_json(transfer), "left": left})


@command.command("exit")
@click.argument("what", metavar="ID|TX")
@with_bridge
@with_output
def exit_command(what: str, bridge: Bridge, out: Output) -> None:
    """Make the root chain pay a withdrawal: ID of this machine, or anyone's child transaction TX.

    Anyone may: the NMR goes to whoever burnt it. The block must be in a checkpoint.
    """
    if not _ID.fullmatch(what):
        receipts = bridge.exit(what)
        sent = ["0x" + bytes(receipt["transactionHash"]).hex() for receipt in receipts]
        out.say(f"paid on the root chain: {', '.join(sent)}")
        out.result({"transaction": what, "exits": sent})
        return
    if bridge.files.load(what).kind is not Kind.WITHDRAWAL:
        raise InputError(f"{what} is a deposit, which has no exit", "see `assay bridge resume`")
    transfer = bridge.advance(what)
    if transfer.stage is not Stage.EXITED:
        raise RefusedError(f"{what}: {_NEXT[transfer.stage]}", "try again later")
    _tell(transfer, out)
    out.result(as_json(transfer))


@command.command("replay")
@click.argument("state_id", type=click.IntRange(1, 2**64 - 1))
@with_bridge
@with_output
def replay(state_id: int, bridge: Bridge, out: Output) -> None:
    """Hand a state sync that the child chain refused to its receiver again. Anyone may."""
    sent = "0x" + bytes(bridge.replay(state_id)["transactionHash"]).hex()
    out.say(f"state sync {state_id} was taken: {sent}")
    out.result({"sync": state_id, "transaction": sent})


@command.command("latency")
@click.option(
    "--last", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Of each kind."
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw to FILE, .png or .svg."
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write them to FILE, for Prometheus' node exporter.",
)
@with_place
@with_output
def latency(last: int, plot: Path | None, metrics: Path | None, place: Place, out: Output) -> None:
    """Measure how long everybody's last transfers took, by both chains' block timestamps.

    Deposits: locked on the root chain, synced (minted) on the child chain, committed to a round by
    the receiver's next deposit into the pool, usable from that round's close block. Withdrawals:
    burnt on the child chain, checkpointed, exited on the root chain. A step that has not happened
    counts as waiting. The chains' clocks are not the same: a few seconds more or less mean nothing.
    """
    from oracle.bridge.latency import Latency
    from oracle.bridge.latency_report import exposition, spreads
    from oracle.chain.rpc import connect
    from oracle.store.artefacts import write_file

    if plot:
        from oracle.cli.plots import require_plots

        require_plots(plot)
    record = place.record
    reader = Latency(
        record,
        (connect(place.root_url, record.root.chain_id), place.root_url),
        (connect(place.child_url, record.child.chain_id), place.child_url),
        place.reader(),
    )
    deposits, withdrawals = reader.deposits(last), reader.withdrawals(last)
    found = spreads(deposits, withdrawals)
    _show_spreads(found, out)
    if plot:
        from oracle.cli.plot_latency import draw_latency

        draw_latency(deposits, withdrawals, plot)
        out.say(f"drawn to {plot}")
    if metrics:
        write_file(metrics, exposition(found))
        out.say(f"written to {metrics}")
    out.result(
        {
            "steps": [_spread_json(one) for one in found],
            "deposits": [_times_json(one) for one in deposits],
            "withdrawals": [_times_json(one) for one in withdrawals],
        }
    )


# ---------------------------------------------------------------------- following a transfer


def _go_on(bridge: Bridge, transfer: Transfer, no_wait: bool, out: Output) -> None:
    _tell(transfer, out)
    if not (no_wait or transfer.is_over):
        out.say(f"[dim]taken up again, if this stops, by: assay bridge resume {transfer.id}[/]")
        with _following(transfer, out) as heard:
            transfer = bridge.wait(transfer.id, progress=heard)
    out.result(as_json(transfer))


@contextmanager
def _following(transfer: Transfer, out: Output) -> Iterator[Any]:
    """Tells of each new stage in a line, and of the wait in one that changes."""
    stage, trouble = transfer.stage, ""
    with out.console.status("waiting") as shown:

        def heard(progress: Progress) -> None:
            nonlocal stage, trouble
            now = progress.transfer
            if now.stage is not stage:
                stage = now.stage
                _tell(now, out)
            if progress.trouble != trouble:
                trouble = progress.trouble
                if trouble:
                    out.say(f"[yellow]{escape(trouble)}; asked again[/]")
            left = "" if progress.estimate is None else f" ({progress.estimate.text()})"
            shown.update(f"{_NEXT[now.stage]}{left}")

        yield heard


def _tell(transfer: Transfer, out: Output) -> None:
    when = transfer.times.get(transfer.stage)
    at = "" if when is None else f" [dim]({utc(when)})[/]"
    amount = f"{nmr_of(transfer.wei)} NMR"
    out.say(f"{transfer.id}: {amount} {transfer.stage}: {_NEXT[transfer.stage]}{at}")


def as_json(transfer: Transfer) -> dict[str, Any]:
    """A transfer for machines; amounts in NMR."""
    return {
        "id": transfer.id,
        "kind": transfer.kind.value,
        "account": transfer.account,
        "to": transfer.to,
        "amount": nmr_of(transfer.wei),
        "stage": transfer.stage.value,
        "times": {stage.value: when for stage, when in transfer.times.items()},
        "sync": transfer.sync,
        "transactions": {
            step: [one.hash for one in sent] for step, sent in transfer.steps.items() if sent
        },
        "settled": transfer.settled,
    }


# ---------------------------------------------------------------------- latency


def _show_spreads(found: "list[Spread]", out: Output) -> None:
    for kind in Kind:
        out.table(
            f"{kind.capitalize()}s, seconds of block time",
            ("step", ">done", ">waiting", ">median", ">95 %", ">longest"),
            (
                (
                    f"{one.first} to {one.last}",
                    one.done,
                    one.waiting,
                    *("" if v is None else f"{v:,}" for v in (one.median, one.p95, one.longest)),
                )
                for one in found
                if one.kind is kind
            ),
        )


def _spread_json(one: "Spread") -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "step": f"{one.first}-{one.last}",
        "done": one.done,
        "waiting": one.waiting,
        "median": one.median,
        "p95": one.p95,
        "longest": one.longest,
    }


def _times_json(one: "DepositTimes | WithdrawalTimes") -> dict[str, Any]:
    names = [name for name in one.__slots__ if name != "wei"]
    return {**{name: getattr(one, name) for name in names}, "amount": nmr_of(one.wei)}
