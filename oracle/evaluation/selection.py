"""Which submission of each model counts, and why every other one does not."""

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from oracle.evaluation.inputs import Entry
from oracle.scoring.limits import MAX_MODELS

SUPERSEDED: Final = "superseded"
UNREGISTERED: Final = "unregistered"
"""Reason to reject the submission of a model that was not there at the close block."""
FORMER_OWNER: Final = "not signed by the owner at the close"
"""Reason to reject the submission of a model that changed hands before the close."""
CROWDED_OUT: Final = "more submissions than a round can score"
"""Reason to reject a submission of less stake than as many others as can be scored."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection(Generic[T]):
    """Counted entries in order of their models, each with what is had of it; the others in order
    of (model, sequence, sha256), each with the reason."""

    accepted: list[tuple[Entry, T]]
    rejected: list[tuple[Entry, str]]


class Invalid(str):
    """Why a file is no valid submission."""


def select(
    entries: Iterable[Entry],
    owners: Container[int],
    is_owners: Collection[Entry],
    examine: Callable[[Sequence[Entry]], Iterator[T | Invalid]],
) -> Selection[T]:
    """The valid on-time entry of each model with the highest (sequence, sha256), or failing that
    the highest valid late one.

    Models that are not in ``owners`` were not registered at the close block; ``is_owners`` are the
    entries that the owner at the close block signed. ``examine`` says of each entry it is given, in
    order, what is had of it or why it is invalid; it is given no more than are needed.
    """
    queues, rejected = _queues(entries, owners, is_owners)
    accepted: dict[int, tuple[Entry, T]] = {}
    while queues:
        tried = [queues[model].pop(0) for model in sorted(queues)]
        for entry, found in zip(tried, examine(tried), strict=True):
            if isinstance(found, Invalid):
                rejected.append((entry, str(found)))
            else:
                accepted[entry.model] = (entry, found)
                rejected += [(other, SUPERSEDED) for other in queues.pop(entry.model)]
        queues = {model: queue for model, queue in queues.items() if queue}
    rejected.sort(key=lambda pair: _order(pair[0]))
    return Selection([accepted[model] for model in sorted(accepted)], rejected)


def _queues(
    entries: Iterable[Entry], owners: Container[int], is_owners: Collection[Entry]
) -> tuple[dict[int, list[Entry]], list[tuple[Entry, str]]]:
    """Each model's entries as they are to be tried, and those that need not be."""
    queues: dict[int, list[Entry]] = defaultdict(list)
    rejected: list[tuple[Entry, str]] = []
    for entry in entries:
        if entry.model not in owners:
            rejected.append((entry, UNREGISTERED))
        elif entry not in is_owners:
            rejected.append((entry, FORMER_OWNER))
        else:
            queues[entry.model].append(entry)
    for queue in queues.values():
        queue.sort(key=_preference, reverse=True)
    return dict(queues), rejected


def within(
    selection: Selection[T], stakes: Mapping[int, int], most: int = MAX_MODELS
) -> Selection[T]:
    """The selection with at most ``most`` accepted, as many as a round can score.

    Those at risk come first, by their stake: to crowd somebody out takes more stake than he has.
    """

    def precedence(pair: tuple[Entry, T]) -> tuple[int, bool, int]:
        entry, _ = pair
        return (-stakes.get(entry.model, 0) * entry.on_time, not entry.on_time, entry.model)

    ordered = sorted(selection.accepted, key=precedence)
    kept = sorted(ordered[:most], key=lambda pair: pair[0].model)
    crowded = [(entry, CROWDED_OUT) for entry, _ in ordered[most:]]
    rejected = sorted([*selection.rejected, *crowded], key=lambda pair: _order(pair[0]))
    return Selection(kept, rejected)


def _preference(entry: Entry) -> tuple[bool, int, bytes]:
    return (entry.on_time, entry.sequence, entry.sha256)


def _order(entry: Entry) -> tuple[int, int, bytes]:
    return (entry.model, entry.sequence, entry.sha256)
