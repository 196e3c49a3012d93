"""Telling a person what happens while it happens."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

Say = Callable[[str], None]


def counted(say: Say) -> Callable[[int, int, str], None]:
    """``say`` in the shape of a counter: steps done, steps in all, what is being done."""
    return lambda done, total, what: say(f"{what} ({done} of {total})")


@dataclass
class Steps:
    """Prints a line a step, with a spinner while it runs on a terminal; keeps the times."""

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Runs a step; what it says is shown beside the title, the last of it stays."""
        started = time.monotonic()
        last = ""
        with self.console.status(title) as status:

            def say(text: str) -> None:
                nonlocal last
                last = text
                status.update(f"{title}: {text}")

            yield say
        self.seconds[title] = time.monotonic() - started
        shown = f" [dim]{last}[/]" if last else ""
        self.console.print(
            f"[green]ok[/] {title}{shown} [dim]{self.seconds[title]:.1f} s[/]", soft_wrap=True
        )
