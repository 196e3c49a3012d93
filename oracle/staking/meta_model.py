"""Rows of a round's meta model with the hashes that lead to the root in the operators' commit."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from oracle.errors import DifferenceError, InputError, RefusedError, UnreachableError
from oracle.evaluation.published import published_meta
from oracle.ledger.folders import Folders
from oracle.records.rows import RoundRow
from oracle.settlement.merkle import EMPTY_ROOT, leaf, proof, tree
from oracle.store.artefacts import ArtefactError

_REMEMBERED = 16
"""Rounds whose trees are kept in memory, a megabyte or two each."""


@dataclass(frozen=True, slots=True)
class MetaRow:
    """``value`` at 10^-9; ``path`` are siblings from the leaf to the root."""

    id: str
    value: int
    leaf: bytes
    path: tuple[bytes, ...]
    root: bytes


@dataclass(frozen=True, slots=True)
class _Tree:
    values: dict[str, int]
    nodes: list[bytes]


class MetaModels:
    """Of one tournament. Safe for threads: one at a time builds a tree."""

    def __init__(self, folders: Folders) -> None:
        self._folders, self._lock = folders, threading.Lock()
        self._trees: OrderedDict[bytes, _Tree] = OrderedDict()

    def row(self, announced: RoundRow, row_id: str) -> MetaRow:
        """Raises ``RefusedError`` for a round without a committed result, ``InputError`` for an id
        that its meta model does not have."""
        if announced.manifest is None or announced.meta_root is None:
            raise RefusedError(f"round {announced.number} has no committed result")
        with self._lock:
            found = self._tree(announced.number, announced.manifest, announced.meta_root)
        if row_id not in found.values:
            raise InputError(
                f"the meta model of round {announced.number} has no row {row_id[:64]!a}"
            )
        value = found.values[row_id]
        member = leaf(announced.number, row_id, value)
        path = tuple(proof(found.nodes, member))
        return MetaRow(row_id, value, member, path, announced.meta_root)

    def _tree(self, number: int, manifest: bytes, root: bytes) -> _Tree:
        if manifest not in self._trees:
            try:
                rows = published_meta(self._folders.bring(number, manifest).read)
            except ArtefactError as error:
                raise UnreachableError(f"round {number}: {error}") from None
            nodes = tree(leaf(number, row_id, value) for row_id, value in rows)
            if (nodes[0] if nodes else EMPTY_ROOT) != root:
                raise DifferenceError(f"the meta model of round {number} is not the committed one")
            self._trees[manifest] = _Tree(dict(rows), nodes)
            while len(self._trees) > _REMEMBERED:
                self._trees.popitem(last=False)
        self._trees.move_to_end(manifest)
        return self._trees[manifest]
