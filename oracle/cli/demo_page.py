"""The demo's last page."""

from dataclasses import asdict
from shlex import quote
from typing import Any

from oracle.bridge.client import nmr_of
from oracle.cli.output import Output
from oracle.demo.play import Demo
from oracle.demo.report import Row, gas_used, rows, supply, totals
from oracle.demo.story import Story
from oracle.settlement.units import UNITS_PER_NMR, nmr

_NAME = 22


def show(story: Story, demo: Demo, out: Output, *, serve: bool) -> dict[str, Any]:
    """Prints the table, the sums, gas, the folder and what to try next; returns it as JSON."""
    table, sums, gas = rows(story), totals(story), gas_used(demo)
    crossed = supply(story)
    out.table(
        "Round 1, best first (NMR, rounded; exact with --json)",
        ("=model", ">stake", ">CORR", ">MMC", ">TC", ">change", ">after", ""),
        (_cells(row) for row in table),
    )
    out.table("Totals (NMR)", ("", ">"), sums.items())
    out.table("Both chains (NMR)", ("", ">"), crossed.items())
    out.table(
        "Gas",
        ("call", ">times", ">gas each"),
        ((name, times, f"{total // times:,}") for name, (times, total) in gas.items()),
    )
    name, amount = story.released
    out.say(f"{name} released its stake and claimed {nmr(amount)} NMR.")
    out.say()
    for step in story.steps:
        out.say(f"[green]ok[/] {step.name:<13} {step.shown}")
    out.say()
    out.say("The round's artefacts, all that a stranger needs besides an RPC address:")
    out.console.print(f"  {story.artefacts}", soft_wrap=True)
    if serve:
        _say_what_runs(story, demo, out)
    out.say("Try next:")
    if not serve:
        out.say("  ./assay demo --serve --rounds 5   plays more rounds, and stays to be looked at")
    out.say("  ./assay demo --data synthetic --seed 7")
    out.say("  ./assay devnet up             two chains with operators that stay")
    out.say()
    out.console.print(_last_line(story), soft_wrap=True)
    return {
        "models": [asdict(row) for row in table],
        "totals": sums,
        "bridge": crossed,
        "gas": {name: {"times": times, "gas": total} for name, (times, total) in gas.items()},
        "compared": story.compared,
        "server": demo.options.topology.required_server().url if serve else None,
        "verified": [{"step": s.name, "shown": s.shown} for s in story.steps],
        "artefacts": str(story.artefacts),
        "seconds": {k: round(v, 2) for k, v in demo.steps.seconds.items()},
    }


def _say_what_runs(story: Story, demo: Demo, out: Output) -> None:
    """Until Ctrl-C, with what to do about it."""
    topology = demo.options.topology
    server = topology.required_server().url
    out.say("All of it stays up until Ctrl-C:")
    for what, url in (
        ("web app", f"{server}/app/"),
        ("tournament server", server),
        ("chain", topology.rpc),
        ("root chain", topology.root_rpc),
    ):
        out.console.print(f"  {what:<17} {url}", soft_wrap=True)
    out.say("  change one byte in that folder, and verify it:")
    out.console.print(
        f"  ./assay verify {quote(str(story.artefacts))} --rpc {topology.rpc}", soft_wrap=True
    )


def _last_line(story: Story) -> str:
    """What ``Closing.check`` has found to be so."""
    closing = story.closing
    parts = {"round": closing.facts.pool.burnt, "fees": closing.facts.pool.fees}
    shown = ", ".join(f"{what} {nmr_of(wei)}" for what, wei in parts.items())
    return (
        f"[green]ok[/] root totalSupply of NMR fell by {nmr_of(closing.fell)}: "
        f"exactly the sum of burns ({shown})"
    )


def _cells(row: Row) -> tuple[str, ...]:
    colour = "green" if row.change > 0 else "red" if row.change < 0 else "dim"
    return (
        row.name[:_NAME],
        f"{row.before / UNITS_PER_NMR:.2f}",
        *("" if s is None else f"{s / 1e9:+.3f}" for s in (row.corr, row.mmc, row.tc)),
        f"[{colour}]{row.change / UNITS_PER_NMR:+.2f}[/]",
        f"{row.after / UNITS_PER_NMR:.2f}",
        f"[dim]{row.note}[/]",
    )
