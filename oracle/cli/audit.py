"""``assay audit``: is this submission worth a stake?"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from oracle.cli.audit_report import audit_json, show_audit
from oracle.cli.diagnostics import era_progress
from oracle.cli.output import Output, with_output
from oracle.errors import Exit, InputError

if TYPE_CHECKING:
    from oracle.settlement.payout import Template

_F = TypeVar("_F", bound=Callable[..., Any])
PROFILES = Path(__file__).resolve().parents[2] / "deployments" / "profiles"


class Share(click.ParamType):
    """A plain decimal within bounds, exactly."""

    name = "number"

    def __init__(self, lowest: int, highest: int) -> None:
        self._lowest, self._highest = lowest, highest

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        if isinstance(value, Fraction):
            return value
        try:
            number = Decimal(value)
        except InvalidOperation:
            self.fail(f"{value!r} is not a decimal number", param, ctx)
        if not (number.is_finite() and self._lowest <= number <= self._highest):
            self.fail(f"{value} is not from {self._lowest} to {self._highest}", param, ctx)
        return Fraction(number)


class Amount(click.ParamType):
    """NMR as a plain decimal; converts to U."""

    name = "NMR"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from oracle.settlement.units import MAX_AMOUNT, UNITS_PER_NMR, nmr

        if isinstance(value, int):
            return value
        units = Share(0, MAX_AMOUNT // UNITS_PER_NMR).convert(value, param, ctx) * UNITS_PER_NMR
        if units.denominator != 1:
            self.fail(f"{value} is finer than {nmr(1)}", param, ctx)
        return units.numerator


def _limit(name: str, lowest: int, highest: int, text: str) -> Callable[[_F], _F]:
    return click.option(name, type=Share(lowest, highest), help=text)


@click.command("audit")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder of the data set."
)
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="The same model's predictions for validation rows, if FILE lacks them.",
)
@click.option("--stake", type=Amount(), default="10", show_default=True, help="NMR on the model.")
@click.option(
    "--template",
    default="devnet",
    show_default=True,
    help="Payout rule: devnet, classic, signals, crypto, or a profile's file.",
)
@click.option(
    "--multiplier",
    "multipliers",
    multiple=True,
    metavar="KIND=X",
    help="Pay X times CORR, MMC or FNC instead of the template's scores; up to three times.",
)
@click.option("--clip-up", type=Share(0, 1), help="Largest gain, as a share of the stake.")
@click.option("--clip-down", type=Share(0, 1), help="Largest burn, as a share of the stake.")
@click.option("--kappa", type=Share(0, 1), help="Strength of burn-hardening.")
@click.option("--phi", type=Share(0, 1), default="1", help="Dynamic Eras scale.  [default: 1]")
@click.option(
    "--at-risk",
    type=Amount(),
    default="0",
    help="NMR at risk of all models; above the template's threshold it lowers payouts.",
)
@click.option(
    "--meta-model",
    type=click.Path(path_type=Path),
    help="Meta model for the live rows, to take rho and the hardening level from.",
)
@click.option(
    "--features", default="small", show_default=True, help="Feature set: small, medium or all."
)
@click.option("--target", default="target", show_default=True, help="Target column to score on.")
@_limit("--max-exposure", 0, 1, "Limit: largest exposure to a feature.")
@_limit("--max-correlation", -1, 1, "Limit: correlation with meta model and benchmark.")
@_limit("--max-level", 0, 15, "Limit: hardening level, live and in any past era.")
@_limit("--max-burn", 0, 1, "Limit: burn in the worst past era, as a share of the stake.")
@_limit("--max-burn-probability", 0, 1, "Limit: share of past eras with a burn.")
@_limit("--min-fnc", -1, 1, "Limit: mean FNC of past eras.")
@_limit("--min-expected", -1, 1, "Limit: mean change of a past era, as a share of the stake.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw to this file, .png or .svg.",
)
@with_output
def command(
    file: Path,
    data: Path,
    history: Path | None,
    stake: int,
    template: str,
    multipliers: tuple[str, ...],
    clip_up: Fraction | None,
    clip_down: Fraction | None,
    kappa: Fraction | None,
    phi: Fraction,
    at_risk: int,
    meta_model: Path | None,
    features: str,
    target: str,
    plot: Path | None,
    out: Output,
    **limits: Fraction | None,
) -> None:
    """Look at the submission in FILE before staking on it.

    FILE is what you would submit: id and prediction for the live rows of the data set. It is judged
    by the operators' own rules; one they would refuse ends with code 3. Shown are its exposure to
    each feature, and its correlation with the benchmark and, given --meta-model, the meta model,
    with rho and the hardening level that multiplies burns.

    What the stake would have gained or burned takes the same model's predictions for the past, the
    validation rows: in FILE too, or with --history. Each era is then a round of its own, settled in
    the pool's integers with the given --template. Predictions of eras that a model was trained on
    say nothing.

    Limits turn the audit into a check for scripts: code 0 if all hold, 7 if one does not. A limit
    on something that is not known does not hold.

    \b
    Examples:
      assay audit live.csv --data v5.0 --history validation.parquet --stake 25
      assay audit live.csv --data v5.0 --history validation.parquet \\
          --template classic --max-exposure 0.3 --max-burn 0.03 --max-level 4
    """
    from oracle.audit.check import Question, audit
    from oracle.audit.limits import Limits, check
    from oracle.cli.plots import draw_audit, require_plots
    from oracle.datasets.files import open_dataset
    from oracle.settlement.units import MILLIONTH, RATE_ONE
    from oracle.tournaments import by_number

    if plot:
        require_plots(plot)
    if not stake:
        raise InputError("--stake 0: there is nothing to gain or burn")
    number, rule = load_template(template)
    if multipliers:
        rule = with_multipliers(rule, multipliers)
    if clip_up is not None:
        rule = replace(rule, clip_up=exact(clip_up, RATE_ONE, "--clip-up"))
    if clip_down is not None:
        rule = replace(rule, clip_down=exact(clip_down, RATE_ONE, "--clip-down"))
    if kappa is not None:
        rule = replace(rule, kappa=exact(kappa, MILLIONTH, "--kappa"))
    question = Question(
        file=file,
        history=history,
        meta_model=meta_model,
        rules=by_number(number),
        template=rule,
        stake=stake,
        phi=exact(phi, MILLIONTH, "--phi"),
        at_risk=at_risk,
        feature_set=features,
        target=target,
    )
    dataset = open_dataset(data)
    with era_progress(out) as progress:
        found = audit(dataset, question, progress)
    checks = check(Limits(**limits), found.live, found.model, found.payouts)
    show_audit(found, checks, out)
    if plot and found.report and found.payouts:
        draw_audit(found.report, found.payouts, plot)
        out.say(f"drawn to {plot}")
    elif plot:
        out.say("nothing drawn: there are no past eras")
    out.result(audit_json(found, checks) | {"file": str(file), "data": str(data)})
    if not all(item.holds for item in checks):
        raise SystemExit(int(Exit.REFUSED))


def load_template(name: str) -> tuple[int, "Template"]:
    """Tournament number and payout rule of a profile by name or file, or of the devnet."""
    from oracle.devnet.profile import load_profile
    from oracle.devnet.topology import load

    if name == "devnet":
        tournament = load().tournament
        return tournament.number, tournament.template.template()
    path = Path(name)
    if not path.exists():
        path = PROFILES / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in PROFILES.glob("*.toml")))
        raise InputError(
            f"there is no template {name}",
            f"choose devnet{known and f', {known}'} or name a profile's file (deployments/)",
        )
    profile = load_profile(path)
    return profile.number, profile.template.template()


def with_multipliers(template: "Template", texts: tuple[str, ...]) -> "Template":
    """The template paying on the given ``KIND=X`` and nothing else."""
    from oracle.settlement.payout import SCORE_KINDS
    from oracle.settlement.units import MILLIONTH

    kinds, numbers = [], []
    for text in texts:
        kind, equals, number = text.partition("=")
        if kind.upper() not in SCORE_KINDS or not equals:
            raise InputError(f"--multiplier {text}", "write KIND=X, for example CORR=0.75")
        try:
            share = Share(0, 1000).convert(number, None, None)
        except click.BadParameter as error:
            raise InputError(f"--multiplier {text}: {error.message}") from None
        kinds.append(SCORE_KINDS[kind.upper()])
        numbers.append(exact(share, MILLIONTH, f"--multiplier {kind}"))
    if len(kinds) > 3 or len(set(kinds)) < len(kinds):
        raise InputError("--multiplier: at most three, and each kind once")
    empty = 3 - len(kinds)
    kinds += [SCORE_KINDS["NONE"]] * empty
    numbers += [0] * empty
    return replace(
        template,
        kinds=(kinds[0], kinds[1], kinds[2]),
        multipliers=(numbers[0], numbers[1], numbers[2]),
    )


def exact(value: Fraction, scale: int, what: str) -> int:
    scaled = value * scale
    if scaled.denominator != 1:
        raise InputError(f"{what} is finer than 1/{scale}")
    return scaled.numerator
