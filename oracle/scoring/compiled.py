"""Compiled kernels: loops whose operations keep the order in which they are written.

The scores must be the same bytes everywhere, so a kernel is compiled without fast math: nothing is
reassociated, no product is fused with a sum, and wide registers only work on independent
elements. Floating-point kernels may use + - * / and square roots, all of which IEEE 754 rounds
correctly; integer kernels say why nothing overflows. A kernel runs on one thread and lets others
run: parallel work is cut into blocks outside.

Compiled code is kept on disk, looked up by the kernel's own file and its arguments. So what a
kernel takes from another module is the default of an argument.
"""

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

KERNELS: Final[list[Any]] = []
"""All compiled functions of the rooms that were imported, for the tests that read their code."""


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile ``function`` on its first call for each set of argument types, and keep the code."""
    compiled = numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy")(function)
    KERNELS.append(compiled)
    return cast(Callable[P, R], compiled)
