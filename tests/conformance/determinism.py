"""Computes all paid scores under many settings of one machine and compares their digests.

    python tests/conformance/determinism.py [--python PATH ...] [--small]

Each ``--python`` is an interpreter of an environment that has what the scoring room imports; the
one that runs this file is always among them. Exits 1 if any two digests differ, or differ from the
committed ones.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIGESTS = ROOT / "tests" / "golden" / "scores" / "digests.json"
SCRIPT = Path(__file__).with_name("score_digests.py")

CORES = ("Prescott", "Haswell", "SkylakeX")
"""BLAS kernels for three generations of processors; OpenBLAS takes the best below what there is."""
NO_AVX512 = {
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+fma",
}
NO_SIMD = {
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
}
SIMD = {"as it is": {}, "no AVX-512": NO_AVX512, "no SIMD": NO_SIMD}


def settings(small: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Every value of each setting; in full, all cores with all thread counts and SIMD levels."""
    for position, core in enumerate(CORES):
        for threads in (1, 2):
            for level, (name, simd) in enumerate(SIMD.items()):
                if small and ((position + threads) % 2 or position != level):
                    continue
                environment = {
                    "OPENBLAS_CORETYPE": core,
                    "OPENBLAS_NUM_THREADS": str(threads),
                    "OMP_NUM_THREADS": str(threads),
                }
                yield f"{core}, {threads} threads, SIMD {name}", environment | simd


def digests(python: str, environment: dict[str, str]) -> dict[str, str]:
    # One folder of compiled kernels for each processor that they are compiled for.
    kind = environment.get("NUMBA_CPU_NAME", "host")
    cache = Path(tempfile.gettempdir()) / f"assay-kernels-{os.getuid()}-{kind}"
    result = subprocess.run(
        [python, "-W", "ignore", str(SCRIPT)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(cache)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SystemExit(f"{python} failed:\n{result.stderr}")
    return json.loads(result.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", nargs="+", default=[], metavar="PATH")
    parser.add_argument("--small", action="store_true", help="fewer combinations")
    options = parser.parse_args()
    committed = json.loads(DIGESTS.read_text())
    wrong = 0
    for python in [sys.executable, *options.python]:
        asked = [python, "-c", "import numpy; print(numpy.__version__)"]
        version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        for name, environment in settings(options.small):
            found = digests(python, environment)
            differ = sorted(
                key for key in committed | found if committed.get(key) != found.get(key)
            )
            wrong += bool(differ)
            outcome = f"DIFFERS in {', '.join(differ)}" if differ else f"{len(found)} digests equal"
            print(f"NumPy {version}, {name}: {outcome}", flush=True)
    print("all the same" if not wrong else f"{wrong} runs differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
