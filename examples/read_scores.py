"""Writes a model's final scores, and what each round did to its stake, to a CSV file.

    python examples/read_scores.py my-model --out scores.csv

Scores are public: no token is needed.
"""

import argparse
import csv
import os
from collections.abc import Iterator
from pathlib import Path

import httpx


def pages(server: httpx.Client, path: str) -> Iterator[dict]:
    """Every item of a list that comes in pages."""
    cursor: dict[str, int] = {}
    while True:
        page = server.get(path, params=cursor).raise_for_status().json()
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}


def read(server: httpx.Client, name: str) -> list[dict[str, object]]:
    """A row a round, the oldest first."""
    found = server.get("/v1/tournaments/8/models", params={"name": name}).raise_for_status().json()
    if not found["items"]:
        raise SystemExit(f"the server knows no model {name}")
    path = f"/v1/models/{found['items'][0]['id']}"
    rows: dict[int, dict[str, object]] = {}
    for one in pages(server, f"{path}/scores"):
        rows.setdefault(one["round"], {})[one["name"]] = one["value"]
    for one in pages(server, f"{path}/payouts"):
        rows.setdefault(one["round"], {}).update(stake=one["stake"], payout=one["payout"])
    return [{"round": number, **rows[number]} for number in sorted(rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="its name")
    parser.add_argument("--out", type=Path, default=Path("scores.csv"))
    parser.add_argument("--server", default=os.environ.get("ASSAY_SERVER"), help="its address")
    given = parser.parse_args()
    if not given.server:
        parser.error("name a server: --server, or ASSAY_SERVER")
    with httpx.Client(base_url=given.server, timeout=60) as server:
        rows = read(server, given.model)
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["round"]
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} rounds in {given.out}")


if __name__ == "__main__":
    main()
