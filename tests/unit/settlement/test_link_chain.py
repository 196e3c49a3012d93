"""The hash chain over batches, against an independent implementation."""

from dataclasses import replace

from Crypto.Hash import keccak
from hypothesis import assume, given
from hypothesis import strategies as st
from settlement_strategies import edged

from oracle.settlement.batches import END, Batch, chain, cut, link

words = edged(0, 2**256 - 1)
batches = st.builds(Batch, edged(0, 2**18 - 1), st.lists(words, max_size=5).map(tuple))
batch_lists = st.lists(batches, min_size=1, max_size=4)


def _keccak(raw: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=raw).digest()


def _uint(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _head(parts: list[Batch]) -> bytes:
    """docs/formats.md, section 4, in its own words; ``abi.encode`` of one array by hand."""
    if not parts:
        return bytes(32)
    first, *rest = parts
    encoded = _uint(32) + _uint(len(first.words)) + b"".join(map(_uint, first.words))
    return _keccak(_head(rest) + _uint(first.start) + _keccak(encoded))


@given(batch_lists)
def test_chain__any_batches__each_link_is_the_head_of_the_rest(parts: list[Batch]) -> None:
    assert chain(parts) == [_head(parts[i:]) for i in range(len(parts))]


@given(batch_lists)
def test_link__walked_forward__ends_at_zero(parts: list[Batch]) -> None:
    """As the pool walks it: a batch is admitted if it and the next link hash to the cursor."""
    links = [*chain(parts), END]
    for batch, cursor, following in zip(parts, links, links[1:], strict=False):
        assert link(batch, following) == cursor


@given(batch_lists, st.data())
def test_chain__one_word_changed__another_head(parts: list[Batch], data: st.DataObject) -> None:
    places = [(b, w) for b, batch in enumerate(parts) for w in range(len(batch.words))]
    assume(places)
    which, place = data.draw(st.sampled_from(places))
    changed = list(parts[which].words)
    changed[place] ^= 1 << data.draw(st.integers(0, 255))
    altered = [*parts[:which], Batch(parts[which].start, tuple(changed)), *parts[which + 1 :]]
    assert chain(altered)[0] != chain(parts)[0]


@given(batch_lists, st.data())
def test_chain__one_start_changed__another_head(parts: list[Batch], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(parts) - 1))
    moved = replace(parts[which], start=parts[which].start ^ 1 << data.draw(st.integers(0, 17)))
    altered = [*parts[:which], moved, *parts[which + 1 :]]
    assert chain(altered)[0] != chain(parts)[0]


@given(batch_lists, st.data())
def test_chain__other_order__another_head(parts: list[Batch], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(parts))
    assume(shuffled != parts)
    assert chain(shuffled)[0] != chain(parts)[0]


@given(batch_lists, batches)
def test_chain__batch_added_or_left_out__another_head(parts: list[Batch], extra: Batch) -> None:
    heads = {chain(parts)[0], chain([*parts, extra])[0], chain([extra, *parts])[0]}
    assert len(heads) == 3 or [*parts, extra] == [extra, *parts]


def test_chain__zero_word_appended__another_head() -> None:
    """One content has one encoding: a trailing zero word is not the same batch."""
    assert chain([Batch(0, (1,))]) != chain([Batch(0, (1, 0))])


def test_chain__round_without_scores__is_the_empty_batch() -> None:
    assert chain(cut([0] * 7)) == [_keccak(bytes(64) + _keccak(_uint(32) + _uint(0)))]
