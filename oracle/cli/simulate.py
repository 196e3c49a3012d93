"""``assay simulate``: what may become of a stake."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oracle.cli.audit import Amount, Share, exact, load_template, with_multipliers
from oracle.cli.output import Output, with_output
from oracle.errors import InputError, RefusedError

if TYPE_CHECKING:
    from oracle.audit.simulate import Plan, ScorePaths
    from oracle.chain.reader import PoolReader
    from oracle.cli.simulate_chain import OnChain
    from oracle.settlement.payout import Template


@dataclass(frozen=True, slots=True)
class Scores:
    """What the options say of scores: past ones, or how they are distributed."""

    file: Path | None
    name: str | None
    means: tuple[str, ...]
    deviations: tuple[str, ...]
    correlation: Fraction
    overlap: int
    level: int


@click.command("simulate")
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    help="Past scores: a CSV with a line a round (round,corr,mmc; level if known), or what "
    "`assay diagnostics --json` printed.",
)
@click.option("--name", help="The model, if --scores is about several.")
@click.option(
    "--mean",
    "means",
    multiple=True,
    metavar="KIND=X",
    help="Without --scores: mean of a score, for example corr=0.015; may be given more than once.",
)
@click.option(
    "--sd",
    "deviations",
    multiple=True,
    metavar="KIND=X",
    help="Its standard deviation, for example corr=0.025.",
)
@click.option(
    "--correlation",
    type=Share(-1, 1),
    default="0",
    show_default=True,
    help="Correlation of any two scores of a round, with --mean.",
)
@click.option(
    "--level",
    type=click.IntRange(0, 15),
    default=0,
    show_default=True,
    help="Hardening level of every round, with --mean.",
)
@click.option(
    "--overlap",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Rounds open at a time: 20 for daily rounds scored after 20 days. Neighbours share their "
    "luck.",
)
@click.option("--stake", type=Amount(), help="NMR to stake.  [default: 10, or the model's]")
@click.option("--take-profit", is_flag=True, help="Gains leave the stake instead of compounding.")
@click.option(
    "--rounds", type=click.IntRange(1, 10_000), default=250, show_default=True, help="How many."
)
@click.option(
    "--paths", type=click.IntRange(1, 1_000_000), default=2000, show_default=True, help="How many."
)
@click.option("--seed", type=click.IntRange(0, 2**63), default=0, show_default=True)
@click.option("--rpc", help="Take payout rule, phi, vault and other stake from this chain.")
@click.option("--pool", help="The tournament's StakePool on it.")
@click.option("--model", type=click.IntRange(0, 2**20 - 1), help="Take stake and mode from it.")
@click.option(
    "--template",
    help="Payout rule: devnet, classic, signals, crypto, or a profile's file.  "
    "[default: the chain's, or devnet]",
)
@click.option(
    "--multiplier",
    "multipliers",
    multiple=True,
    metavar="KIND=X",
    help="Pay X times these scores instead of the template's; up to three times.",
)
@click.option("--phi", type=Share(0, 1), help="Dynamic Eras scale.  [default: the chain's, or 1]")
@click.option(
    "--at-risk",
    type=Amount(),
    help="NMR at risk of all other models; above the template's threshold it lowers payouts.  "
    "[default: the chain's, or 0]",
)
@click.option(
    "--vault",
    type=Amount(),
    help="NMR that gains are paid from.  [default: the chain's, or enough]",
)
@click.option(
    "--fork",
    is_flag=True,
    help="Play the first path's first rounds through the contracts on a local fork of --rpc.",
)
@click.option(
    "--fork-rounds", type=click.IntRange(1, 100), default=5, show_default=True, help="How many."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw to this file, .png or .svg.",
)
@with_output
def command(
    scores: Path | None,
    name: str | None,
    means: tuple[str, ...],
    deviations: tuple[str, ...],
    correlation: Fraction,
    level: int,
    overlap: int,
    stake: int | None,
    take_profit: bool,
    rounds: int,
    paths: int,
    seed: int,
    rpc: str | None,
    pool: str | None,
    model: int | None,
    template: str | None,
    multipliers: tuple[str, ...],
    phi: Fraction | None,
    at_risk: int | None,
    vault: int | None,
    fork: bool,
    fork_rounds: int,
    plot: Path | None,
    out: Output,
) -> None:
    """See what may become of a stake over many rounds, before staking.

    Scores are drawn as often as there are --paths: from past ones, in runs of --overlap rounds that
    follow each other, or normally distributed with a mean and a standard deviation each. Every
    round is settled by the very integers that the contract computes, the stake of each being what
    the one before it left. Shown are where the paths end, how likely a loss is, and what is burned
    on the way. The past need not repeat itself, and other people's stakes are taken to stay.

    With --rpc and --pool the payout rule, phi, the vault and the other stakes are those of a
    tournament. --fork then copies its chain to this machine, names operators of its own there,
    plays the first path through the deployed contracts, and compares every number; nobody else sees
    it. Without them payouts are not lowered for --at-risk, and the --vault never runs dry.

    \b
    Examples:
      assay simulate --mean corr=0.01 --sd corr=0.025 --mean mmc=0.002 --sd mmc=0.008 --stake 25
      assay simulate --scores scores.csv --template classic --at-risk 700000 --plot stake.png
      assay diagnostics validation.parquet --data v5.0 --json > model.json
      assay simulate --scores model.json --rpc URL --pool 0x.. --model 3 --fork
    """
    from oracle.audit.simulate import simulate
    from oracle.cli.plots import require_plots
    from oracle.cli.simulate_report import (
        rehearsal_json,
        show_rehearsal,
        show_simulation,
        simulation_json,
    )

    if plot:
        require_plots(plot)
    reader = _reader(rpc, pool, needed=fork or model is not None)
    on_chain = _on_chain(reader, model)
    plan = _plan(
        _template(template, multipliers, on_chain),
        on_chain,
        stake=stake,
        take_profit=take_profit,
        phi=phi,
        at_risk=at_risk,
        vault=vault,
        size=(rounds, paths, seed),
    )
    told = Scores(scores, name, means, deviations, correlation, overlap, level)
    source, left_out = _scores(told, plan.template)
    if left_out:
        out.say(f"{left_out} past rounds lack a score that pays, and were left out")
    found = simulate(plan, source)
    show_simulation(found, out)
    result = simulation_json(found)
    if plot:
        from oracle.cli.plot_simulation import draw_simulation

        draw_simulation(found, plot)
        out.say(f"drawn to {plot}")
    if fork and reader and rpc:
        from oracle.cli.simulate_chain import rehearse

        played = rehearse(rpc, reader, plan, source, min(fork_rounds, rounds))
        show_rehearsal(played, out)
        result["fork"] = rehearsal_json(played)
    out.result(result)


def _reader(rpc: str | None, pool: str | None, needed: bool) -> "PoolReader | None":
    from oracle.chain.reader import PoolReader

    if rpc and pool:
        return PoolReader.open(rpc, pool)
    if rpc or pool or needed:
        raise InputError(
            "--rpc and --pool are needed, both", "see `assay devnet status` for a devnet's"
        )
    return None


def _on_chain(reader: "PoolReader | None", model: int | None) -> "OnChain | None":
    from oracle.cli.simulate_chain import on_chain

    return None if reader is None else on_chain(reader, model)


def _template(
    name: str | None, multipliers: tuple[str, ...], found: "OnChain | None"
) -> "Template":
    if name is None and found is not None:
        if found.template is None:
            raise RefusedError(
                "no round was announced there yet, so its payout rule is not known",
                "choose one with --template",
            )
        rule = found.template
    else:
        _, rule = load_template(name or "devnet")
    return with_multipliers(rule, multipliers) if multipliers else rule


def _plan(
    template: "Template",
    found: "OnChain | None",
    *,
    stake: int | None,
    take_profit: bool,
    phi: Fraction | None,
    at_risk: int | None,
    vault: int | None,
    size: tuple[int, int, int],
) -> "Plan":
    from oracle.audit.simulate import Plan
    from oracle.settlement.units import MAX_AMOUNT, MILLIONTH, UNITS_PER_NMR

    rounds, paths, seed = size
    if stake is None:
        stake = found.stake if found and found.stake is not None else 10 * UNITS_PER_NMR
    if not stake:
        raise InputError("a stake of 0: there is nothing to gain or burn", "pass --stake")
    return Plan(
        template=template,
        phi=(found.phi if found else MILLIONTH) if phi is None else exact(phi, MILLIONTH, "--phi"),
        stake=stake,
        take_profit=take_profit or bool(found and found.take_profit),
        others=found.others if found else 0,
        others_at_risk=(found.at_risk if found else 0) if at_risk is None else at_risk,
        vault=(found.vault if found else MAX_AMOUNT) if vault is None else vault,
        rounds=rounds,
        paths=paths,
        seed=seed,
    )


def _scores(told: Scores, template: "Template") -> tuple["ScorePaths", int]:
    """Where scores are drawn from, and how many past rounds do not serve."""
    from oracle.audit.past_scores import read_past, score_names
    from oracle.audit.simulate import NormalScores, PastScores

    if (told.file is None) == (not told.means):
        raise InputError(
            "scores are taken from --scores, or drawn with --mean and --sd",
            "for example: --mean corr=0.015 --sd corr=0.025",
        )
    if told.file is not None:
        past = read_past(told.file, template, told.name)
        return PastScores(past.lanes, min(told.overlap, len(past.lanes))), past.left_out
    names = score_names(template)
    means = _by_kind("--mean", told.means, names)
    deviations = _by_kind("--sd", told.deviations, names)
    correlation = float(told.correlation)
    return NormalScores(means, deviations, correlation, told.overlap, told.level), 0


def _by_kind(
    option: str, texts: tuple[str, ...], names: tuple[str, str, str]
) -> tuple[float, float, float]:
    values: dict[str, float] = {}
    for text in texts:
        kind, equals, number = text.partition("=")
        if not equals or kind.lower() not in filter(None, names):
            paid = ", ".join(filter(None, names))
            raise InputError(f"{option} {text}: the template pays on {paid}", "write KIND=X")
        try:
            lowest = -1 if option == "--mean" else 0
            values[kind.lower()] = float(Share(lowest, 1).convert(number, None, None))
        except click.BadParameter as error:
            raise InputError(f"{option} {text}: {error.message}") from None
    first, second, third = (values.get(name, 0.0) for name in names)
    return first, second, third
