"""How much memory hangs on an object: what would grow if its owner forgot to forget."""

import gc
import sys
import types
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)


_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Owned:
    """Bytes and number of the objects that can be reached; ``by``: bytes by what holds them, the
    object's type first, then its owner's and so on."""

    size: int
    objects: int
    by: Mapping[str, int]

    def grown_since(self, before: "Owned", most: int = 8) -> list[tuple[str, int]]:
        """What took more bytes than before, the most first."""
        grown = Counter({held: size - before.by.get(held, 0) for held, size in self.by.items()})
        return [(held, size) for held, size in grown.most_common(most) if size > 0]


def owned(roots: Iterable[object], outside: tuple[type, ...]) -> Owned:
    """What ``roots`` hold on to, without code and without objects of the types ``outside``."""
    seen: set[int] = set()
    waiting: list[tuple[object, tuple[str, ...]]] = [(root, ()) for root in roots]
    by: Counter[str] = Counter()
    while waiting:
        found, owners = waiting.pop()
        if id(found) in seen or isinstance(found, (*_SHARED, *outside)):
            continue
        seen.add(id(found))
        place = (type(found).__name__, *owners[: _DEPTH - 1])
        by[" < ".join(place)] += sys.getsizeof(found)
        waiting += ((held, place) for held in gc.get_referents(found))
    return Owned(by.total(), len(seen), by)
