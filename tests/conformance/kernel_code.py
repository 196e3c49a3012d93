"""Prints the fused multiply-adds in the machine code of every scoring kernel, as JSON.

Computes all scores once, so that every kernel is compiled for the types it is used with. The entry
``control`` is a loop that is allowed to fuse.
"""

import json
import re

import numba
import numpy as np
import score_digests

from oracle.scoring.compiled import KERNELS

FUSED = re.compile(r"\bv?fn?m(?:add|sub)\w*|\bfmla\b|\bfmls\b")


def fused(dispatcher) -> list[str]:
    assert dispatcher.signatures, f"{dispatcher.__name__} was not used"
    return sorted(
        {found for text in dispatcher.inspect_asm().values() for found in FUSED.findall(text)}
    )


@numba.njit(fastmath=True)
def control(a, b, c):
    for i in range(a.size):
        c[i] = a[i] * b[i] + c[i]


def main() -> None:
    score_digests.all_digests()
    control(*np.ones((3, 64)))
    found = {dispatcher.__name__: fused(dispatcher) for dispatcher in KERNELS}
    print(json.dumps(found | {"control": fused(control)}, indent=1))


if __name__ == "__main__":
    main()
