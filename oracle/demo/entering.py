"""The demo's second act: stakers come with NMR, register models, sign in, and stake."""

from eth_utils import keccak

from oracle.demo.at_server import Visitors
from oracle.demo.players import wei_needed
from oracle.demo.scene import Scene
from oracle.devnet.topology import exact
from oracle.settlement.units import TAKE_PROFIT, WEI_PER_UNIT, nmr

_WEI_PER_NMR = 10**18


def bring_in(scene: Scene) -> None:
    """What each staker needs on the child chain: stakes and fees."""
    needs = wei_needed(scene.story.players, scene.reader.fee)
    with scene.steps.step("Stakers bridge NMR from the root chain to the child chain") as say:
        held = exact(scene.options.topology.stakers.nmr, _WEI_PER_NMR, "stakers.nmr")
        scene.crossing.give(held)
        scene.crossing.allow_before(min(needs))
        scene.crossing.bring_in(needs, say)
        total = sum(needs.values()) // WEI_PER_UNIT
        say(f"{nmr(total)} NMR by {len(needs)} deposits, approved as NMR wants it")


def register(scene: Scene) -> None:
    players = scene.story.players
    with scene.steps.step("Register models") as say:
        reserved = [
            scene.writer(player.staker).reserve(keccak(text=player.name)) for player in players
        ]
        usable_at = max(each.usable_at for each in reserved)
        scene.clock.advance_to(max(usable_at, scene.clock.now() + 1))
        for player, name in zip(players, reserved, strict=True):
            writer = scene.writer(player.staker)
            player.model = writer.register(name, writer.sender.signer.address)
            say(f"{player.model + 1} of {len(players)}")


def sign_in(scene: Scene) -> Visitors:
    """Before there are models: their names are said first."""
    visitors = Visitors(scene)
    with scene.steps.step("Stakers sign in at the server, with their wallets") as say:
        visitors.come(scene.story.players, say)
        say(f"{len(visitors.clients)} accounts, {len(scene.story.players)} names of models")
    return visitors


def allow(scene: Scene, visitors: Visitors) -> None:
    with scene.steps.step("Stakers let the server submit and stake for them") as say:
        visitors.allow(scene.story.players, say)
        say("a signed key and a mandate each, and a token for programs")


def stake(scene: Scene, visitors: Visitors, number: int) -> None:
    """Deposits for round ``number``: most by the owner, some by the server's relayer."""
    players = scene.story.players
    relayed = [player for player in players if player.by_mandate]
    with scene.steps.step("Deposit stakes") as say:
        for staker in range(scene.options.topology.stakers.count):
            own = [player for player in players if player.staker == staker]
            scene.writer(staker).approve(sum(player.stake for player in own))
        direct = [player for player in players if not player.by_mandate]
        for done, player in enumerate(direct, 1):
            scene.writer(player.staker).deposit(player.model, player.stake, number)
            say(f"{done} of {len(players)}")
        visitors.stake_by_mandate(relayed)
        takers = [player for player in players if player.takes_profit]
        for player in takers:
            scene.writer(player.staker).set_mode(player.model, TAKE_PROFIT, number)
        total = sum(player.stake for player in players)
        say(
            f"{nmr(total)} NMR on {len(players)} models, {len(relayed)} of them by the server's "
            f"relayer with a mandate; {len(takers)} take profits"
        )
