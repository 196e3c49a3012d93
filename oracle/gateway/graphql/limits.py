"""What a query may ask for. Fragments and aliases make a short text a large one, so what it comes
to is counted before anything looks at it in full."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
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
"""Rows that a query may say it wants, over all its fields."""

_DIGITS = 10


class FieldLimiter(SchemaExtension):
    """Refuses a query of more than ``MAX_FIELDS`` fields or ``MAX_PAGE`` rows. It comes before all
    other rules: some of these walk through every fragment as often as it is used."""

    def on_validate(self) -> Iterator[None]:
        document = self.execution_context.graphql_document
        if document is not None:
            try:
                _check(document, self.execution_context.variables or {})
            except GraphQLError as error:
                self.execution_context.pre_execution_errors = [error]
        yield


def _check(document: DocumentNode, variables: Mapping[str, Any]) -> None:
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    usual = {
        one.variable.name.value: one.default_value
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        for one in node.variable_definitions or ()
    }
    count = _Count(fragments, {**usual, **variables})
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode | FragmentDefinitionNode):
            count.of(node.selection_set)


class _Count:
    """Counts fields, and rows that the query says how many it wants of, with each fragment written
    out where it is used, looking into each once."""

    def __init__(
        self, fragments: dict[str, FragmentDefinitionNode], variables: Mapping[str, Any]
    ) -> None:
        self._fragments, self._variables = fragments, variables
        self._known: dict[str, tuple[int, int]] = {}
        self._within: set[str] = set()

    def of(self, selection: SelectionSetNode | None) -> tuple[int, int]:
        """Fields and rows."""
        fields = rows = 0
        for node in selection.selections if selection else ():
            if isinstance(node, FragmentSpreadNode):
                more = self._fragment(node.name.value)
            else:
                more = self.of(cast(FieldNode | InlineFragmentNode, node).selection_set)
                if isinstance(node, FieldNode):
                    more = more[0] + 1, more[1] + self._rows(node)
            fields, rows = fields + more[0], rows + more[1]
            if fields > MAX_FIELDS:
                raise GraphQLError(f"the query asks for more than {MAX_FIELDS} fields")
            if rows > MAX_PAGE:
                raise GraphQLError(f"limit: ask for at most {MAX_PAGE} rows at a time, in all")
        return fields, rows

    def _rows(self, node: FieldNode) -> int:
        """Of its ``limit``; what is no number is refused elsewhere."""
        for argument in node.arguments or ():
            if argument.name.value == "limit":
                value: Any = argument.value
                if isinstance(value, VariableNode):
                    value = self._variables.get(value.name.value)
                return _number(value)
        return 0

    def _fragment(self, name: str) -> tuple[int, int]:
        if name in self._within:
            raise GraphQLError(f"fragment {name!r} contains itself")
        if name not in self._known:
            fragment = self._fragments.get(name)
            self._within.add(name)
            self._known[name] = self.of(fragment.selection_set) if fragment else (0, 0)
            self._within.discard(name)
        return self._known[name]


def _number(value: Any) -> int:
    """Of a variable, or of what a query says itself; 0 for what is none."""
    if isinstance(value, IntValueNode):
        value = int(value.value) if len(value.value) < _DIGITS else MAX_PAGE + 1
    return max(0, value) if isinstance(value, int) else 0


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
