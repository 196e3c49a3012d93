"""``make load`` in small: what it measures is what happened, and nothing is lost."""

from pathlib import Path

import pytest
from load_clients import Measured, read_all
from load_net import load_net
from load_rounds import Load, play

WANTED = Load(
    models=8, rows=40, at_once=4, within=20.0, margin=10.0, horizon=12, readers=4, read_seconds=1.0
)


def test_shown__seconds__are_those_of_the_nearest_ranks() -> None:
    measured = Measured([float(n) for n in range(100, 0, -1)], {3: "x"}, 2, 10.0, 20.0)
    shown = measured.shown()
    assert [shown[name] for name in ("p50", "p90", "p99", "max")] == [50.0, 90.0, 99.0, 100.0]
    assert (shown["done"], shown["failed"], shown["again"]) == (100, 1, 2)
    assert (shown["seconds"], shown["per_second"]) == (10.0, 10.0)
    assert Measured().shown()["p99"] is None


def test_read_all__nobody_there__failed_and_nothing_measured() -> None:
    measured = read_all("http://127.0.0.1:1", ["/"], readers=2, seconds=0.1)
    assert measured.seconds == []
    assert set(measured.failed.values()) == {"/: ConnectError"}


@pytest.mark.chain
@pytest.mark.slow
@pytest.mark.xdist_group("load")
def test_play__few_models__every_file_is_in_the_committed_result(tmp_path: Path) -> None:
    with load_net(tmp_path / "net", WANTED.models, WANTED.rows, "server.sqlite") as net:
        figures = play(net, WANTED, lambda _: None)
    assert figures["why"] == []
    assert (figures["accepted"], figures["lost"]) == (8, 0)
    assert 0 < figures["on_time"] <= 8
    assert figures["submissions"]["done"] == 8
    assert figures["readers"]["failed"] == 0
    assert figures["readers"]["done"] >= WANTED.readers
    assert set(figures["peak_mib"]) == {"chain", "server", *(f"operator-{n}" for n in range(1, 5))}
    assert min(figures["peak_mib"].values()) > 0
    assert figures["cpu_ms_each"].keys() == figures["peak_mib"].keys()
