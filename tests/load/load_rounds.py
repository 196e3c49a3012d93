"""The measured round: files in its last minute, its result, and who reads that."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx
from load_clients import Measured, Wish, read_all, submit_all
from load_net import ROUND, LoadNet, wait_for

from oracle.store.artefacts import read_file

_COMMIT_SECONDS = 1_200
_FOLLOW_SECONDS = 300
_BEFORE = 10
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """``at_once`` submissions under way; the first is begun ``within`` seconds before the close,
    the last ``margin``. What arrives after the close, within ``horizon``, is late."""

    models: int
    rows: int
    at_once: int
    within: float
    margin: float
    horizon: int
    readers: int
    read_seconds: float


def play(net: LoadNet, load: Load, say: Say) -> dict[str, Any]:
    """What came of it. ``lost``: files that were acknowledged and are not in the committed result,
    and those that were never acknowledged."""
    tournament = net.topology.tournament.number
    say(f"{load.models} models registered; their owners sign in, files of {load.rows} rows")
    entries = net.entries()
    net.stake_all()
    announced = net.announce_for(int(load.within) + _BEFORE, load.horizon)
    wishes = [Wish(one.model, one.uuid, one.token, one.path) for one in entries]
    begin = announced.closes - load.within
    say(f"waiting for the last {load.within:.0f} s of the round")
    net.until(lambda: net.reader.newest().timestamp >= begin, "the last minute", 600)
    net.until(lambda: _is_open(net, tournament), "the round at the server")
    work = net.cpu()
    sent = submit_all(net.url, tournament, wishes, load.at_once, load.within - load.margin)
    say(f"{len(sent.seconds)} acknowledged, {len(sent.failed)} not")
    peaks = net.peaks()
    worked = {name: seconds - work[name] for name, seconds in net.cpu().items()}
    acknowledged = {wish.model for wish in wishes} - set(sent.failed)
    accepted = _committed(net, say)
    known = {entry["model"] for entry in accepted}
    readers = _read(net, load, tournament, say)
    after = net.peaks()
    return {
        **asdict(load),
        "submissions": sent.shown(),
        "readers": readers.shown(),
        "accepted": len(known),
        "on_time": sum(entry["on_time"] for entry in accepted),
        "lost": len(acknowledged - known) + len(sent.failed),
        "why": sorted(set(sent.failed.values()))[:5],
        "cpu_ms_each": {name: round(s * 1_000 / load.models, 1) for name, s in worked.items()},
        "peak_mib": {name: max(peaks.get(name, 0), after[name]) for name in after},
    }


def _is_open(net: LoadNet, tournament: int) -> bool:
    shown = httpx.get(f"{net.url}/v1/tournaments/{tournament}/rounds/current").json()
    return bool(shown) and shown["number"] == ROUND


def _committed(net: LoadNet, say: Say) -> list[dict[str, Any]]:
    """What the operators agreed to have taken, as of their committed result."""
    announced = net.reader.announced(ROUND)
    assert announced is not None
    net.publish_all_targets()
    say("waiting for the operators' result")
    due = announced.closes + announced.horizon
    net.until(lambda: net.reader.newest().timestamp >= due, "the scores' time", 600)
    net.until(lambda: net.reader.committed(ROUND), "the commit", _COMMIT_SECONDS)
    net.until(net.result().exists, "the result's folder")
    listed = json.loads(read_file(net.result(), "inputs/submissions.json"))
    found: list[dict[str, Any]] = listed["accepted"]
    return found


def _read(net: LoadNet, load: Load, tournament: int, say: Say) -> Measured:
    """Once the server shows the round's scores."""
    paths = [
        f"/v1/tournaments/{tournament}/leaderboard?limit=100",
        f"/v1/tournaments/{tournament}/rounds/{ROUND}/scores?limit=100",
    ]

    def shows() -> bool:
        answers = [httpx.get(f"{net.url}{path}", timeout=60) for path in paths]
        return all(answer.is_success and answer.json()["items"] for answer in answers)

    say("waiting for the scores at the server")
    if not wait_for(shows, _FOLLOW_SECONDS):
        now = time.monotonic()
        return Measured(failed={0: "the server shows no scores"}, started=now, ended=now)
    say(f"{load.readers} readers for {load.read_seconds:.0f} s")
    return read_all(net.url, paths, load.readers, load.read_seconds)
