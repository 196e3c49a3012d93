"""Timelock: proposals that wait, are executed once or cancelled, and govern the timelock itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boa
import pytest
from assay_system import System, compiled, refused
from eth_abi import encode
from eth_utils import keccak

DAY = 24 * 3600
DELAY = 7 * DAY
LIFE = 14 * DAY
NOBODY = "0x" + "00" * 20
SALT = b"\x01" * 32
OTHER_SALT = b"\x02" * 32
TIMELOCK = "contracts/polygon/Timelock.vy"


@dataclass(frozen=True, slots=True)
class Governance:
    """A timelock with its two roles, and a contract to govern."""

    timelock: Any
    target: Any
    proposer: str
    canceller: str

    def propose(self, target: Any, call: str, *arguments: Any, salt: bytes = SALT) -> "Proposal":
        proposal = Proposal(self, target, getattr(target, call).prepare_calldata(*arguments), salt)
        proposal.propose()
        return proposal


@dataclass(frozen=True, slots=True)
class Proposal:
    """One call, as the timelock knows it."""

    governance: Governance
    target: Any
    data: bytes
    salt: bytes

    @property
    def arguments(self) -> tuple[Any, bytes, bytes]:
        return self.target, self.data, self.salt

    @property
    def id(self) -> bytes:
        return self.governance.timelock.id_of(*self.arguments)

    @property
    def ready_at(self) -> int:
        return self.governance.timelock.ready_at(self.id)

    def propose(self, sender: str | None = None) -> bytes:
        governance = self.governance
        return governance.timelock.propose(*self.arguments, sender=sender or governance.proposer)

    def execute(self, sender: str | None = None) -> None:
        self.governance.timelock.execute(*self.arguments, sender=sender or boa.env.eoa)


def warp(seconds: int) -> None:
    boa.env.timestamp += seconds


@pytest.fixture(scope="module")
def governance() -> Governance:
    proposer, canceller = (boa.env.generate_address(role) for role in ("proposer", "canceller"))
    return Governance(
        compiled(TIMELOCK).deploy(proposer, canceller, DELAY),
        compiled("tests/contracts/hostile/Governed.vy").deploy(),
        proposer,
        canceller,
    )


@pytest.fixture
def proposal(governance: Governance) -> Proposal:
    """A call that sets the target's number to 7, just proposed."""
    return governance.propose(governance.target, "set_number", 7)


# --- proposing ---


def test_propose__proposer__is_announced_with_all_it_will_do(
    governance: Governance, proposal: Proposal
) -> None:
    ready_at = boa.env.timestamp + DELAY
    (log,) = governance.timelock.get_logs()
    target = governance.target.address
    assert (log.id, log.target, log.data, log.salt, log.ready_at) == (
        proposal.id,
        target,
        proposal.data,
        SALT,
        ready_at,
    )
    assert proposal.ready_at == ready_at
    encoded = encode(["address", "bytes", "bytes32"], [target, proposal.data, SALT])
    assert proposal.id == keccak(encoded)


def test_propose__not_proposer__refused(governance: Governance, stranger: str) -> None:
    for sender in (stranger, governance.canceller, governance.timelock.address):
        with refused("timelock: not proposer"):
            governance.timelock.propose(governance.target, b"", SALT, sender=sender)


def test_propose__live__refused_until_it_has_expired(proposal: Proposal) -> None:
    first = proposal.ready_at
    for wait in (0, DELAY, LIFE):
        warp(wait)
        with refused("timelock: already proposed"):
            proposal.propose()
        assert proposal.ready_at == first
    warp(1)
    proposal.propose()
    assert proposal.ready_at == boa.env.timestamp + DELAY
    with refused("timelock: too early"):
        proposal.execute()


@pytest.mark.parametrize("end", ["cancelled", "executed"])
def test_propose__again_after_its_end__waits_again(
    governance: Governance, proposal: Proposal, end: str
) -> None:
    warp(DELAY)
    if end == "cancelled":
        governance.timelock.cancel(proposal.id, sender=governance.canceller)
    else:
        proposal.execute()
    proposal.propose()
    warp(DELAY - 1)
    with refused("timelock: too early"):
        proposal.execute()
    warp(1)
    proposal.execute()


def test_propose__same_call_with_other_salt__is_another_proposal(
    governance: Governance, proposal: Proposal
) -> None:
    warp(1)
    other = governance.propose(governance.target, "set_number", 7, salt=OTHER_SALT)
    assert other.id != proposal.id
    assert other.ready_at == proposal.ready_at + 1
    warp(DELAY - 1)
    with refused("timelock: too early"):
        other.execute()
    proposal.execute()
    warp(1)
    other.execute()


# --- executing ---


