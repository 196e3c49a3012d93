"""What the server pays gas for has bounds: real contracts on a chain in this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from server_stakes import RELAYER, Staker, relayer_config
from server_world import URL, ServerWorld, Serving, server_world

from oracle.accounts.rates import TooManyError
from oracle.chain.fees import GWEI
from oracle.errors import InputError, RefusedError
from oracle.gateway.staking import desks_of
from oracle.settlement.units import UNITS_PER_NMR
from oracle.staking.mandates import MOST_KEPT
from oracle.staking.relaying import MOST_A_ROUND, TooManyChangesError
from oracle.staking.rows import Action, Status

pytestmark = [pytest.mark.slow, pytest.mark.chain, pytest.mark.xdist_group("staking")]
EIGHT, ONE = 8, UNITS_PER_NMR
Start = Callable[..., Serving]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    with server_world(tmp_path_factory.mktemp("world")) as made:
        made.announce(window=4_000)
        yield made


@pytest.fixture
def start(world: ServerWorld, tmp_path: Path) -> Iterator[Start]:
    """A server with these fields of its configuration."""
    with ExitStack() as stack:

        def made(**fields: Any) -> Serving:
            config = {**relayer_config(world, tmp_path), **fields}
            serving = world.serving(str(tmp_path / "server.sqlite"), tmp_path / "home", **config)
            return stack.enter_context(serving)

        yield made


@pytest.fixture
def new_staker(world: ServerWorld) -> Callable[[Serving], Staker]:
    """The owner of a new model, without any stake, who gave a mandate."""

    def made(serving: Serving) -> Staker:
        number = world.register(f"model {world.reader.models()}")
        world.chain.finalize()
        serving.follow()
        staker = Staker(world, serving, number)
        staker.allow(10_000)
        return staker

    return made


def change(staker: Staker, action: Action, units: int | None) -> Any:
    return staker.staking.change(staker.caller, EIGHT, staker.model, units, action)


def paid(world: ServerWorld) -> int:
    """Transactions of the relayer."""
    return world.reader.web3.eth.get_transaction_count(RELAYER.address)


def test_decrease__model_without_stake__refused_and_nothing_sent(
    world: ServerWorld, start: Start, new_staker
) -> None:
    staker, before = new_staker(start()), paid(world)
    for units in (ONE, 1_000_000 * ONE, None):
        with pytest.raises(RefusedError, match="has 0 NMR that can be released"):
            change(staker, Action.DECREASE, units)
    assert paid(world) == before
    assert staker.staking.requests.of_model(EIGHT, staker.model.model) == []


def test_decrease__more_than_stake_and_waiting_deposits__refused(
    world: ServerWorld, start: Start, new_staker
) -> None:
    serving = start()
    staker = new_staker(serving)
    change(staker, Action.INCREASE, 3 * ONE)
    with pytest.raises(RefusedError, match=r"has 3.* NMR that can be released"):
        change(staker, Action.DECREASE, 3 * ONE + 1)
    change(staker, Action.DECREASE, 2 * ONE)
    with pytest.raises(RefusedError, match=r"has 1.* beside what is being released already"):
        change(staker, Action.DECREASE, 2 * ONE)
    made = change(staker, Action.DECREASE, None)
    assert made.status == Status.MINED
    with pytest.raises(RefusedError, match="has 0 NMR that can be released"):
        change(staker, Action.DECREASE, None)
    assert len(staker.staking.requests.of_model(EIGHT, staker.model.model)) == 3


def test_decrease__stake_of_earlier_rounds__released(
    world: ServerWorld, start: Start, new_staker
) -> None:
    staker = new_staker(start())
    change(staker, Action.INCREASE, 2 * ONE)
    number = world.reader.target()
    world.close(number)
    world.announce(window=4_000)
    assert world.reader.target() > number
    assert change(staker, Action.DECREASE, 2 * ONE).status == Status.MINED


def test_change__often_for_one_round__refused_before_it_is_sent(
    world: ServerWorld, start: Start, new_staker
) -> None:
    staker = new_staker(start())
    for number in range(MOST_A_ROUND):
        change(staker, Action.INCREASE, ONE // 10 + number)
    before = paid(world)
    with pytest.raises(TooManyChangesError):
        change(staker, Action.INCREASE, ONE)
    assert paid(world) == before


def test_change__as_many_as_a_day_has__refused_for_the_account_and_for_all(
    world: ServerWorld, start: Start, new_staker
) -> None:
    serving = start(rates={"stake": "30/minute;2/day", "relayer": "3/day"})
    first, second = new_staker(serving), new_staker(serving)
    assert first.caller.account.id != second.caller.account.id
    change(first, Action.INCREASE, ONE)
    change(first, Action.INCREASE, ONE + 1)
    with pytest.raises(TooManyError, match="2 per 1 day") as error:
        change(first, Action.INCREASE, ONE + 2)
    assert error.value.fix == "try again later"
    change(second, Action.INCREASE, ONE)
    with pytest.raises(TooManyError, match="3 per 1 day"):
        change(second, Action.INCREASE, ONE + 1)
    assert "assay_server_relayed_requests_total 3.0" in serving.client.get("/metrics").text


def test_relayer__cap_on_fees__is_that_of_the_configuration(
    world: ServerWorld, start: Start
) -> None:
    where = world.reader.addresses
    tournament = {
        "number": where.tournament,
        "chain_id": where.chain_id,
        "pool": where.pool,
        "chain": {"urls": [URL], "max_fee_gwei": 50},
        "data": str(world.provider),
    }
    outbox = start(tournaments=[tournament]).services.part(desks_of)[EIGHT].outbox
    assert outbox is not None
    assert outbox._account.cap == 50 * GWEI


# ---------------------------------------------------------------------- mandates


def test_mandate__many_of_one_owner__the_newest_few_and_what_requests_need_are_kept(
    start: Start, new_staker, monkeypatch: pytest.MonkeyPatch
) -> None:
    staker = new_staker(start())
    made = change(staker, Action.INCREASE, ONE)
    now = [staker.staking.clock()]
    monkeypatch.setitem(staker.staking.__dict__, "clock", lambda: now[0])
    salts = list(range(1, MOST_KEPT + 3))
    for salt in salts:
        now[0] += 1
        staker.staking.store_mandate(staker.caller, EIGHT, staker.signed(salt=salt))
    kept = staker.staking.mandates.of(EIGHT, staker.wallet.address)
    first = [one for one in kept if one.hash == made.mandate]
    assert len(first) == 1
    assert sorted(one.mandate.salt for one in kept if one not in first) == salts[2:]


def test_mandate__expired_ones__forgotten_when_another_comes(
    world: ServerWorld, start: Start, new_staker
) -> None:
    serving = start()
    staker = new_staker(serving)
    soon = world.now + 100
    staker.staking.store_mandate(staker.caller, EIGHT, staker.signed(expiry=soon, salt=7))
    world.chain.advance_to(soon + 1)
    world.chain.finalize()
    serving.follow()
    staker.staking.store_mandate(staker.caller, EIGHT, staker.signed(salt=8))
    salts = {one.mandate.salt for one in staker.staking.mandates.of(EIGHT, staker.wallet.address)}
    assert 8 in salts
    assert 7 not in salts


def test_mandate__of_somebody_without_a_model__not_kept(
    world: ServerWorld, start: Start, new_staker
) -> None:
    serving = start()
    staker, other = new_staker(serving), new_staker(serving)
    assert staker.wallet.address != other.wallet.address
    for models in ((other.model.model,), (10_000,), ()):
        with pytest.raises(InputError, match="names no model of this account"):
            staker.staking.store_mandate(staker.caller, EIGHT, staker.signed(models=models))
