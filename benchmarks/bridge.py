"""The bridge under load, with a stalled or reverting sync, and in a volatile round.

    python benchmarks/bridge.py                    everything
    python benchmarks/bridge.py --only load        or stalled, reverting, volatile
    python benchmarks/bridge.py --json FILE

Two anvils with Polygon's own bridge contracts, the client of `assay bridge`, time played as in
``bridge_world``: blocks of 12 s on the root chain and 2 s on the child chain, a block final two
blocks later; the client acts every twelve seconds. How long validators take is set by --sync-delay
and --checkpoint-every, not measured.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from bridge_rounds import BridgedRounds, bridged_rounds  # noqa: E402
from bridge_world import ACCOUNTS, CALM, World, endow, lock  # noqa: E402
from two_chains import NMR, TwoChains, two_chains  # noqa: E402

from oracle.bridge.latency import DepositTimes  # noqa: E402
from oracle.bridge.latency_report import Spread, seconds_of, spreads  # noqa: E402
from oracle.bridge.transfers import Stage, Transfer  # noqa: E402
from oracle.errors import RefusedError  # noqa: E402
from oracle.settlement.units import MILLIONTH  # noqa: E402

TRANSFERS, FEWER = 100, 20
_WINDOW, _SWING, _TIMES = 3_600, 600, 5
_PHI = 900_000
_OPEN, _SEED = 60, 20260101
Open = dict[str, tuple[int, Transfer]]


def start(world: World, count: int) -> Open:
    """So many deposits of one NMR at the same time, spread over the accounts."""
    found: Open = {}
    for k in range(count):
        account = ACCOUNTS[k % len(ACCOUNTS)]
        transfer = world.bridge(account).deposit(NMR)
        found[transfer.id] = account, transfer
    return found


def finish(world: World, transfers: Open, least: int, every: int = 60) -> float:
    """Goes on with all of them until they are over; processor seconds of the client."""
    busy, waiting, looked = 0.0, dict(transfers), world.now
    while waiting:
        world.pass_on()
        if world.now < looked + every:
            continue
        looked = world.now
        began = time.process_time()
        for id, (account, transfer) in list(waiting.items()):
            transfer = world.advance(account, transfer)
            waiting[id] = account, transfer
            if transfer.is_over:
                del waiting[id]
        busy += time.process_time() - began
        if world.now > least + 40_000:
            raise SystemExit(f"{len(waiting)} transfers do not end")
    return busy


def load(world: World) -> dict[str, Any]:
    """100 deposits at once, then 100 withdrawals at once."""
    began = time.process_time()
    deposits = start(world, TRANSFERS)
    busy = time.process_time() - began
    busy += finish(world, deposits, world.now)
    burning: Open = {}
    began = time.process_time()
    for account, _ in deposits.values():
        transfer = world.bridge(account).withdraw(NMR)
        burning[transfer.id] = account, transfer
    leaving = time.process_time() - began
    leaving += finish(world, burning, world.now)
    latency = world.latency()
    found = spreads(latency.deposits(TRANSFERS), latency.withdrawals(TRANSFERS))
    return {
        "steps": _steps(found),
        "client_seconds_a_deposit": round(busy / TRANSFERS, 3),
        "client_seconds_a_withdrawal": round(leaving / TRANSFERS, 3),
        "exit_gas": _exit_gas(world, burning),
    }


def _exit_gas(world: World, burning: Open) -> int:
    """Gas of the exits, their median."""
    files, web3 = world.bridge(ACCOUNTS[0]).files, world.chains.root_web3
    hashes = [files.load(id).sent("exit")[-1].hash for id in burning]
    gas = sorted(web3.eth.get_transaction_receipt(h)["gasUsed"] for h in hashes)  # type: ignore[arg-type]
    return gas[len(gas) // 2]


def stalled(world: World) -> dict[str, Any]:
    """20 deposits while nobody relays for an hour."""
    world.relaying = False
    began = world.now
    deposits = start(world, FEWER)
    world.until(began + 3_600)
    world.relaying = True
    finish(world, deposits, world.now)
    return {"steps": _steps(spreads(world.latency().deposits(FEWER), []))}


def reverting(world: World) -> dict[str, Any]:
    """20 deposits that the child token refuses; after 20 minutes it takes them, by replay."""
    token = world.chains.record.child.token
    code = world.chains.child.ask("eth_getCode", token, "latest")
    deposits = start(world, FEWER)
    world.chains.child.ask("anvil_setCode", token, "0xfe")
    failed = 0
    while not failed:
        world.until(world.now + 120)
        failed = sum(one.failed for one in world.latency().deposits(FEWER))
    world.until(world.now + 1_200)
    world.chains.child.ask("anvil_setCode", token, code)
    finish(world, deposits, world.now)
    steps = _steps(spreads(world.latency().deposits(FEWER), []))
    return {"failed": failed, "steps": steps}


# ---------------------------------------------------------------------- a round


def in_round(
    world: World, rounds: BridgedRounds, phi: int, price: Callable[[int], int], tended: bool
) -> dict[str, Any]:
    """100 deposits begun at random in the hour before a round's close, each staked as soon as it is
    there. ``tended``: transactions that a block leaves out offer more."""
    begins = world.now + _OPEN
    closes = begins + _WINDOW
    _announce(world, rounds, closes, phi)
    world.price = lambda now: price(now - begins)
    draws = random.Random(_SEED)
    waiting = sorted(
        (begins + draws.randrange(_WINDOW), ACCOUNTS[k % len(ACCOUNTS)]) for k in range(TRANSFERS)
    )
    under_way: Open = {}
    while (waiting or under_way) and world.now < closes + _WINDOW:
        world.pass_on()
        while waiting and waiting[0][0] <= world.now:
            _, account = waiting.pop(0)
            try:
                transfer = world.bridge(account).deposit(NMR)
            except RefusedError:  # an earlier one of the account is in no block yet
                waiting.append((world.now + 12, account))
                waiting.sort()
                break
            under_way[transfer.id] = account, transfer
        _bring_on(world, rounds, under_way, tended)
    world.pass_on()
    times = world.latency(rounds).deposits(TRANSFERS)
    missed = sum(one.round != 1 for one in times)
    return {
        "missed_percent": round(100 * missed / TRANSFERS, 1),
        "missed_because_of_the_delay_percent": _begun_too_late(times, closes, world.sync_delay),
        "never_locked": TRANSFERS - len(times),
        "gwei": _mean_price(world, times),
        "locked_to_committed": _middle(seconds_of(times, "locked", "committed")),
    }


def _bring_on(world: World, rounds: BridgedRounds, under_way: Open, tended: bool) -> None:
    for id, (account, transfer) in list(under_way.items()):
        if tended or transfer.stage is not Stage.APPROVING:
            after = world.advance(account, transfer)
        else:
            after = world.bridge(account).status(id)
        under_way[id] = account, after
        if after.stage in (Stage.SYNCED, Stage.USABLE):
            world.stake(rounds, account, NMR)
            del under_way[id]


def _announce(world: World, rounds: BridgedRounds, closes: int, phi: int) -> None:
    """Two rounds one behind the other: what misses the first joins the second."""
    for number, when in ((1, closes), (2, closes + 8 * _WINDOW)):
        chain = world.chains.child
        chain.ask("evm_setAutomine", True)
        rounds.announce(number, when - 30, when, phi)
        chain.ask("evm_setAutomine", False)
    newest = int(world.chains.child.block("latest")["timestamp"], 16)
    world.now = max(world.now, -(-newest // 12 + 1) * 12)


def _begun_too_late(times: Sequence[DepositTimes], closes: int, delay: int) -> float:
    """Share of the deposits that could not be in time however little the gas cost."""
    late = sum(one.locked + delay >= closes for one in times)
    return round(100 * late / TRANSFERS, 1)


def _mean_price(world: World, times: Sequence[DepositTimes]) -> float:
    """What the locks paid for a unit of gas."""
    web3 = world.chains.root_web3
    paid = [
        web3.eth.get_transaction_receipt(one.transaction)["effectiveGasPrice"]  # type: ignore[arg-type]
        for one in times
    ]
    return round(sum(paid) / max(1, len(paid)) / 10**9, 1)


def _middle(ascending: Sequence[int]) -> int | None:
    return ascending[len(ascending) // 2] if ascending else None


def calm(_: int) -> int:
    return CALM


def swinging(passed: int) -> int:
    """Ten minutes at the usual price, ten at five times as much."""
    return CALM * (_TIMES if passed // _SWING % 2 else 1)


def volatile(world: World, rounds: BridgedRounds) -> dict[str, Any]:
    """The same deposits in a calm round and in volatile ones."""
    found = {}
    for name, phi, price, tended in (
        ("calm, phi 1", MILLIONTH, calm, True),
        ("five times the gas price, phi 0.9, fees raised", _PHI, swinging, True),
        ("five times the gas price, phi 0.9, sent once", _PHI, swinging, False),
    ):
        with tempfile.TemporaryDirectory() as home:
            one = World(world.chains, Path(home), world.sync_delay, world.checkpoint_every)
            with one.played():
                found[name] = in_round(one, rounds, phi, price, tended)
            print(f"{name}: {found[name]}", flush=True)
    return found


# ---------------------------------------------------------------------- all of it


def _steps(found: Sequence[Spread]) -> list[dict[str, Any]]:
    return [{**asdict(one), "kind": one.kind.value} for one in found if one.done]


def _pool(chains: TwoChains, folder: Path) -> BridgedRounds:
    """The tournament on the child chain, with a model of every account."""
    rounds = bridged_rounds(chains, folder)
    for account in ACCOUNTS:
        chains.done(chains.root_web3, lock(chains, account), account)
    chains.settle_syncs()
    for account in ACCOUNTS:
        rounds.register(account)
        approve = chains.child_token.functions.approve(rounds.reader.addresses.pool, 1_000 * NMR)
        chains.done(chains.child_web3, approve, account)
    return rounds


SCENARIOS = ("load", "stalled", "reverting", "volatile")


def run(only: Sequence[str], sync_delay: int, checkpoint_every: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory(prefix="assay-bridge-") as folder,
        two_chains(731370, 731371, checkpoint_blocks=4096) as chains,
    ):
        endow(chains)
        simple = {"load": load, "stalled": stalled, "reverting": reverting}
        for name in only:
            home = Path(folder) / name
            world = World(chains, home, sync_delay, checkpoint_every)
            if name in simple:
                with world.played():
                    found[name] = simple[name](world)
            else:
                home.mkdir()
                found[name] = volatile(world, _pool(chains, home))
            show(name, found[name])
    return found


def show(name: str, found: dict[str, Any]) -> None:
    print(f"\n{name}")
    for key, value in found.items():
        if key != "steps":
            print(f"  {key}: {value}")
    for one in found.get("steps", []):
        print(
            f"  {one['kind']:10} {one['first']:>12} to {one['last']:12} {one['done']:4} done   "
            f"median {one['median']:6,} s   95 % {one['p95']:6,} s   longest {one['longest']:6,} s"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=SCENARIOS, action="append")
    parser.add_argument("--sync-delay", type=int, default=1_200)
    parser.add_argument("--checkpoint-every", type=int, default=1_800)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = run(options.only or SCENARIOS, options.sync_delay, options.checkpoint_every)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
