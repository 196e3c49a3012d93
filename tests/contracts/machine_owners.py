"""Rules of the pool's state machine: what owners ask for, and who pays in and out."""

import boa
from assay_system import ALL_WEI, NEVER, refused
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from machine_world import World, models
from settle_strategies import amounts

from oracle.settlement.intents import StakeAction, StakeIntent
from oracle.settlement.typed_data import Domain, digest
from oracle.settlement.units import COMPOUND, RELEASE_ALL, TAKE_PROFIT, WEI_PER_UNIT

releases = st.one_of(st.just(RELEASE_ALL), amounts)
modes = st.sampled_from([COMPOUND, TAKE_PROFIT])


def wei(amount: int) -> int:
    return ALL_WEI if amount == RELEASE_ALL else amount * WEI_PER_UNIT


class Owners(World):
    """Deposits, releases, modes, claims, funds and the burn."""

    @rule(model=models, amount=amounts)
    def deposit(self, model: int, amount: int) -> None:
        made = self.both(
            lambda: self.system.deposit(model, amount),
            lambda: self.pool.deposit(model, amount, self.now),
            pays=True,
        )
        self.ledger.paid_in += amount if made else 0

    @rule(model=models, amount=releases)
    def request_release(self, model: int, amount: int) -> None:
        k = self.pool.target(self.now)
        made = self.both(
            lambda: self.system.pool.request_release(
                model, wei(amount), NEVER, sender=self.owner(model).address
            ),
            lambda: self.pool.request_release(model, amount, self.now),
        )
        if made:
            self.watch_release(model, k, amount)

    @rule(model=models, mode=modes)
    def set_mode(self, model: int, mode: int) -> None:
        self.both(
            lambda: self.system.set_mode(model, mode),
            lambda: self.pool.set_mode(model, mode, self.now),
        )

    @rule(model=models, action=st.sampled_from(StakeAction), data=st.data())
    def relay(self, model: int, action: StakeAction, data: st.DataObject) -> None:
        """Somebody sends what the owner signed, and once more."""
        kinds = {StakeAction.DEPOSIT: amounts, StakeAction.RELEASE: releases}
        amount = data.draw(kinds.get(action, modes))
        system, k = self.system, self.pool.target(self.now)
        intent = StakeIntent(
            pool=system.pool.address,
            model=model,
            action=action,
            amount=amount if action is StakeAction.MODE else wei(amount),
            max_round=NEVER,
            nonce=system.registry.nonce_of(model),
            deadline=self.now,
        )
        domain = Domain(boa.env.evm.patch.chain_id, system.relay.address)
        signed = self.owner(model).unsafe_sign_hash(digest(intent, domain)).signature
        twin = {
            StakeAction.DEPOSIT: self.pool.deposit,
            StakeAction.RELEASE: self.pool.request_release,
            StakeAction.MODE: self.pool.set_mode,
        }[action]

        def send() -> int:
            return system.relay.relay(intent.argument(), bytes(signed), sender=self.keeper())

        pays = action is StakeAction.DEPOSIT
        if not self.both(send, lambda: twin(model, amount, self.now), pays=pays):
            return
        with refused("intent: nonce"):
            send()
        if action is StakeAction.DEPOSIT:
            self.ledger.paid_in += amount
        elif action is StakeAction.RELEASE:
            self.watch_release(model, k, amount)

    @rule(amount=st.integers(0, 2**45))
    def fund(self, amount: int) -> None:
        made = self.both(
            lambda: self.system.fund(amount),
            lambda: self.pool.fund(amount, self.now),
            pays=True,
        )
        self.ledger.paid_in += amount if made else 0

    @precondition(lambda self: not self.stopped)
    @rule(amount=st.integers(1, 10**18))
    def donate(self, amount: int) -> None:
        self.system.token.transfer(self.system.pool, amount)
        self.ledger.donated_wei += amount

    @rule(model=models)
    def claim(self, model: int) -> None:
        amount, payout = self.pool.out.get(model, 0), self.system.registry.payout_of(model)
        before = self.balance(payout)
        made = self.both(
            lambda: self.system.pool.claim(model, sender=self.keeper()) // WEI_PER_UNIT,
            lambda: self.pool.claim(model),
            pays=True,
        )
        if made:
            self.ledger.paid_out += amount
            assert self.balance(payout) == before + amount * WEI_PER_UNIT

    @rule()
    def flush_burn(self) -> None:
        amount = self.pool.burn_owed
        made = self.both(
            lambda: self.system.pool.flush_burn(sender=self.keeper()) // WEI_PER_UNIT,
            lambda: self.pool.flush_burn(),
            pays=True,
        )
        self.ledger.flushed += amount if made else 0

    @rule(model=models)
    def set_payout(self, model: int) -> None:
        """Changes no arithmetic (invariant 14), and the address only days later."""
        new = boa.env.generate_address()
        self.system.registry.set_payout(model, new, sender=self.owner(model).address)

    @rule(stopped=st.sampled_from([True, False, False]))
    def stop_token(self, stopped: bool) -> None:
        self.system.token.stop(stopped)
        self.stopped = stopped
