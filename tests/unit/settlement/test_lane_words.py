"""Lanes, queue records and score words: every value comes back, every bound holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from settlement_strategies import amounts, edged, score_lanes, scores

from oracle.settlement.units import MAX_AMOUNT, MAX_LEVEL, MAX_MODELS, MAX_SCORE
from oracle.settlement.words import (
    Lane,
    QueueRecord,
    ScoreLane,
    decode_lane,
    decode_record,
    decode_score_lane,
    encode_lane,
    encode_record,
    encode_score_lane,
    join_word,
    score_words,
    split_word,
)

lanes = st.builds(Lane, amounts, st.booleans())
records = st.builds(
    QueueRecord,
    amounts,
    amounts,
    st.integers(0, 2),
    st.one_of(st.none(), edged(0, MAX_MODELS - 1)),
)


@given(st.lists(edged(0, 2**64 - 1), min_size=4, max_size=4))
def test_join_word__any_lanes__split_gives_them_back(parts: list[int]) -> None:
    word = join_word(parts)
    assert word == sum(part << 64 * i for i, part in enumerate(parts))
    assert list(split_word(word)) == parts


@pytest.mark.parametrize("parts", [[-1], [2**64], [0, 0, 0, 2**64], [0] * 5, [1, 2, 3, 4, 5]])
def test_join_word__outside__refused(parts: list[int]) -> None:
    with pytest.raises(ValueError, match="lane"):
        join_word(parts)


@pytest.mark.parametrize("word", [-1, 2**256])
def test_split_word__outside__refused(word: int) -> None:
    with pytest.raises(ValueError, match="word"):
        split_word(word)


@given(lanes)
def test_encode_lane__any__round_trip(lane: Lane) -> None:
    bits = encode_lane(lane)
    assert bits == lane.stake + (2**63 if lane.take_profit else 0)
    assert decode_lane(bits) == lane


@given(records)
def test_encode_record__any__round_trip(record: QueueRecord) -> None:
    word = encode_record(record)
    following = 0 if record.next_model is None else record.next_model + 1
    expected = record.deposit + record.release * 2**56 + record.mode * 2**112 + following * 2**114
    assert word == expected < 2**135
    assert decode_record(word) == record


@pytest.mark.parametrize("stake", [-1, MAX_AMOUNT + 1])
def test_encode_lane__outside__refused(stake: int) -> None:
    with pytest.raises(ValueError, match=r"stake .* is outside"):
        encode_lane(Lane(stake))


@pytest.mark.parametrize(
    ("record", "named"),
    [
        (QueueRecord(deposit=-1), "deposit"),
        (QueueRecord(deposit=MAX_AMOUNT + 1), "deposit"),
        (QueueRecord(release=-1), "release"),
        (QueueRecord(release=MAX_AMOUNT + 1), "release"),
        (QueueRecord(mode=3), "mode"),
        (QueueRecord(mode=-1), "mode"),
        (QueueRecord(next_model=MAX_MODELS), "next"),
        (QueueRecord(next_model=-1), "next"),
    ],
)
def test_encode_record__outside__refused(record: QueueRecord, named: str) -> None:
    with pytest.raises(ValueError, match=rf"{named} .* is outside"):
        encode_record(record)


@pytest.mark.parametrize("bits", [-1, 2**64])
def test_decode__no_lane__refused(bits: int) -> None:
    for decode in (decode_lane, decode_score_lane):
        with pytest.raises(ValueError, match="lane"):
            decode(bits)


@pytest.mark.parametrize("word", [-1, 2**135])
def test_decode_record__no_record__refused(word: int) -> None:
    with pytest.raises(ValueError, match="record"):
        decode_record(word)


@given(score_lanes)
def test_encode_score_lane__any__round_trip(lane: ScoreLane) -> None:
    bits = encode_score_lane(lane)
    assert 0 <= bits < 2**64
    assert decode_score_lane(bits) == lane


@given(scores, st.integers(0, 2))
def test_encode_score_lane__one_score__is_the_biased_value_xor_the_bias(
    score: int, place: int
) -> None:
    parts = [0, 0, 0]
    parts[place] = score
    field = encode_score_lane(ScoreLane((parts[0], parts[1], parts[2]))) >> (20 * place)
    assert field == (score + 2**19) ^ 2**19  # the pool XORs the bias away again
    assert field == score % 2**20  # which is two's complement


def test_encode_score_lane__null__is_zero() -> None:
    assert encode_score_lane(ScoreLane()) == 0
    assert decode_score_lane(0) == ScoreLane()


def test_decode_score_lane__lowest_field__is_minus_two_to_the_19() -> None:
    """No encoder writes it; the pool reads it so, and so must the reference model."""
    assert decode_score_lane(1 << 19).scores == (-(2**19), 0, 0)


@pytest.mark.parametrize("score", [MAX_SCORE + 1, -MAX_SCORE - 1])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_encode_score_lane__beyond_the_range__refused(score: int, place: int) -> None:
    parts = [0, 0, 0]
    parts[place] = score
    with pytest.raises(ValueError, match=rf"score {score} is outside"):
        encode_score_lane(ScoreLane((parts[0], parts[1], parts[2])))


@pytest.mark.parametrize("level", [-1, MAX_LEVEL + 1])
def test_encode_score_lane__level_outside__refused(level: int) -> None:
    with pytest.raises(ValueError, match="hardening level"):
        encode_score_lane(ScoreLane((0, 0, 0), level))


@given(st.integers(0, 9), st.data())
def test_score_words__any_models__each_in_its_place(words: int, data: st.DataObject) -> None:
    models = st.integers(0, 4 * words - 1) if words else st.nothing()
    given_lanes = data.draw(st.dictionaries(models, score_lanes)) if words else {}
    found = {
        4 * index + place: decode_score_lane(bits)
        for index, word in enumerate(score_words(given_lanes, words))
        for place, bits in enumerate(split_word(word))
    }
    assert found == {m: given_lanes.get(m, ScoreLane()) for m in range(4 * words)}


@pytest.mark.parametrize("model", [-1, 8, MAX_MODELS])
def test_score_words__model_outside__refused(model: int) -> None:
    with pytest.raises(ValueError, match=rf"model {model} lies outside the round's 2 words"):
        score_words({model: ScoreLane()}, 2)
