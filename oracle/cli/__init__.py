"""The ``assay`` command: a tree of subcommands, each loaded only when it is used."""

import os
import signal
import sys
from importlib import import_module

import click

from oracle import __version__
from oracle.cli.output import report_error
from oracle.errors import AssayError, Exit

_COMMANDS = {
    "demo": "play one whole round on a local chain and verify it",
    "devnet": "keep a local chain with contracts and operators running",
    "data": "make tournament data from real prices or from a seed",
    "score": "compute a submission's exact scores",
    "diagnostics": "score models on the past eras of a data set",
    "audit": "look at a submission before staking on it",
    "simulate": "what may become of a stake over many rounds",
    "submit": "send a model's predictions to the operators",
    "history": "look at what a model's submissions looked like to the operators",
    "targets": "put a round's targets into the operators' vaults",
    "models": "register models and look them up",
    "stake": "deposit, release, claim and look at stakes",
    "mandate": "let somebody else stake for you, within bounds",
    "bridge": "take NMR from Ethereum to Polygon and back",
    "round": "announce rounds, look at them, keep them going",
    "operator": "run an oracle operator",
    "server": "run a tournament server",
    "account": "sign in to a tournament server, make tokens for it",
    "leaderboard": "rank models by their past scores",
    "verify": "recompute a round from its artefacts and the chain",
    "watch": "verify every round, and challenge what is wrong",
    "dispute": "challenge a round that leaves out a submission",
}


class _Tree(click.Group):
    """Subcommands by name; their modules are imported on use, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return import_module(f"oracle.cli.{name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Tree, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="assay")
def cli() -> None:
    """Assay: an open, on-chain tournament for predictions.

    Start with `assay demo`. Every command that ends takes --json, for machines, and ends with a
    code from the table in docs/cli.md: 0 done, 2 usage, 3 bad input, 4 chain or operator
    unreachable, 5 verification found a difference, 6 this machine lacks something, 7 refused.
    """


def main() -> None:
    """Runs the command and turns every error into one a person can act on."""
    as_json = "--json" in sys.argv[1:]
    # As with Ctrl-C: what was started is stopped before this process ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.TERMINATED))
    try:
        cli.main(standalone_mode=False, prog_name="assay")
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        usage = error.ctx.get_usage() if isinstance(error, click.UsageError) and error.ctx else ""
        sys.exit(report_error("usage", error.format_message(), usage, Exit.USAGE, as_json))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(report_error("interrupted", "interrupted", "", Exit.INTERRUPTED, as_json))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.OK)
    except AssayError as error:
        sys.exit(report_error(error.code, error.message, error.fix, error.exit_code, as_json))
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        message, fix = f"{what}{error.strerror or error}", "check space, names and permissions"
        sys.exit(report_error("environment", message, fix, Exit.ENVIRONMENT, as_json))
    except Exception as error:  # noqa: BLE001, RUF100 - the last boundary before a person
        if os.environ.get("ASSAY_DEBUG"):
            raise
        message = f"internal error: {type(error).__name__}: {error}"
        fix = "this is a bug; run again with ASSAY_DEBUG=1 and report what it prints"
        sys.exit(report_error("bug", message, fix, Exit.BUG, as_json))
