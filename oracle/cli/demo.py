"""``assay demo``: one whole round on two local chains."""

import threading
from contextlib import suppress
from pathlib import Path

import click

from oracle.cli.output import Output, with_output
from oracle.settings import Settings


@click.command("demo")
@click.option(
    "--data",
    type=click.Choice(["market", "synthetic"]),
    default="market",
    show_default=True,
    help="Real prices, or a generated data set.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Stakes, ids, training.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where everything is written.")
@click.option("--base-port", type=click.IntRange(1024, 65000), help="First of the ports.")
@click.option("--topology", type=click.Path(path_type=Path), help="Another topology (TOML).")
@click.option(
    "--rounds",
    type=click.IntRange(1, 12),
    default=1,
    show_default=True,
    help="How many to play, overlapping; those after the first are on eras of the past.",
)
@click.option("--serve", is_flag=True, help="Keep all of it running at the end, until Ctrl-C.")
@with_output
def command(
    data: str,
    seed: int,
    folder: Path | None,
    base_port: int | None,
    topology: Path | None,
    rounds: int,
    serve: bool,
    out: Output,
) -> None:
    """Play one whole round of the tournament on two local chains and check it.

    Stakers bring NMR from the one that stands for Ethereum to the one that stands for Polygon,
    through Polygon's own bridge. More than 20 models are trained on real prices, staked, and
    submitted through a tournament server as Numerai's clients do; four operators score them
    independently; three signatures commit the result; the contracts pay and burn; what is burned
    leaves NMR's supply, and stakers bring the rest back. A stranger's check reproduces all of it.
    Takes a minute or two. Needs a checkout and `make setup`.
    """
    from oracle.cli.demo_page import show
    from oracle.demo.play import Demo, Options
    from oracle.devnet.folder import only_one
    from oracle.devnet.topology import load

    declared = load(topology)
    if base_port is not None:
        declared = declared.moved(base_port)
    where = (folder or Settings().home / "demo").resolve()
    with only_one(where):
        demo = Demo(Options(where, declared, data, seed, rounds), out.console)
        try:
            story = demo.play()
            if serve:
                demo.open_another()
            out.result(show(story, demo, out, serve=serve))
            if serve:
                with suppress(KeyboardInterrupt):
                    threading.Event().wait()
        finally:
            demo.devnet.stop()
