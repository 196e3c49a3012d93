"""Changes of stakes by mandate: real contracts on a chain in this process, real signatures, a real
outbox; both databases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from server_stakes import RELAYER, Staker, relayer_config
from server_world import SITE_URL, ServerWorld, Serving, server_world

from oracle.accounts.rates import TooManyError
from oracle.chain.outbox import Outbox
from oracle.chain.signed import sign_mandate
from oracle.chain.signing import LocalSigner
from oracle.chain.upkeep import Upkeep
from oracle.errors import InputError, RefusedError, UnreachableError
from oracle.gateway.staking import staking_of
from oracle.settlement.intents import ALL_WEI
from oracle.settlement.units import RELEASE_ALL, UNITS_PER_NMR, WEI_PER_UNIT
from oracle.staking.allowed import MandateNeededError
from oracle.staking.rows import Action, Status

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("staking")]
EIGHT, ONE = 8, UNITS_PER_NMR
_HIS_OTHER = 3
"""A further model of the first one's owner."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        for number in range(3):
            made.register(f"model {number}")
        assert made.register("his other", made.owner(0)) == _HIS_OTHER
        made.announce(window=4_000)
        made.chain.finalize()
        yield made


@pytest.fixture
def serving(world: ServerWorld, where: str, tmp_path: Path) -> Iterator[Serving]:
    with world.serving(where, tmp_path / "home", **relayer_config(world, tmp_path)) as made:
        made.follow()
        yield made


@pytest.fixture
def staker(world: ServerWorld, serving: Serving) -> Staker:
    """Its model owes nothing to a test before: the pool is looked at by differences."""
    return Staker(world, serving)


def queued(world: ServerWorld, model: int) -> tuple[int, int]:
    """What waits of a model: deposit and release, in U."""
    number = world.reader.target()
    found = world.reader.queue(number, world.reader.newest().number).get(model)
    return (found.deposit, found.release) if found else (0, 0)


def test_increase__by_mandate__queued_on_chain_and_final_afterwards(staker: Staker) -> None:
    staker.allow()
    before = queued(staker.world, 0)
    made = staker.staking.change(staker.caller, EIGHT, staker.model, 2 * ONE, Action.INCREASE)
    assert made.status == Status.MINED
    assert made.round == staker.world.reader.target()
    assert queued(staker.world, 0) == (before[0] + 2 * ONE, before[1])
    assert made.tx is not None
    receipt = staker.world.reader.web3.eth.get_transaction_receipt(made.tx)
    assert receipt["from"] == RELAYER.address
    staker.world.chain.finalize()
    staker.serving.run("tend")
    [row] = staker.staking.requests.of_model(EIGHT, 0)
    assert row == replace(made, status=Status.FINAL)


def test_decrease__some_and_then_all__requested_on_chain(
    world: ServerWorld, serving: Serving
) -> None:
    number = world.register(f"model {world.reader.models()}")
    world.chain.finalize()
    serving.follow()
    staker = Staker(world, serving, number)
    staker.allow()
    staker.staking.change(staker.caller, EIGHT, staker.model, 2 * ONE, Action.INCREASE)
    made = staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.DECREASE)
    assert made.amount == ONE
    assert queued(world, number) == (2 * ONE, ONE)
    drained = staker.staking.change(staker.caller, EIGHT, staker.model, None, Action.DECREASE)
    assert drained.amount is None
    assert queued(world, number) == (2 * ONE, RELEASE_ALL)


def test_change__no_mandate__the_error_names_the_page_to_sign_at(staker: Staker) -> None:
    with pytest.raises(MandateNeededError) as caught:
        staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.INCREASE)
    page = f"{SITE_URL}/sign?tournament=8&model=0&action=increase"
    assert page in caught.value.message
    assert staker.staking.requests.of_model(EIGHT, 0) == []


