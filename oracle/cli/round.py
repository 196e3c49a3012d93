"""``assay round``: announcing rounds, looking at them, keeping them going."""

from dataclasses import asdict

import click

from oracle.chain.keeper import next_step, take
from oracle.chain.pool import PoolWriter
from oracle.chain.reader import PoolReader
from oracle.cli.options import with_reader, with_writer
from oracle.cli.output import Output, with_output
from oracle.cli.schedule import PhiSource, Schedule, with_phi, with_schedule
from oracle.cli.times import utc
from oracle.errors import InputError
from oracle.scoring.volatility import PHI_ONE, decimal
from oracle.settlement.rounds import RoundFacts, phase
from oracle.settlement.specs import NEWEST, SPECS, spec_of
from oracle.settlement.units import nmr


@click.group("round")
def command() -> None:
    """Announce rounds, look at them, keep them going."""


@command.command("announce")
@with_schedule
@with_phi
@click.option(
    "--spec",
    type=click.Choice(list(SPECS)),
    default=NEWEST,
    show_default=True,
    help="The scoring specification, which says who gets to see predictions.",
)
@with_writer
@with_output
def announce(
    schedule: Schedule, phi_source: PhiSource, spec: str, writer: PoolWriter, out: Output
) -> None:
    """Announce the next round; only the tournament's announcer may.

    \b
    Example, on a devnet, where account 1 announces:
      assay round announce --dev-account 1
    With phi of a volatility series:
      assay data phi returns.csv --target 0.009 --gamma 1 --publish series.csv
      assay round announce --series series.csv --dev-account 1
    """
    reader = writer.reader
    # Before anything is sent: a phi that nobody may announce leaves the chain as it was.
    phi, series_hash = phi_source.announced(reader.last_phi(), reader.newest().timestamp)
    lapsed = reader.skippable(reader.newest())
    if lapsed is not None:
        writer.skip(lapsed)
        out.say(f"round {lapsed} was not announced for too long, and is skipped")
    number = reader.state()["last_announced"] + 1
    opens, closes, horizon = schedule.times(reader.newest().timestamp)
    writer.announce(number, opens, closes, horizon, phi, series_hash, spec)
    out.say(f"round {number} opens {utc(opens)}, closes {utc(closes)}")
    out.say(f"phi {decimal(phi, PHI_ONE)}, series hash {_series_hash(series_hash) or 'none'}")
    out.result(
        {
            "round": number,
            "opens": opens,
            "closes": closes,
            "phi": phi,
            "series_hash": _series_hash(series_hash),
            "spec": spec,
        }
    )


@command.command("keep")
@with_writer
@with_output
def keep(writer: PoolWriter, out: Output) -> None:
    """Take the steps that the head round needs and that anyone may take.

    Drains its queue, skips it, ends it without scores, or gives up scores that are withheld, as far
    as the contract allows now. So a release becomes claimable even if everybody else is gone.
    """
    reader, taken = writer.reader, []
    while True:
        step = next_step(reader)
        if not step.call or step.possible_at > reader.newest().timestamp:
            break
        take(step, writer)
        taken.append({"round": step.round, "call": step.call})
        out.say(f"round {step.round}: {step.call}, because {step.why}")
    when = f" from {utc(step.possible_at)}" if step.call else ""
    out.say(f"round {step.round}: {step.why}{when}")
    out.result({"taken": taken, "next": asdict(step)})


@command.command("wind-down")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_writer
@with_output
def wind_down(yes: bool, writer: PoolWriter, out: Output) -> None:
    """End the pool for good, where no round has ended for a very long time.

    From then on everybody takes out what is theirs with `assay stake exit`. Anyone may do it, and
    nobody can undo it.
    """
    if not yes:
        click.confirm("End this pool for good?", abort=True, err=True)
    writer.wind_down()
    out.say("the pool is wound down; take your stake out with `assay stake exit`")
    out.result({"wound_down": True})


@command.command("flush")
@with_writer
@with_output
def flush(writer: PoolWriter, out: Output) -> None:
    """Send what is owed to the burn to the burn vault. Anyone may do it."""
    owed = writer.reader.totals()["burn_owed"]
    writer.flush_burn()
    out.say(f"{nmr(owed)} NMR sent to {writer.reader.addresses.burn_vault}")
    out.result({"amount": nmr(owed), "burn_vault": writer.reader.addresses.burn_vault})


@command.command("list")
@with_reader
@with_output
def list_command(reader: PoolReader, out: Output) -> None:
    """List the announced rounds that have not ended."""
    block = reader.newest()
    facts = list(reader.open_rounds(block))
    out.table(
        f"Open rounds at {utc(block.timestamp)}",
        (">round", "phase", "opens", "closes", "scores due"),
        (
            (f.number, phase(f, block.timestamp), utc(f.opens), utc(f.closes), utc(f.due))
            for f in facts
        ),
    )
    out.result({"now": block.timestamp, "rounds": [_as_json(f, block.timestamp) for f in facts]})


@command.command("show")
@click.argument("number", type=click.IntRange(1, 2**32 - 1))
@with_reader
@with_output
def show(number: int, reader: PoolReader, out: Output) -> None:
    """Show where round NUMBER stands and what was announced and committed for it."""
    block = reader.newest()
    announced = reader.announced(number)
    if announced is None:
        raise InputError(f"round {number} is not announced", "see `assay round list`")
    facts = reader.facts(number, block, reader.state(block.number)["head"])
    committed = reader.committed(number)
    series_hash, spec = _series_hash(announced.series_hash), spec_of(announced.spec_hash)
    out.table(
        f"Round {number}",
        ("", ""),
        [
            ("phase", phase(facts, block.timestamp)),
            ("opens", utc(facts.opens)),
            ("closes", utc(facts.closes)),
            ("scores due", utc(facts.due)),
            ("specification", spec.name if spec else "not known to this release"),
            ("files are shown to", spec.disclosure if spec else "not known to this release"),
            ("phi", decimal(announced.phi, PHI_ONE)),
            *([("series hash", series_hash)] if series_hash else []),
            ("announce hash", "0x" + announced.hash().hex()),
            *(
                [
                    ("at risk", f"{nmr(committed.at_risk)} NMR"),
                    ("manifest", "0x" + committed.manifest.hex()),
                    ("batch chain", "0x" + committed.chain_head.hex()),
                ]
                if committed
                else []
            ),
        ],
    )
    out.result(
        {
            **_as_json(facts, block.timestamp),
            "spec": spec.name if spec else None,
            "disclosure": spec.disclosure if spec else None,
            "phi": announced.phi,
            "series_hash": series_hash,
            "announce_hash": "0x" + announced.hash().hex(),
            "manifest": "0x" + committed.manifest.hex() if committed else None,
            "chain_head": "0x" + committed.chain_head.hex() if committed else None,
        }
    )


def _series_hash(announced: bytes) -> str | None:
    """As it is shown, or None for the zeros of a round without a volatility series."""
    return "0x" + announced.hex() if any(announced) else None


def _as_json(facts: RoundFacts, now: int) -> dict[str, object]:
    return {
        "round": facts.number,
        "phase": phase(facts, now).value,
        "opens": facts.opens,
        "closes": facts.closes,
        "due": facts.due,
        "final_at": facts.final_at,
    }
