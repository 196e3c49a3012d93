"""``assay server``: running a tournament server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from oracle.cli.findings import show_findings
from oracle.cli.output import Output, with_output

_config = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    help="The server's configuration (TOML); docs/server.md lists its fields.",
)


@click.group("server")
def command() -> None:
    """Run a tournament server, which Numerai's own clients can use."""


@command.command("run")
@_config
def run_command(config_file: Path) -> None:
    """Serve tournaments until stopped (Ctrl-C or SIGTERM).

    Follows each tournament's chain, takes in what its operators committed, and answers over HTTP.
    Logs are JSON lines on stdout. It can be stopped and started at any point.

    \b
    Example:
      assay server run --config server.toml
    """
    with _packages():
        from oracle.gateway.config import load_server_config
        from oracle.gateway.run import run

    run(load_server_config(config_file))


@command.command("check")
@_config
@with_output
def check_command(config_file: Path, out: Output) -> None:
    """Look at everything a server needs, and name the fix for what is wrong.

    Keys, database, folders, port; of each tournament endpoints, clock, operators, data, and the
    relayer's gas money. The server may run or not; nothing is sent or changed. Exit code 0 without
    a failure (warnings do not count), 7 where a rule of safety refuses (a key that others may
    read), 6 for any other failure.

    \b
    Example:
      assay server check --config server.toml
    """
    with _packages():
        from oracle.gateway.checks import findings
        from oracle.gateway.config import load_server_config

    show_findings(findings(load_server_config(config_file)), out)


@contextmanager
def _packages() -> Iterator[None]:
    """Says what to install where the extra's packages are not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        from oracle.errors import EnvironmentLacksError

        raise EnvironmentLacksError(
            f"the server needs the package {error.name}", "pip install 'assay[server]'"
        ) from None
