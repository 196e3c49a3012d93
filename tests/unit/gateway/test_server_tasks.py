"""Tasks beside the requests: at their pace, each by itself, until they are stopped."""

import threading

from oracle.errors import InputError
from oracle.gateway.health import Health
from oracle.gateway.tasks import Outcome, Runner, Task


def test_runner__one_task_fails_for_ever__the_other_goes_on_and_both_are_told() -> None:
    done, told = threading.Semaphore(0), []
    seen = threading.Event()

    def fails() -> None:
        raise InputError("no")

    def ended(outcome: Outcome) -> None:
        told.append((outcome.name, outcome.error))
        if ("bad", "InputError") in told and ("good", "") in told:
            seen.set()

    tasks = [Task("good", 0.01, done.release), Task("bad", 0.01, fails)]
    runner = Runner(tasks, ended)
    runner.start()
    assert all(done.acquire(timeout=30) for _ in range(3))
    assert seen.wait(30)
    runner.stop()
    count = len(told)
    assert not [thread for thread in threading.enumerate() if thread.name in {"good", "bad"}]
    assert len(told) == count


def test_runner__stopped_before_it_began__does_nothing() -> None:
    runner = Runner([Task("never", 1.0, lambda: 1 / 0)], lambda _: None)
    runner.stop()


def test_runner__bug_in_a_task__told_by_its_class_alone() -> None:
    def breaks() -> None:
        raise ValueError("a secret")

    told: list[Outcome] = []
    runner = Runner([], told.append)
    assert runner.once(Task("task", 1.0, breaks)) == "ValueError"
    [outcome] = told
    assert (outcome.name, outcome.error) == ("task", "ValueError")


def test_health__task_silent_for_too_long__stalled_until_it_ends() -> None:
    now = [0.0]
    health = Health(stall=10.0, clock=lambda: now[0])
    health.watch([Task("slow", 1.0, lambda: None), Task("quick", 1.0, lambda: None)])
    now[0] = 11.0
    health.ended(Outcome("quick", 0.1, ""))
    assert health.stalled() == ["slow"]
    assert health.lacks() == ["slow has not ended for 10 s"]
    health.ended(Outcome("slow", 11.0, ""))
    assert health.stalled() == []


def test_health__needed_task__not_ready_before_its_first_success_and_after_a_failure() -> None:
    health = Health()
    health.watch([Task("needed", 1.0, lambda: None, needed=True), Task("other", 1.0, lambda: None)])
    assert health.lacks() == ["needed has not been done yet"]
    health.ended(Outcome("other", 0.1, "ValueError"))
    health.ended(Outcome("needed", 0.1, "ValueError"))
    assert health.lacks() == ["needed has not been done yet"]
    health.ended(Outcome("needed", 0.1, ""))
    assert health.lacks() == []
    health.ended(Outcome("needed", 0.1, "ValueError"))
    assert health.lacks() == ["needed failed (ValueError); see the log"]
