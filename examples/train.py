"""Downloads the published data, trains a model, and predicts validation and live rows.

    python examples/train.py --server http://127.0.0.1:28640 --out mine

Data sets are public: no token is needed. Writes ``validation.csv`` (for diagnostics) and
``live.csv`` (to be submitted).
"""

import argparse
import json
import os
import time
from pathlib import Path

import httpx
import lightgbm
import pandas as pd

WANTED = ("features.json", "train.parquet", "validation.parquet", "live.parquet")


def ask(server: str, query: str) -> dict[str, object]:
    """The data that answers a GraphQL query; errors come with status 200."""
    answer = httpx.post(server, json={"query": query}, timeout=60).json()
    if answer.get("errors"):
        raise SystemExit(answer["errors"][0]["message"])
    return answer["data"]


def published(server: str, seconds: float) -> dict[str, str]:
    """The newest release of each file, for the open round; they appear soon after it opens."""
    deadline = time.monotonic() + seconds
    while True:
        names = sorted(ask(server, "{ listDatasets }")["listDatasets"])
        found = {name.rpartition("/")[2]: name for name in names}
        missing = [wanted for wanted in WANTED if wanted not in found]
        if not missing:
            return {wanted: found[wanted] for wanted in WANTED}
        if time.monotonic() > deadline:
            raise SystemExit(f"{', '.join(missing)}: not published; is a round open?")
        time.sleep(1)


def download(server: str, folder: Path, seconds: float) -> None:
    """Each of the files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for wanted, name in published(server, seconds).items():
        query = f'{{ dataset(filename: "{name}") }}'
        url = ask(server, query)["dataset"]
        with httpx.stream("GET", url, timeout=600) as answer:
            answer.raise_for_status()
            with (folder / wanted).open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
        print("downloaded", name)


def train(folder: Path, features: list[str]) -> lightgbm.LGBMRegressor:
    rows = pd.read_parquet(folder / "train.parquet", columns=[*features, "target"])
    rows = rows[rows["target"].notna()]
    model = lightgbm.LGBMRegressor(
        n_estimators=200, learning_rate=0.05, num_leaves=15, colsample_bytree=0.3, verbosity=-1
    )
    return model.fit(rows[features], rows["target"])


def predict(model: lightgbm.LGBMRegressor, rows: pd.DataFrame, features: list[str]) -> pd.Series:
    """Ranks between 0 and 1 within each era: only the order of predictions counts."""
    raw = pd.Series(model.predict(rows[features]), rows.index)
    ranks = raw.groupby(rows["era"]).rank(method="average")
    counts = raw.groupby(rows["era"]).transform("size")
    return ((ranks - 0.5) / counts).rename("prediction")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default=os.environ.get("ASSAY_SERVER"), help="its address")
    parser.add_argument("--out", type=Path, default=Path("mine"), help="folder for everything")
    parser.add_argument("--features", default="medium", help="feature set: small, medium, all")
    parser.add_argument("--wait", type=float, default=60, help="seconds for the files to appear")
    given = parser.parse_args()
    if not given.server:
        parser.error("name a server: --server, or ASSAY_SERVER")
    download(given.server, given.out, given.wait)
    sets = json.loads((given.out / "features.json").read_text())["feature_sets"]
    features = sets[given.features]
    model = train(given.out, features)
    for split in ("validation", "live"):
        rows = pd.read_parquet(given.out / f"{split}.parquet")
        made = predict(model, rows, features)
        frame = pd.DataFrame({"era": rows["era"], "prediction": made})
        shown = frame if split == "validation" else frame[["prediction"]]
        shown.to_csv(given.out / f"{split}.csv", index_label="id")
        print(f"{len(shown)} predictions in {given.out / split}.csv")


if __name__ == "__main__":
    main()
