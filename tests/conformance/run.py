"""Compare the scores with numerai-tools: its own tests, and each shared score on the same rounds.

    python tests/conformance/run.py [--write]

Runs in the environment of `make conformance-scores`; ``--write`` replaces results.md. Fails if a
score is more than 1e-8 away, if the engine refuses a round that numerai-tools scores, or if one of
its tests becomes different from what EXPECTED says.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.md"
TESTS = Path(sys.prefix) / "source" / "tests"
TESTS_OF = "0.4.3"
TOLERANCE = 1e-8
LOOSER = {"FNC of models with residuals less than 3e-11 apart": 1e-5}
"""Not well posed: each pair of such residuals that ranks differently moves the score."""

LIBRARIES = ("numerai-tools", "numpy", "pandas", "scipy", "scikit-learn")

EXPECTED = {
    "test_filter_top_bottom": "the function returns a pair since 0.5.0",
    "test_meta_portfolio_contribution": "the definition is another since 0.5.2",
    "test_neutralize_with_nans": "refused with the engine's own message, code `not_finite`",
    "test_churn": "refused with the engine's own message, code `constant_signal`",
}
"""Tests that do not pass, and why."""

OWN_MESSAGE = ("test_neutralize_with_nans", "test_churn")
"""Those that only ask for another text of an error that is raised."""

Outcomes = dict[str, str | None]


def script(name: str, *arguments: str) -> dict:
    """The JSON that a script of this folder prints."""
    environment = dict(os.environ, PYTHONPATH=str(HERE.parents[1]))
    command = [sys.executable, str(HERE / name), *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def wrong_outcomes(newest: Outcomes, ours: Outcomes) -> list[str]:
    """What EXPECTED does not say, as sentences."""
    wrong = []
    for name, outcome in ours.items():
        short = name.rpartition(".")[2]
        if (outcome is not None) != (short in EXPECTED):
            wrong.append(f"{short}: {outcome or 'passes, though it is listed as different'}")
        elif short in OWN_MESSAGE and "does not match" not in str(outcome):
            wrong.append(f"{short}: {outcome}")
        elif outcome and short not in OWN_MESSAGE and newest[name] is None:
            wrong.append(f"{short}: {outcome}, and numerai-tools {version('numerai-tools')} passes")
    return wrong


def suite_table(newest: Outcomes, ours: Outcomes) -> list[str]:
    head = f"| test | numerai-tools {version('numerai-tools')} | ours | why |"
    lines = [head, "|---|---|---|---|"]
    for name, outcome in ours.items():
        short = name.rpartition(".")[2]
        marks = ["pass" if one is None else "differs" for one in (newest[name], outcome)]
        lines.append(f"| `{short}` | {marks[0]} | {marks[1]} | {EXPECTED.get(short, '')} |")
    return lines


def score_table(tallies: dict[str, dict]) -> list[str]:
    lines = ["| score | rounds | largest difference | refused there |", "|---|---|---|---|"]
    for name, tally in tallies.items():
        apart = f"{tally['difference']:.0e}" if tally["difference"] else "0"
        lines.append(f"| {name} | {tally['cases']} | {apart} | {tally['refused'] or ''} |")
    return lines


def report(newest: Outcomes, ours: Outcomes, tallies: dict[str, dict]) -> str:
    passed = sum(outcome is None for outcome in ours.values())
    versions = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    lines = [
        "# Agreement with numerai-tools",
        "",
        "Written by `make conformance-scores`, with",
        f"{versions}.",
        "",
        "## Its own tests",
        "",
        f"The tests that numerai-tools {TESTS_OF} ships, run against its newest release and,",
        f"through `shim.py`, against ours: {passed} of {len(ours)} pass.",
        "",
        *suite_table(newest, ours),
        "",
        "## Shared scores",
        "",
        "The largest absolute difference over the rounds of `cases.py`: 3 to 5,000 rows, ties,",
        "outliers, values next to each other, stakes nine orders of magnitude apart.",
        f"A difference above {TOLERANCE:.0e} fails, but for FNC where residuals are so close that",
        "the engine lets them tie. *Refused there*: rounds that numerai-tools stops at, since its",
        "`power` wants a target that correlates by 0.9 with its 1.5 power.",
        "",
        *score_table(tallies),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace results.md")
    write = parser.parse_args().write
    newest, ours = (script("upstream_suite.py", str(TESTS), *flag) for flag in ([], ["--ours"]))
    tallies = script("differential.py")
    text = report(newest, ours, tallies)
    print(text)
    if write:
        RESULTS.write_text(text, encoding="ascii", newline="\n")
    wrong = wrong_outcomes(newest, ours)
    for name, tally in tallies.items():
        if not tally["difference"] <= LOOSER.get(name, TOLERANCE):
            wrong.append(f"{name}: {tally['difference']:.1e} apart in round {tally['case']}")
        if not tally["cases"]:
            wrong.append(f"{name}: compared in no round")
        wrong += [f"{name}: the engine refuses {refusal}" for refusal in tally["ours"]]
    if wrong:
        sys.exit("error: " + "\n".join(wrong))


if __name__ == "__main__":
    main()
