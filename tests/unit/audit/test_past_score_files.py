"""Past scores from files that people have, whole or broken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from oracle.audit.past_scores import read_past, score_names
from oracle.errors import InputError
from oracle.settlement.payout import Template

TEMPLATE = Template((1, 2, 0), (750_000, 2_250_000, 0), 5 * 10**10, 5 * 10**10, 10**9, 0)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scores"
    path.write_text(text)
    return path


def diagnostics(*names: str) -> dict:
    model = {
        "scores": {
            "corr": {"by_era": [0.01, None, -0.02]},
            "mmc": {"by_era": [0.001, 0.002, 0.003]},
        },
        "levels": [0, None, 7],
    }
    return {"eras": ["1", "2", "3"], "models": [{"name": name, **model} for name in names]}


def test_read_past__csv__is_exact_to_a_millionth(tmp_path):
    path = written(tmp_path, "round, CORR ,mmc,level,note\n1,0.0213,-0.001,,x\n2,1e-6,0,15,y\n")
    found = read_past(path, TEMPLATE)
    assert [(lane.scores, lane.level) for lane in found.lanes] == [
        ((21_300, -1_000, 0), 0),
        ((1, 0, 0), 15),
    ]
    assert found.left_out == 0


def test_read_past__rounds_without_a_score__are_left_out_and_counted(tmp_path):
    path = written(tmp_path, "corr,mmc\n0.01,0.01\n,0.01\nnan,0.01\n0.02\n")
    found = read_past(path, TEMPLATE)
    assert (len(found.lanes), found.left_out) == (1, 3)


def test_read_past__diagnostics__takes_scores_and_levels(tmp_path):
    for shape in (diagnostics("m"), {"assay": 1, "ok": True, "result": diagnostics("m")}):
        found = read_past(written(tmp_path, json.dumps(shape)), TEMPLATE)
        assert [(lane.scores, lane.level) for lane in found.lanes] == [
            ((10_000, 1_000, 0), 0),
            ((-20_000, 3_000, 0), 7),
        ]
        assert found.left_out == 1


def test_read_past__several_models__one_must_be_named(tmp_path):
    path = written(tmp_path, json.dumps(diagnostics("a", "b")))
    with pytest.raises(InputError, match="about 2 models"):
        read_past(path, TEMPLATE)
    assert len(read_past(path, TEMPLATE, "b").lanes) == 2
    with pytest.raises(InputError, match="prints about c"):
        read_past(path, TEMPLATE, "c")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("round,corr\n1,0.1\n", "no column mmc"),
        ("corr,mmc\n1.5,0\n", "not from -1 to 1"),
        ("corr,mmc\nmuch,0\n", "is no number"),
        ("corr,mmc\ninf,0\n", "not from -1 to 1"),
        ("corr,mmc,level\n0,0,16\n", "not from 0 to 15"),
        ("corr,mmc,level\n0,0,1.5\n", "no whole number"),
        ("corr,mmc\n", "no round has all of corr, mmc"),
        ("", "no round has all"),
        ('{"eras": 1}', "not what `assay diagnostics --json` prints"),
        ("{", "not what `assay diagnostics --json` prints"),
    ],
)
def test_read_past__other_content__says_what_is_wrong(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        read_past(written(tmp_path, text), TEMPLATE)


def test_read_past__no_text_file__says_so(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_past(tmp_path / "none", TEMPLATE)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        read_past(binary, TEMPLATE)


def test_score_names__only_what_pays__is_named():
    assert score_names(TEMPLATE) == ("corr", "mmc", "")
    assert score_names(replace(TEMPLATE, multipliers=(0, 1, 1), kinds=(1, 3, 0))) == ("", "tc", "")
