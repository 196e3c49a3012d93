"""The demo's last act: a model leaves, NMR goes home, and everything is checked."""

from oracle.demo.rounds import Round
from oracle.demo.scene import Scene
from oracle.settlement.units import WEI_PER_UNIT, nmr
from oracle.verification.verify import Verification

_LAST_ROUND = 2**32


def leave(scene: Scene) -> None:
    """One model releases everything; it and the models that took profits claim.

    Nobody announces another round, so the operators skip the one that the release joined.
    """
    reader, clock = scene.reader, scene.clock
    leaver = scene.story.players[1]
    with scene.steps.step("A model leaves, with no more rounds; profits are claimed") as say:
        writer = scene.writer(leaver.staker)
        writer.request_release(leaver.model, None, _LAST_ROUND)
        joined = reader.target()
        last_close = reader.round_state(joined - 1)["close"]
        skippable_at = last_close + reader.clocks.skip_after
        if skippable_at > clock.now():
            clock.advance_to(skippable_at)
        for _ in scene.waiting("the release to be drained"):
            pool = reader.pool_at(reader.newest().number)
            if not pool.lane(leaver.model).stake:
                break
        claimable = pool.out
        scene.story.released = (leaver.name, claimable[leaver.model])
        for player in scene.story.players:
            if claimable.get(player.model):
                scene.writer(player.staker).claim(player.model)
        # Until it is final, so that the operators have nothing left to look after.
        for _ in scene.waiting("the skipped round to end"):
            if reader.state(reader.finalized().number)["head"] > joined:
                break
        say(f"{leaver.name} got {nmr(scene.story.released[1])} NMR back")


def bring_back(scene: Scene) -> None:
    with scene.steps.step("Burns leave the supply: vault swept, exited, destroyed") as say:
        scene.crossing.burn(say)
        say("all of it by the operators")
    with scene.steps.step("Stakers bridge NMR back: withdrawn, checkpointed, exited") as say:
        scene.story.returned = scene.crossing.bring_back(say)
        say(f"{nmr(scene.story.returned // WEI_PER_UNIT)} NMR")


def verify(scene: Scene, first: Round) -> None:
    scene.story.artefacts = first.artefacts()
    with scene.steps.step("Verify the round from its artefacts and the chain") as say:
        for step in Verification(scene.story.artefacts, scene.reader.url).steps():
            say(step.name)
            scene.story.steps.append(step)
        say(f"{len(scene.story.steps)} checks passed")


def close(scene: Scene) -> None:
    with scene.steps.step("Check that NMR is conserved on both chains") as say:
        closing = scene.story.closing = scene.crossing.close()
        root, child = closing.facts.root, closing.facts.child
        say(f"as of root block {root.block} and child block {child.block}")
