"""What a query may ask for. Fragments and aliases make a short text a large one, so what it comes
to is counted before anything looks at it in full."""

from collections.abc import Callable, Iterator
from typing import cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import (
    MaxAliasesLimiter,
    MaxTokensLimiter,
    QueryDepthLimiter,
    SchemaExtension,
)

from oracle.errors import InputError

MAX_BODY = 2**17
"""Bytes of a request; the longest that clients send has about 6,000."""
MAX_TOKENS = 1_500
MAX_ALIASES = 16
MAX_DEPTH = 15
"""The introspection of common tools is 13 deep."""
MAX_FIELDS = 800
"""Fields that are asked for once all fragments are written out."""
MAX_PAGE = 10_000
"""Rows that one field answers with, where the client says how many."""


class FieldLimiter(SchemaExtension):
    """Refuses a query of more than ``MAX_FIELDS`` fields. It comes before all other rules: some of
    these walk through every fragment as often as it is used."""

    def on_validate(self) -> Iterator[None]:
        document = self.execution_context.graphql_document
        if document is not None:
            try:
                _check(document)
            except GraphQLError as error:
                self.execution_context.pre_execution_errors = [error]
        yield


def _check(document: DocumentNode) -> None:
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    count = _Count(fragments)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            count.of(node.selection_set)


class _Count:
    """Counts fields with each fragment written out where it is used, looking into each once."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, int] = {}
        self._within: set[str] = set()

    def of(self, selection: SelectionSetNode | None) -> int:
        total = 0
        for node in selection.selections if selection else ():
            if isinstance(node, FragmentSpreadNode):
                total += self._fragment(node.name.value)
            else:
                inner = cast(FieldNode | InlineFragmentNode, node).selection_set
                total += isinstance(node, FieldNode) + self.of(inner)
            if total > MAX_FIELDS:
                raise GraphQLError(f"the query asks for more than {MAX_FIELDS} fields")
        return total

    def _fragment(self, name: str) -> int:
        if name in self._within:
            raise GraphQLError(f"fragment {name!r} contains itself")
        if name not in self._known:
            fragment = self._fragments.get(name)
            self._within.add(name)
            self._known[name] = self.of(fragment.selection_set) if fragment else 0
            self._within.discard(name)
        return self._known[name]


def extensions() -> list[Callable[[], SchemaExtension]]:
    return [
        FieldLimiter,
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        lambda: QueryDepthLimiter(max_depth=MAX_DEPTH),
    ]


def page(limit: int | None, offset: int | None, usual: int = 50) -> tuple[int, int]:
    """Rows to answer with and to leave out. Raises ``InputError`` for fewer than none or for more
    than a page may have."""
    wanted, left_out = usual if limit is None else limit, offset or 0
    if not 0 <= wanted <= MAX_PAGE or left_out < 0:
        raise InputError(
            f"limit {wanted}, offset {left_out}: no page has these rows",
            f"ask for at most {MAX_PAGE} rows at a time",
        )
    return wanted, left_out
