"""``assay server``: running a tournament server."""

from pathlib import Path

import click


@click.group("server")
def command() -> None:
    """Run a tournament server, which Numerai's own clients can use."""


@command.command("run")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    help="The server's configuration (TOML); docs/server.md lists its fields.",
)
def run_command(config_file: Path) -> None:
    """Serve tournaments until stopped (Ctrl-C or SIGTERM).

    Follows each tournament's chain, takes in what its operators committed, and answers over HTTP.
    Logs are JSON lines on stdout. It can be stopped and started at any point.

    \b
    Example:
      assay server run --config server.toml
    """
    try:
        from oracle.gateway.config import load_server_config
        from oracle.gateway.run import run
    except ModuleNotFoundError as error:
        from oracle.errors import EnvironmentLacksError

        raise EnvironmentLacksError(
            f"the server needs the package {error.name}", "pip install 'assay[server]'"
        ) from None

    run(load_server_config(config_file))
