"""The path from a model's score word to the committed link."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.settlement.batches import Batch, chain, cut
from oracle.settlement.settled import BatchPath, settled_model
from oracle.settlement.words import ScoreLane, score_words

LANES = st.dictionaries(
    st.integers(0, 900),
    st.builds(
        ScoreLane,
        st.tuples(*[st.integers(-524_287, 524_287)] * 3),
        st.integers(0, 15),
    ),
    max_size=12,
)


@given(lanes=LANES)
def test_settled_model__any_round__finds_each_lane_and_its_path_leads_to_the_head(
    lanes: dict[int, ScoreLane],
) -> None:
    batches = cut(score_words(lanes, 226))
    head = chain(batches)[0]
    for model, lane in lanes.items():
        found = settled_model(batches, model)
        assert found.lane == lane
        assert found.model == 4 * found.index + found.position
        if found.path is None:
            assert lane == ScoreLane()
        else:
            assert found.path.head() == head


@given(lanes=LANES.filter(bool), model=st.integers(0, 903))
def test_settled_model__not_scored__has_no_scores(lanes: dict[int, ScoreLane], model: int) -> None:
    batches = cut(score_words(lanes, 226))
    if model not in lanes:
        assert settled_model(batches, model).lane == ScoreLane()


def _path() -> tuple[BatchPath, bytes]:
    batches = [Batch(0, (5,)), Batch(70, (6, 7)), Batch(200, (8,))]
    path = settled_model(batches, 281).path
    assert path is not None
    return path, chain(batches)[0]


@pytest.mark.parametrize(
    "change",
    [
        {"batch": Batch(70, (6, 8))},
        {"batch": Batch(71, (6, 7))},
        {"following": bytes(32)},
        {"earlier": ()},
    ],
    ids=["a word", "the start", "the next link", "a batch before it"],
)
def test_path__anything_changed__leads_elsewhere(change: dict[str, object]) -> None:
    path, head = _path()
    assert path.head() == head
    assert dataclasses.replace(path, **change).head() != head  # type: ignore[arg-type]
