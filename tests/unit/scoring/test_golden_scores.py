"""Agreement with numerai-tools, and with our own integers on every CPU and NumPy."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import score_digests
from score_digests import golden_cases, score_case

from oracle.scoring.limits import SCALE

ROOT = Path(__file__).resolve().parents[3]
CASES = golden_cases()
REFERENCES = {
    "corr": "numerai_corr",
    "mmc": "correlation_contribution",
    "meta_values": "meta_model",
}


def test_golden_cases__committed__all_there():
    assert len(CASES) >= 10
    assert set(CASES) < set(json.loads(score_digests.DIGESTS.read_text()))


@pytest.mark.parametrize("name", CASES)
def test_score_round__golden_case__agrees_with_numerai_tools(name):
    scores = score_case(CASES[name])
    assert scores.meta_status == "ok"
    for ours, theirs in REFERENCES.items():
        difference = np.abs(getattr(scores, ours) / SCALE - np.array(CASES[name][theirs]))
        assert difference.max() <= 1e-8


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Nehalem"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX"},
    ],
    ids=["plain", "one thread", "old BLAS core", "no wide SIMD"],
)
def test_score_digests__any_machine_settings__equal_the_committed_ones(environment):
    # NumPy warns of features that the machine or the build lacks: there is nothing to disable.
    result = subprocess.run(
        [sys.executable, "-W", "ignore", score_digests.__file__],
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == json.loads(score_digests.DIGESTS.read_text())
