"""numerapi, as it is installed, against this project's server.

make conformance-clients                       # all of it
make conformance-clients ARGS="--queries"      # only whether what clients send fits the schema
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from clients import Client
from conformance import Result, conformance
from graphql import parse, validate
from queries import every_call, read_queries, standin
from week import WEEK

from oracle.gateway.graphql.schema import build_schema

CLASSES = ("NumerAPI", "SignalsAPI", "CryptoAPI")
_EMPTY_FILE = "id,prediction\n"


def check_queries(python: Path, folder: Path) -> list[str]:
    """What of the clients' queries, and of how they read the answers, does not fit the schema."""
    (folder / "predictions.csv").write_text(_EMPTY_FILE)
    schema = build_schema()._schema
    client = Client(python, folder=folder)
    calls = every_call(client)
    with standin(schema) as server:
        outcomes = Client(python, server.url, ("PUBLIC", "SECRET"), folder).call(calls)
    wrong = list(server.wrong)
    wrong += [
        f"{call}: {done.error}" for call, done in zip(calls, outcomes, strict=True) if done.error
    ]
    read = read_queries(python.parents[1] / "cli" / "numerai")
    wrong += [
        f"{path}: {error.message}" for path, text in read for error in validate(schema, parse(text))
    ]
    version, _ = client.methods()
    print(f"numerapi {version}: {len(calls)} methods sent {len(server.asked)} operations")
    print(f"numerai-cli: {len(read)} queries read; {len(wrong)} things do not fit the schema")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, required=True, help="the clients' interpreter")
    parser.add_argument(
        "--queries", action="store_true", help="hold queries against the schema only"
    )
    parser.add_argument("--results", type=Path, help="write the table of methods to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = check_queries(options.python, Path(folder))
    for one in wrong:
        print(f"  {one}")
    if wrong or options.queries:
        return 1 if wrong else 0
    results, left = conformance(options.python)
    for result in results:
        if "." not in result.name:
            print(f"{result.name:<44} {result.wrong or 'equal'}")
    print(
        f"{len(results)} steps, {sum(bool(r.wrong) for r in results)} of them not as they must be"
    )
    print(f"not called: {', '.join(left) or 'none'}")
    if options.results is not None:
        options.results.write_text(table(results, left))
    return 1 if left or any(result.wrong for result in results) else 0


def table(results: Sequence[Result], left: Sequence[str]) -> str:
    """The outcome of each method of each class, the worst of its calls, in Markdown."""
    wrong: dict[str, dict[str, str]] = {}
    for result in results:
        if "." not in result.name or result.name.startswith(WEEK):
            continue
        api, _, method = result.name.partition(".")
        of_method = wrong.setdefault(method, {})
        of_method[api] = of_method.get(api) or result.wrong
    lines = [
        "# numerapi against the server",
        "",
        "Written by `make conformance-clients`. `equal`: every value was what the chain, committed",
        "results and earlier steps say, worked out without the server; `-`: no such method.",
        "",
        f"| method | {' | '.join(CLASSES)} |",
        "|---|" + "---|" * len(CLASSES),
    ]
    for method in sorted({*wrong, *(name.partition(".")[2] for name in left)}):
        cells = [
            "not called" if f"{api}.{method}" in left else _cell(wrong.get(method, {}), api)
            for api in CLASSES
        ]
        lines.append(f"| `{method}` | {' | '.join(cells)} |")
    lines += ["", "| command | |", "|---|---|"]
    lines += [
        f"| `{one.name}` | {one.wrong.replace('|', '/') or 'equal'} |"
        for one in results
        if "." not in one.name
    ]
    lines += ["", "| a week, day by day | calls | |", "|---|---|---|"]
    of_week = [one for one in results if one.name.startswith(WEEK)]
    for name in dict.fromkeys(one.name for one in of_week):
        said = [one.wrong.replace("|", "/") for one in of_week if one.name == name]
        worst = next((wrong for wrong in said if wrong), "equal")
        lines.append(f"| `{name.removeprefix(WEEK)}` | {len(said)} | {worst} |")
    return "\n".join(lines) + "\n"


def _cell(of_method: Mapping[str, str], api: str) -> str:
    return of_method[api].replace("|", "/") or "equal" if api in of_method else "-"


if __name__ == "__main__":
    sys.exit(main())
