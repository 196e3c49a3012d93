"""Many are asked at once: whoever stays silent keeps nobody waiting, and not many threads."""

import threading

import pytest

from oracle.errors import RefusedError, UnreachableError
from oracle.operator.asking import AtWork, Patience, ask_all


@pytest.fixture
def ended():
    """Lets go of what still waits."""
    event = threading.Event()
    yield event
    event.set()


def test_ask_all__enough_answered_and_one_is_silent__the_others_answers_and_its_fault(
    ended: threading.Event,
) -> None:
    def ask(url: str) -> str:
        if url == "silent":
            ended.wait()
        if url == "no":
            raise RefusedError("no")
        return url.upper()

    urls = ["silent", "b", "no", "a"]
    answers, failures = ask_all(urls, ask, Patience(2, 0.2), AtWork(8))
    assert list(answers.items()) == [("b", "B"), ("a", "A")]
    assert list(failures) == ["silent", "no"]
    assert isinstance(failures["silent"], UnreachableError)
    assert not ended.is_set()


def test_ask_all__not_enough_yet__the_slow_one_is_waited_for(ended: threading.Event) -> None:
    def ask(url: str) -> str:
        if url == "slow":
            ended.wait()
        else:
            threading.Timer(0.3, ended.set).start()
        return url

    answers, failures = ask_all(["slow", "a"], ask, Patience(2, 0.0), AtWork(8))
    assert (list(answers), failures) == (["slow", "a"], {})


def test_ask_all__one_is_silent_since_before__not_waited_for_again(ended: threading.Event) -> None:
    at_work = AtWork(8)

    def ask(url: str) -> str:
        if url == "silent":
            ended.wait()
        return url

    ask_all(["silent", "a"], ask, Patience(1, 0.1), at_work)
    patient = 10_000.0
    assert at_work.is_silent("silent", 0.1)
    assert not at_work.is_silent("a", 0.0)
    assert not at_work.is_silent("silent", patient)


def test_ask_all__as_many_wait_as_may__refused_at_once_and_asked_again_later(
    ended: threading.Event,
) -> None:
    at_work = AtWork(2)
    begun = [at_work.begin("a"), at_work.begin("a")]
    answers, failures = ask_all(["a", "b"], str.upper, at_work=at_work)
    assert answers == {"b": "B"}
    assert "left 2 requests without an answer" in failures["a"].message
    at_work.end("a", begun[0])
    assert ask_all(["a", "b"], str.upper, at_work=at_work) == ({"a": "A", "b": "B"}, {})


def test_ask_all__an_error_that_nobody_expects__raised() -> None:
    def ask(url: str) -> str:
        raise ZeroDivisionError(url)

    with pytest.raises(ZeroDivisionError):
        ask_all(["a"], ask)
