"""What ``assay audit`` found, in tables for people and as JSON for machines."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from oracle.cli.diagnostics import LABELS, show_exposures, show_missing
from oracle.cli.output import Output

if TYPE_CHECKING:
    from oracle.audit.check import Audit
    from oracle.audit.limits import Check
    from oracle.audit.payouts import Payouts

PAST = (
    "corr",
    "mmc",
    "fnc",
    "max_exposure",
    "rho",
    "meta_model_correlation",
    "benchmark_correlation",
)
QUANTILES = (5, 25, 50, 75, 95)


def show_audit(found: "Audit", checks: list["Check"], out: Output) -> None:
    if found.live:
        _show_live(found, out)
    if found.model and found.payouts:
        _show_past(found, out)
    else:
        out.say("No predictions for past eras: name them with --history to see payouts and burns.")
        out.say()
    if checks:
        out.table(
            "Limits",
            ("", ">limit", ">found", ""),
            [
                (
                    item.name.replace("_", " "),
                    _text(item.limit),
                    _text(item.value),
                    "holds" if item.holds else "[bold red]FAILS[/]",
                )
                for item in checks
            ],
        )


def _show_live(found: "Audit", out: Output) -> None:
    live = found.live
    assert live is not None
    rows: list[tuple[str, object]] = [("rows", live.rows), ("ids ignored", live.ignored_ids)]
    rows.append(("largest feature exposure", _billionths(live.max_exposure)))
    for name, value in live.values.items():
        reason = live.reasons[name] or ""
        rows.append((name.replace("_", " "), _billionths(value, reason)))
    rows.append(("hardening level", "-" if live.level is None else live.level))
    out.table("Live rows: a valid submission", ("", ">"), rows)
    order = sorted(range(len(found.features)), key=lambda k: -abs(int(live.exposures[k])))[:10]
    out.table(
        f"Largest of {len(found.features)} live feature exposures",
        ("feature", ">exposure"),
        [(found.features[k], _billionths(int(live.exposures[k]))) for k in order],
    )


def _show_past(found: "Audit", out: Output) -> None:
    from oracle.audit.telling import model_json
    from oracle.settlement.units import nmr

    model, payouts = found.model, found.payouts
    assert model is not None
    assert payouts is not None
    summaries = {name: model.summary(name) for name in PAST}
    out.table(
        f"{model.name} on {len(model.levels)} past eras",
        ("", ">mean", ">std", ">eras"),
        [
            (LABELS[name], f"{s.mean:.4f}", f"{s.std:.4f}", s.eras)
            for name, s in summaries.items()
            if s.eras
        ],
    )
    told = model_json(found.features, model)
    show_exposures(told, out)
    show_missing(told, out)
    rows = []
    for name, amount in _amounts(payouts).items():
        share = 100 * amount / payouts.stake
        rows.append((name, f"{_nmr(amount)} NMR", f"{float(share):+.3f} %"))
    out.table(
        f"A stake of {nmr(payouts.stake)} NMR on {len(payouts.outcomes)} past eras, each by itself",
        ("", ">change", ">of the stake"),
        rows,
    )
    if payouts.burn_probability is not None and payouts.worst is not None:
        burned = 100 * float(payouts.burn_probability)
        out.say(f"Something burned in {burned:.1f} % of them; worst era: {payouts.worst.era}.")
        out.say()


def _amounts(payouts: "Payouts") -> dict[str, Fraction]:
    """What a table of payouts lists, in U."""
    if payouts.expected is None or payouts.worst is None or payouts.best is None:
        return {}
    amounts = {"expected (mean)": payouts.expected, "worst": Fraction(payouts.worst.change)}
    for percent in QUANTILES:
        amounts[f"{percent} % of eras at or below"] = Fraction(payouts.quantile(percent) or 0)
    amounts["best"] = Fraction(payouts.best.change)
    if payouts.mean_burn is not None:
        amounts["mean of the burns"] = -payouts.mean_burn
    return amounts


def audit_json(found: "Audit", checks: list["Check"]) -> dict[str, Any]:
    from oracle.audit.telling import model_json

    return {
        "holds": all(item.holds for item in checks),
        "limits": [
            {
                "name": item.name,
                "limit": float(item.limit),
                "value": None if item.value is None else float(item.value),
                "holds": item.holds,
            }
            for item in checks
        ],
        "live": _live_json(found),
        "past": model_json(found.features, found.model) if found.model else None,
        "payouts": _payouts_json(found.payouts) if found.payouts else None,
    }


def _live_json(found: "Audit") -> dict[str, Any] | None:
    live = found.live
    if live is None:
        return None
    return {
        "rows": live.rows,
        "ignored_ids": live.ignored_ids,
        "max_exposure": live.max_exposure / 10**9,
        "level": live.level,
        **{name: None if v is None else v / 10**9 for name, v in live.values.items()},
        "missing": {name: reason for name, reason in live.reasons.items() if reason},
        "exposures": {
            name: int(value) / 10**9
            for name, value in zip(found.features, live.exposures, strict=True)
        },
    }


def _payouts_json(payouts: "Payouts") -> dict[str, Any]:
    from oracle.settlement.units import nmr

    def text(units: Fraction | int | None) -> str | None:
        return None if units is None else _nmr(Fraction(units))

    burned = payouts.burn_probability
    worst, best = payouts.worst, payouts.best
    return {
        "stake": nmr(payouts.stake),
        "eras": len(payouts.outcomes),
        "missing": payouts.missing,
        "expected": text(payouts.expected),
        "burn_probability": None if burned is None else float(burned),
        "mean_burn": text(payouts.mean_burn),
        "quantiles": {str(percent): text(payouts.quantile(percent)) for percent in QUANTILES},
        "worst": worst and {"era": worst.era, "change": nmr(worst.change)},
        "best": best and {"era": best.era, "change": nmr(best.change)},
        "by_era": [
            {
                "era": outcome.era,
                "scores": [score / 10**6 for score in outcome.scores],
                "level": outcome.level,
                "change": nmr(outcome.change),
            }
            for outcome in payouts.outcomes
        ],
    }


def _nmr(units: Fraction) -> str:
    """NMR of an amount in U, rounded half to even where it is a mean."""
    from oracle.settlement.units import nmr

    return nmr(round(units))


def _billionths(value: int | None, reason: str = "") -> str:
    if value is None:
        return f"- ({reason.replace('_', ' ')})"
    return f"{value / 10**9:.4f}"


def _text(value: Fraction | None) -> str:
    return "not known" if value is None else f"{float(value):g}"
