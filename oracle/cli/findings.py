"""How checks of an operator and of a server are shown."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.markup import escape

from oracle.cli.output import Output

if TYPE_CHECKING:
    from oracle.operator.checks import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def show_findings(checks: "Iterable[Finding]", out: Output) -> None:
    """A line for each as it comes, with the fix below what is not well; then the result. Ends the
    command where something failed."""
    from oracle.operator.checks import Level, exit_code

    found, shown = [], ""
    for finding in checks:
        found.append(finding)
        said = finding.said
        name = "" if finding.check == shown else finding.check
        shown = finding.check
        colour = _COLOURS[said.level]
        line = f"{name:<12} [{colour}]{said.level:<4}[/] {escape(said.text)}"
        if said.fix and said.level is not Level.OK:
            line += f"\n{'':<17} [dim]{escape(said.fix)}[/]"
        out.console.print(line, soft_wrap=True)
    code = exit_code(found)
    rows = [
        {"check": f.check, "level": f.said.level, "text": f.said.text, "fix": f.said.fix}
        for f in found
    ]
    out.result({"healthy": not code, "checks": rows})
    if code:
        raise SystemExit(int(code))
