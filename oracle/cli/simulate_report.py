"""What ``assay simulate`` found, in tables for people and as JSON for machines."""

from typing import TYPE_CHECKING, Any

from oracle.cli.output import Output

if TYPE_CHECKING:
    from oracle.audit.simulate import Simulation
    from oracle.devnet.rehearsal import Played

QUANTILES = (1, 5, 25, 50, 75, 95, 99)
LOSSES = (0.0, 0.1, 0.25, 0.5)


def show_simulation(found: "Simulation", out: Output) -> None:
    plan = found.plan
    rows = [(f"{percent} % of paths at or below", found.quantile(percent)) for percent in QUANTILES]
    rows.append(("mean", round(found.mean_end)))
    out.table(
        f"{_nmr(plan.stake)} NMR after {plan.rounds} rounds, {plan.paths} paths",
        ("", ">NMR", ">change"),
        [
            (what, _nmr(end), f"{100 * (end - plan.stake) / plan.stake:+.2f} %")
            for what, end in rows
        ],
    )
    out.table(
        "Along the way",
        ("", ">"),
        [
            ("expected burn", f"{_nmr(round(found.mean_burned))} NMR"),
            ("expected gain", f"{_nmr(round(found.mean_gained))} NMR"),
            *(
                (
                    "chance of a loss" if not share else f"chance of losing over {share:.0%}",
                    f"{100 * found.chance_of_loss(share):.1f} %",
                )
                for share in LOSSES
            ),
            ("largest fall, median path", f"{100 * found.drawdown(50):.1f} %"),
            ("largest fall, worst 5 % of paths", f"{100 * found.drawdown(95):.1f} %"),
        ],
    )


def show_rehearsal(played: list["Played"], out: Output) -> None:
    out.table(
        f"{len(played)} rounds of the first path on a fork: the contract's numbers are the model's",
        (">round", ">scores, 10^-6", ">level", ">stake", ">claimable"),
        [
            (
                one.round,
                " ".join(f"{score:+d}" for score in one.scores.scores),
                one.scores.level,
                _nmr(one.stake),
                _nmr(one.claimable),
            )
            for one in played
        ],
    )


def simulation_json(found: "Simulation") -> dict[str, Any]:
    plan = found.plan
    return {
        "stake": _nmr(plan.stake),
        "rounds": plan.rounds,
        "paths": plan.paths,
        "seed": plan.seed,
        "mean": _nmr(round(found.mean_end)),
        "quantiles": {str(percent): _nmr(found.quantile(percent)) for percent in QUANTILES},
        "chance_of_loss": {f"{share:g}": found.chance_of_loss(share) for share in LOSSES},
        "expected_burn": _nmr(round(found.mean_burned)),
        "expected_gain": _nmr(round(found.mean_gained)),
        "drawdown": {str(percent): found.drawdown(percent) for percent in (50, 95)},
        "by_round": {
            str(percent): [_nmr(value) for value in found.band(percent)] for percent in (5, 50, 95)
        },
    }


def rehearsal_json(played: list["Played"]) -> list[dict[str, Any]]:
    return [
        {
            "round": one.round,
            "scores": list(one.scores.scores),
            "level": one.scores.level,
            "stake": _nmr(one.stake),
            "claimable": _nmr(one.claimable),
        }
        for one in played
    ]


def _nmr(units: int) -> str:
    from oracle.settlement.units import nmr

    return nmr(units)
