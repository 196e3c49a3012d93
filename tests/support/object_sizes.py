"""How much memory hangs on an object: what would grow if its owner forgot to forget."""

import gc
import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)


@dataclass(frozen=True, slots=True)
class Owned:
    """Bytes and number of the objects that can be reached."""

    size: int
    objects: int


def owned(roots: Iterable[object], outside: tuple[type, ...]) -> Owned:
    """What ``roots`` hold on to, without code and without objects of the types ``outside``."""
    seen: set[int] = set()
    waiting = list(roots)
    size = 0
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, (*_SHARED, *outside)):
            continue
        seen.add(id(found))
        size += sys.getsizeof(found)
        waiting += gc.get_referents(found)
    return Owned(size, len(seen))