@pytest.mark.parametrize(
    ("wait", "reason"),
    [
        (DELAY - 1, "timelock: too early"),
        (DELAY, None),
        (DELAY + LIFE, None),
        (DELAY + LIFE + 1, "timelock: expired"),
    ],
)
def test_execute__by_the_second__from_ready_at_for_fourteen_days(
    governance: Governance, proposal: Proposal, stranger: str, wait: int, reason: str | None
) -> None:
    warp(wait)
    if reason is not None:
        with refused(reason):
            proposal.execute()
        assert governance.target.number() == 0
        return
    proposal.execute(sender=stranger)
    (log,) = governance.timelock.get_logs()
    assert log.id == proposal.id
    assert governance.target.number() == 7
    assert governance.target.caller() == governance.timelock.address


def test_execute__second_time__refused(proposal: Proposal) -> None:
    warp(DELAY)
    proposal.execute()
    assert proposal.ready_at == 0
    with refused("timelock: not proposed"):
        proposal.execute()


@pytest.mark.parametrize("changed", ["target", "data", "salt"])
def test_execute__not_as_proposed__refused(
    governance: Governance, proposal: Proposal, changed: str
) -> None:
    warp(DELAY)
    target, data, salt = proposal.arguments
    altered = {
        "target": (governance.timelock, data, salt),
        "data": (target, data[:-1] + b"\x08", salt),
        "salt": (target, data, OTHER_SALT),
    }[changed]
    with refused("timelock: not proposed"):
        governance.timelock.execute(*altered)


def test_execute__target_fails__answers_its_reason_and_can_be_tried_again(
    governance: Governance, proposal: Proposal
) -> None:
    governance.target.set_broken(True)
    warp(DELAY)
    ready_at, timelock = proposal.ready_at, governance.timelock
    data = timelock.execute.prepare_calldata(*proposal.arguments)
    failed = boa.env.execute_code(to_address=timelock.address, data=data)
    assert failed.is_error
    assert failed.output == keccak(text="Error(string)")[:4] + encode(
        ["string"], ["governed: broken"]
    )
    assert proposal.ready_at == ready_at
    governance.target.set_broken(False)
    proposal.execute()
    assert governance.target.number() == 7


def test_execute__no_code_at_the_target__refused_and_it_can_be_tried_again(
    governance: Governance, stranger: str
) -> None:
    governance.timelock.propose(stranger, b"\x01", SALT, sender=governance.proposer)
    warp(DELAY)
    with refused("timelock: no code"):
        governance.timelock.execute(stranger, b"\x01", SALT)
    boa.env.set_code(stranger, b"\x00")
    governance.timelock.execute(stranger, b"\x01", SALT)


def test_execute__longest_data__arrives_whole(governance: Governance) -> None:
    proposal = Proposal(governance, governance.target, b"\x07" * 8192, SALT)
    proposal.propose()
    warp(DELAY)
    proposal.execute()
    assert governance.target.number() == 8192


def test_execute__target_executes_itself_again__runs_once(governance: Governance) -> None:
    proposal = governance.propose(governance.target, "call_back")
    again = governance.timelock.execute.prepare_calldata(*proposal.arguments)
    governance.target.remember(again)
    warp(DELAY)
    proposal.execute()
    assert (governance.target.attempts(), governance.target.successes()) == (1, 0)
    with refused("timelock: not proposed"):
        proposal.execute()


@pytest.mark.parametrize("call", ["execute", "cancel", "propose"])
def test_execute__target_enters_for_another_proposal__is_locked_out(
    governance: Governance, proposal: Proposal, call: str
) -> None:
    """The target holds both roles here, so that nothing but the lock refuses it."""
    timelock = governance.timelock
    entering = governance.propose(governance.target, "call_back")
    for setter in ("set_proposer", "set_canceller"):
        governance.propose(timelock, setter, governance.target.address)
    warp(DELAY)
    for setter in ("set_proposer", "set_canceller"):
        data = getattr(timelock, setter).prepare_calldata(governance.target.address)
        timelock.execute(timelock, data, SALT)
    arguments = {
        "execute": proposal.arguments,
        "cancel": (proposal.id,),
        "propose": (governance.target.address, b"", OTHER_SALT),
    }[call]
    governance.target.remember(getattr(timelock, call).prepare_calldata(*arguments))
    entering.execute()
    assert (governance.target.attempts(), governance.target.successes()) == (1, 0)
    assert governance.target.number() == 0
    proposal.execute()


