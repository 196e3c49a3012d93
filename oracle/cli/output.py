"""What commands print: tables and sentences for people, one JSON envelope for machines."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ENVELOPE = 1
_F = TypeVar("_F", bound=Callable[..., Any])


def report_error(code: str, message: str, fix: str, exit_code: int, as_json: bool) -> int:
    """Prints an error (to stderr for people, to stdout for machines); returns the exit code."""
    if as_json:
        error = {"code": code, "message": message, "fix": fix, "exit": int(exit_code)}
        click.echo(json.dumps({"assay": ENVELOPE, "ok": False, "error": error}))
    else:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"[bold red]error:[/] {escape(message)}")
        if fix:
            console.print(f"[dim]  {escape(fix)}[/]")
    return int(exit_code)


class Output:
    """Where a command's words go; with ``--json`` only the final envelope is printed."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(quiet=as_json, highlight=False)

    def say(self, text: str = "") -> None:
        self.console.print(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table; columns named with ``>`` first are right-aligned, with ``=`` never broken."""
        table = Table(
            title=f"[bold]{title}[/]",
            title_justify="left",
            title_style="",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            show_header=any(column.lstrip("=>") for column in columns),
            show_edge=False,
        )
        for column in columns:
            table.add_column(
                column.lstrip("=>"),
                justify="right" if column.startswith(">") else "left",
                no_wrap=column.startswith("="),
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.console.print(table)
        self.console.print()

    def result(self, result: Any) -> None:
        """The command's result for machines; people have read theirs already."""
        if self.as_json:
            click.echo(json.dumps({"assay": ENVELOPE, "ok": True, "result": result}))


def with_output(function: _F) -> _F:
    """Adds ``--json`` to a command and hands it an ``Output`` as ``out``."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for machines.")
    @wraps(function)
    def wrapped(*args: Any, as_json: bool, **kwargs: Any) -> Any:
        return function(*args, out=Output(as_json), **kwargs)

    return wrapped  # type: ignore[return-value]
