"""``assay operator``: running an oracle operator."""

import logging
import sys
from pathlib import Path

import click

from oracle.cli.operator_check import check_command, cost_command
from oracle.cli.operator_setup import init_command, join_check_command, rotate_command
from oracle.cli.operator_state import backup_command, rebuild_command, restore_command


@click.group("operator")
@click.pass_context
def command(context: click.Context) -> None:
    """Run an oracle operator."""
    if context.invoked_subcommand == "run":  # whose output is its log
        return
    import structlog

    structlog.configure(
        # Looked up at each line: whoever calls this in a process of its own may exchange it.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )


for _subcommand in (
    init_command,
    join_check_command,
    check_command,
    cost_command,
    rotate_command,
    backup_command,
    restore_command,
    rebuild_command,
):
    command.add_command(_subcommand)


@command.command("run")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    required=True,
    help="The operator's configuration (TOML); docs/operators.md lists its fields.",
)
def run_command(config_file: Path) -> None:
    """Score, sign and settle rounds until stopped (Ctrl-C or SIGTERM).

    Takes submissions over HTTP, evaluates each round once its targets are there, signs the result,
    gathers the others' signatures, sends the commit and settles. Logs are JSON lines on stdout. It
    can be stopped and started at any point.

    \b
    Example:
      assay operator run --config operator.toml
    """
    from oracle.operator.config import load_config
    from oracle.operator.run import run

    run(load_config(config_file))