@pytest.mark.parametrize(
    ("changes", "action", "amount", "reason"),
    [
        ({"max_deposit": ONE * WEI_PER_UNIT}, "increase", 2 * ONE, "allows deposits of 1 NMR more"),
        ({"max_release": ONE * WEI_PER_UNIT}, "decrease", 2 * ONE, "allows releases of 1 NMR more"),
        ({"max_release": ONE * WEI_PER_UNIT}, "decrease", None, "a release of everything"),
        ({"models": (1, _HIS_OTHER)}, "increase", ONE, "does not name this model"),
    ],
    ids=["too small a deposit", "too small a release", "no full release", "another model"],
)
def test_change__the_mandate_does_not_reach__refused_with_what_is_left(
    staker: Staker, changes: dict[str, object], action: str, amount: int | None, reason: str
) -> None:
    staker.allow(**changes)
    with pytest.raises(MandateNeededError, match=reason):
        staker.staking.change(staker.caller, EIGHT, staker.model, amount, action)


def test_change__revoked__refused(staker: Staker) -> None:
    signed = staker.signed()
    staker.staking.store_mandate(staker.caller, EIGHT, signed)
    staker.world.writer(staker.wallet).revoke_mandate(signed.struct().hash())
    with pytest.raises(MandateNeededError, match="has revoked the mandate"):
        staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.DECREASE)


def test_change__expired__refused(world: ServerWorld, staker: Staker) -> None:
    signed = staker.signed(expiry=world.now + 5)
    staker.staking.store_mandate(staker.caller, EIGHT, signed)
    world.chain.advance_to(world.now + 10)
    staker.serving.follow()
    with pytest.raises(MandateNeededError, match="has expired"):
        staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.DECREASE)


def test_change__two_mandates__the_one_that_allows_it_is_used(staker: Staker) -> None:
    staker.allow(max_deposit=0, expiry=staker.world.now + 10**7)
    staker.allow()
    made = staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.INCREASE)
    stored = staker.staking.mandates.by_hash(EIGHT, made.mandate)
    assert stored is not None
    assert stored.mandate.max_deposit == 10 * ONE * WEI_PER_UNIT


def test_increase__the_pool_may_not_take_it__says_what_to_approve(staker: Staker) -> None:
    staker.allow(max_deposit=ALL_WEI >> 130)
    allowed = staker.world.reader.allowance_of(
        staker.wallet.address, staker.world.reader.addresses.pool
    )
    more = allowed // WEI_PER_UNIT + ONE
    with pytest.raises(MandateNeededError, match="approve it at"):
        staker.staking.change(staker.caller, EIGHT, staker.model, more, Action.INCREASE)
    held = staker.world.reader.tokens_of(staker.wallet.address)
    with pytest.raises(RefusedError, match=r"holds .* which is less"):
        staker.staking.change(staker.caller, EIGHT, staker.model, held + ONE, Action.INCREASE)


@pytest.mark.parametrize(
    ("amount", "action", "reason"),
    [
        (ONE // 100, "increase", "too little"),
        (None, "increase", "needs an amount"),
        (ONE, "steal", "no change of a stake"),
    ],
)
def test_change__makes_no_sense__refused_before_anything(
    staker: Staker, amount: int | None, action: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        staker.staking.change(staker.caller, EIGHT, staker.model, amount, action)


def test_change__somebody_elses_model__refused(staker: Staker) -> None:
    other = staker.serving.services.models.by_id(EIGHT, [1])[0]
    with pytest.raises(InputError, match="not yours"):
        staker.staking.change(staker.caller, EIGHT, other, ONE, Action.DECREASE)


def test_change__server_without_a_relayer__says_how_else(
    world: ServerWorld, where: str, tmp_path: Path
) -> None:
    with world.serving(where, tmp_path / "home") as serving:
        serving.follow()
        staker = Staker(world, serving)
        with pytest.raises(RefusedError, match="no account that sends for others"):
            staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.DECREASE)
        assert not any(task.name.startswith("tend rel") for task in serving.server.runner.tasks)


def test_change__more_often_than_the_server_pays_for__refused(
    world: ServerWorld, where: str, tmp_path: Path
) -> None:
    fields = {**relayer_config(world, tmp_path), "rates": {"stake": "1/minute"}}
    with world.serving(where, tmp_path / "home", **fields) as serving:
        serving.follow()
        staker = Staker(world, serving)
        staker.allow()
        staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.INCREASE)
        with pytest.raises(TooManyError):
            staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.INCREASE)
        assert len(staker.staking.requests.of_model(EIGHT, 0)) == 1


