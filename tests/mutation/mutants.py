"""Mutants of Vyper contracts: each takes one assertion or one comparison's boundary away.

Sources are read token by token, because Vyper's words and literals are also Python's tokens, and
an assertion may span lines. Offsets count characters from the file's start.
"""

import io
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ASSERTION, BOUNDARY = "assert", "boundary"
KINDS = (ASSERTION, BOUNDARY)

_FLIPPED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file: its characters from ``start`` to ``end`` become ``replacement``.

    ``reason`` is the text that the assertion reverts with, empty without one; ``original`` is the
    statement's or comparison's line as it was, in one line.
    """

    file: str
    line: int
    kind: str
    reason: str
    original: str
    start: int
    end: int
    replacement: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.replacement + source[self.end :]


def mutants(file: str, source: str, kinds: Sequence[str] = KINDS) -> list[Mutant]:
    """All mutants of a file's source, in its order."""
    found = [
        mutant
        for statement in _statements(source)
        for mutant in _of_statement(file, source, statement)
        if mutant.kind in kinds
    ]
    return sorted(found, key=lambda mutant: (mutant.start, mutant.kind))


def _of_statement(file: str, source: str, tokens: list[tokenize.TokenInfo]) -> Iterator[Mutant]:
    offsets = _line_offsets(source)

    def at(position: tuple[int, int]) -> int:
        return offsets[position[0] - 1] + position[1]

    reason = ""
    if tokens[0].string == "assert":
        comma = _top_level_comma(tokens)
        condition = tokens[1:comma]
        reason = "".join(t.string[1:-1] for t in tokens[comma:] if t.type == tokenize.STRING)
        start, end = at(condition[0].start), at(condition[-1].end)
        text = source[start:end]
        # The condition still runs: what it calls, it calls; only its answer does not count.
        yield Mutant(
            file=file,
            line=tokens[0].start[0],
            kind=ASSERTION,
            reason=reason,
            original=_one_line(source[at(tokens[0].start) : at(tokens[-1].end)]),
            start=start,
            end=end,
            replacement=f"({text}) or True",
        )
    for token in tokens:
        if token.type == tokenize.OP and token.string in _FLIPPED:
            yield Mutant(
                file=file,
                line=token.start[0],
                kind=BOUNDARY,
                reason=reason,
                original=_one_line(token.line),
                start=at(token.start),
                end=at(token.end),
                replacement=_FLIPPED[token.string],
            )


def _statements(source: str) -> Iterator[list[tokenize.TokenInfo]]:
    """The tokens of each logical line, without comments and layout."""
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if statement:
                yield statement
            statement = []
        elif token.type not in layout:
            statement.append(token)


def _top_level_comma(tokens: list[tokenize.TokenInfo]) -> int:
    """Index of the first comma outside all brackets, or of the end."""
    depth = 0
    for index, token in enumerate(tokens):
        if token.type != tokenize.OP:
            continue
        if token.string in _OPENING:
            depth += 1
        elif token.string in _CLOSING:
            depth -= 1
        elif token.string == "," and depth == 0:
            return index
    return len(tokens)


def _line_offsets(source: str) -> list[int]:
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    return offsets


def _one_line(text: str) -> str:
    return " ".join(text.split())