def test_execute__governor_of_an_oracle__changes_it_only_after_the_delay(
    governance: Governance, make_system: Callable[..., System], stranger: str
) -> None:
    oracle = make_system(governor=governance.timelock.address).oracle
    with refused("oracle: not governor"):
        oracle.set_announcer(stranger, sender=governance.proposer)
    proposal = governance.propose(oracle, "set_announcer", stranger)
    warp(DELAY)
    assert oracle.announcer() != stranger
    proposal.execute()
    assert oracle.announcer() == stranger


# --- cancelling ---


@pytest.mark.parametrize("role", ["proposer", "canceller"])
@pytest.mark.parametrize("wait", [0, DELAY, DELAY + LIFE + 1])
def test_cancel__either_role__at_any_time(
    governance: Governance, proposal: Proposal, role: str, wait: int
) -> None:
    warp(wait)
    governance.timelock.cancel(proposal.id, sender=getattr(governance, role))
    (log,) = governance.timelock.get_logs()
    assert log.id == proposal.id
    assert proposal.ready_at == 0
    warp(DELAY)
    with refused("timelock: not proposed"):
        proposal.execute()


def test_cancel__neither_role__refused(
    governance: Governance, proposal: Proposal, stranger: str
) -> None:
    for sender in (stranger, governance.timelock.address):
        with refused("timelock: not canceller"):
            governance.timelock.cancel(proposal.id, sender=sender)


@pytest.mark.parametrize("state", ["unknown", "cancelled", "executed"])
def test_cancel__nothing_to_cancel__refused(
    governance: Governance, proposal: Proposal, state: str
) -> None:
    warp(DELAY)
    if state == "cancelled":
        governance.timelock.cancel(proposal.id, sender=governance.proposer)
    elif state == "executed":
        proposal.execute()
    wanted = bytes(32) if state == "unknown" else proposal.id
    with refused("timelock: not proposed"):
        governance.timelock.cancel(wanted, sender=governance.proposer)


# --- the timelock governs itself ---


@pytest.mark.parametrize("role", ["proposer", "canceller"])
def test_set_role__by_proposal__replaces_the_account(
    governance: Governance, stranger: str, role: str
) -> None:
    timelock = governance.timelock
    change = governance.propose(timelock, f"set_{role}", stranger)
    victim = governance.propose(governance.target, "set_number", 9)
    warp(DELAY)
    change.execute()
    (log,) = [log for log in timelock.get_logs() if hasattr(log, role)]
    assert getattr(log, role) == stranger
    assert getattr(timelock, role)() == stranger
    former = getattr(governance, role)
    with refused("timelock: not canceller"):
        timelock.cancel(victim.id, sender=former)
    if role == "proposer":
        with refused("timelock: not proposer"):
            timelock.propose(governance.target, b"", SALT, sender=former)
        timelock.propose(governance.target, b"", SALT, sender=stranger)
    timelock.cancel(victim.id, sender=stranger)


@pytest.mark.parametrize("role", ["proposer", "canceller"])
def test_set_role__called_by_anybody__refused(
    governance: Governance, stranger: str, role: str
) -> None:
    for sender in (stranger, governance.proposer, governance.canceller):
        with refused("timelock: only by proposal"):
            getattr(governance.timelock, f"set_{role}")(stranger, sender=sender)


@pytest.mark.parametrize("role", ["proposer", "canceller"])
def test_set_role__zero_address__refused(governance: Governance, role: str) -> None:
    change = governance.propose(governance.timelock, f"set_{role}", NOBODY)
    warp(DELAY)
    with refused("timelock: zero address"):
        change.execute()


# --- construction ---


def test_constructor__what_was_given__is_shown_and_logged(governance: Governance) -> None:
    timelock = compiled(TIMELOCK).deploy(governance.proposer, governance.canceller, 1)
    proposer_set, canceller_set = timelock.get_logs()
    assert proposer_set.proposer == timelock.proposer() == governance.proposer
    assert canceller_set.canceller == timelock.canceller() == governance.canceller
    assert (timelock.DELAY(), timelock.EXECUTION_LIFE()) == (1, LIFE)


@pytest.mark.parametrize(
    ("delay", "good"), [(0, False), (1, True), (90 * DAY, True), (90 * DAY + 1, False)]
)
def test_constructor__delay__more_than_zero_and_at_most_90_days(delay: int, good: bool) -> None:
    if good:
        assert compiled(TIMELOCK).deploy(boa.env.eoa, boa.env.eoa, delay).DELAY() == delay
        return
    with refused("timelock: bad delay"):
        compiled(TIMELOCK).deploy(boa.env.eoa, boa.env.eoa, delay)


@pytest.mark.parametrize("missing", [0, 1])
def test_constructor__zero_address__refused(missing: int) -> None:
    roles = [boa.env.eoa] * 2
    roles[missing] = NOBODY
    with refused("timelock: zero address"):
        compiled(TIMELOCK).deploy(*roles, DELAY)
