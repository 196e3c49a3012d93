"""What is said of a wait: only what earlier waits show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.bridge.estimates import Estimate, remaining

_WAITS = st.lists(st.integers(0, 10_000), max_size=30)


@pytest.mark.parametrize(
    ("waits", "waited", "likely", "longest"),
    [
        ([], 0, None, None),
        ([60], 0, 60, 60),
        ([60], 59, 1, 1),
        ([60], 60, None, None),
        ([10, 20, 90], 0, 20, 90),
        ([10, 20, 90], 15, 40, 75),
        ([10, 20, 90], 90, None, None),
    ],
    ids=str,
)
def test_remaining__waits__those_that_took_longer_count(
    waits: list[int], waited: int, likely: int | None, longest: int | None
) -> None:
    assert remaining(waits, waited) == Estimate(likely, longest, len(waits))


@given(_WAITS, st.integers(0, 10_000))
def test_remaining__any__within_what_was_seen(waits: list[int], waited: int) -> None:
    found = remaining(waits, waited)
    if max(waits, default=0) <= waited:
        assert (found.likely, found.longest) == (None, None)
    else:
        assert found.longest == max(waits) - waited
        assert found.likely is not None
        assert 0 < found.likely <= found.longest


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(None, None, 0), "no earlier one to go by"),
        (Estimate(None, None, 8), "longer already than each of the last 8"),
        (Estimate(40, 90, 3), "about 40 s, at most 90 s, by the last 3"),
        (Estimate(1_320, 9_000, 12), "about 22 min, at most 2.5 h, by the last 12"),
    ],
    ids=str,
)
def test_text__estimate__says_what_it_rests_on(estimate: Estimate, text: str) -> None:
    assert estimate.text() == text