# ---------------------------------------------------------------------- mandates


def test_mandate__of_another_wallet_relayer_or_place__not_stored(staker: Staker) -> None:
    other = Staker(staker.world, staker.serving, 1)
    with pytest.raises(RefusedError, match="not signed by this account"):
        other.staking.store_mandate(other.caller, EIGHT, staker.signed())
    with pytest.raises(InputError, match="for the relayer"):
        staker.staking.store_mandate(
            staker.caller, EIGHT, staker.signed(relayer=staker.wallet.address)
        )
    with pytest.raises(InputError, match="not for tournament 8"):
        staker.staking.store_mandate(
            staker.caller, EIGHT, staker.signed(pool=staker.world.reader.addresses.oracle)
        )
    with pytest.raises(InputError, match="has expired"):
        staker.staking.store_mandate(staker.caller, EIGHT, staker.signed(expiry=5))
    forged = sign_mandate(
        staker.signed().struct(), staker.world.reader.addresses, LocalSigner(other.wallet)
    )
    with pytest.raises(RefusedError, match="not signed by this account"):
        staker.staking.store_mandate(staker.caller, EIGHT, forged)
    assert staker.staking.mandates.of(EIGHT, staker.wallet.address) == []


def test_mandate__stored_twice__kept_once(staker: Staker) -> None:
    signed = staker.signed()
    for _ in range(2):
        staker.staking.store_mandate(staker.caller, EIGHT, signed)
    [kept] = staker.staking.mandates.of(EIGHT, staker.wallet.address)
    assert kept.mandate == signed.struct()


# ---------------------------------------------------------------------- interruptions


def test_change__process_ends_before_it_was_sent__failed_and_may_be_asked_again(
    staker: Staker,
) -> None:
    staker.allow()
    with (
        patch.object(Outbox, "send", side_effect=UnreachableError("no answer")),
        pytest.raises(UnreachableError),
    ):
        staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.INCREASE)
    [row] = staker.staking.requests.of_model(EIGHT, 0)
    assert row.status == Status.PENDING
    staker.serving.run("tend")
    [row] = staker.staking.requests.of_model(EIGHT, 0)
    assert row.status == Status.FAILED


def test_change__not_in_a_block_in_time__pending_and_looked_after(staker: Staker) -> None:
    staker.allow()
    outbox = staker.staking.desks[EIGHT].outbox
    assert outbox is not None
    before = queued(staker.world, 0)
    with patch.object(outbox, "_wait", 0.0), patch.object(Upkeep, "mined", lambda *_: None):
        made = staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.INCREASE)
    assert made.status == Status.PENDING
    assert made.transaction is not None
    staker.world.chain.finalize()
    staker.serving.run("tend")
    [row] = staker.staking.requests.of_model(EIGHT, 0)
    assert row == replace(made, status=Status.FINAL)
    assert queued(staker.world, 0)[0] == before[0] + ONE


def test_change__process_ends_after_it_was_sent__found_again_by_its_call(
    staker: Staker, world: ServerWorld
) -> None:
    staker.allow()
    made = staker.staking.change(staker.caller, EIGHT, staker.model, ONE, Action.INCREASE)
    staker.staking.requests.keep(replace(made, transaction=None, status=Status.PENDING))
    world.chain.finalize()
    staker.serving.run("tend")
    [row] = staker.staking.requests.of_model(EIGHT, 0)
    assert row == replace(made, status=Status.FINAL)


def test_staking__is_one_for_all_parts(serving: Serving) -> None:
    assert serving.services.part(staking_of) is serving.services.part(staking_of)
