# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title Payout templates
@license MIT
@notice What a tournament pays on and how much: fixed for a round when it is announced.
@dev Holds storage: one word a template. Ranges are those of docs/formats.md, section 1.
"""


# @dev A tournament's payout rule: kinds (0 none, 1 CORR, 2 MMC, 3 TC, 4 ALPHA, 5 MPC, 6 FNC) and
# multipliers (10^-6) of three scores, clips (10^-12), stake threshold (U), kappa (10^-6).
struct Template:
    kinds: uint256[3]
    multipliers: uint256[3]
    clip_up: uint256
    clip_down: uint256
    threshold: uint256
    kappa: uint256


_MAX_CLIP: constant(uint256) = 10**12
_MAX_MULTIPLIER: constant(uint256) = 10**8
_MAX_KAPPA: constant(uint256) = 10**6
_MAX_KIND: constant(uint256) = 6


_M3: constant(uint256) = 2**3 - 1
_M20: constant(uint256) = 2**20 - 1
_M27: constant(uint256) = 2**27 - 1
_M40: constant(uint256) = 2**40 - 1
_M56: constant(uint256) = 2**56 - 1


# @dev By number: multipliers 27 | 27 | 27 | clip_up 40 | clip_down 40 | threshold 56 | kappa 20 |
# kinds 3 | 3 | 3, from the lowest bit; 10 unused.
_templates: HashMap[uint256, uint256]


event TemplateAdded:
    template_hash: indexed(bytes32)
    number: uint256
    template: Template


@internal
def _add(number: uint256, template: Template):
    """
    @dev Checks, stores and logs a template.
    @param number Its number.
    @param template The payout rule.
    """
    self._check(template)
    self._templates[number] = self._pack(template)
    log TemplateAdded(template_hash=self._hash(template), number=number, template=template)


@internal
@view
def _get(number: uint256) -> Template:
    """
    @param number A template's number.
    @return Template The payout rule.
    """
    word: uint256 = self._templates[number]
    return Template(
        kinds=[(word >> 237) & _M3, (word >> 240) & _M3, (word >> 243) & _M3],
        multipliers=[word & _M27, (word >> 27) & _M27, (word >> 54) & _M27],
        clip_up=(word >> 81) & _M40,
        clip_down=(word >> 121) & _M40,
        threshold=(word >> 161) & _M56,
        kappa=(word >> 217) & _M20,
    )


@internal
@pure
def _hash(template: Template) -> bytes32:
    """
    @param template A payout rule.
    @return bytes32 Its hash: docs/formats.md, section 6.
    """
    return keccak256(abi_encode(template))


@internal
@pure
def _check(template: Template):
    """
    @dev Every value is inside the range of docs/formats.md, section 1, and a score of kind none
         pays nothing.
    @param template The payout rule.
    """
    for i: uint256 in range(3):
        assert template.kinds[i] <= _MAX_KIND, "template: bad kind"
        assert template.multipliers[i] <= _MAX_MULTIPLIER, "template: bad multiplier"
        assert template.kinds[i] != 0 or template.multipliers[i] == 0, "template: pays no score"
    assert max(template.clip_up, template.clip_down) <= _MAX_CLIP, "template: bad clip"
    assert template.threshold != 0 and template.threshold <= _M56, "template: bad threshold"
    assert template.kappa <= _MAX_KAPPA, "template: bad kappa"


@internal
@pure
def _pack(template: Template) -> uint256:
    """
    @param template A checked payout rule: every field fits its bits.
    @return uint256 Its word in `_templates`.
    """
    return (
        template.multipliers[0]
        | (template.multipliers[1] << 27)
        | (template.multipliers[2] << 54)
        | (template.clip_up << 81)
        | (template.clip_down << 121)
        | (template.threshold << 161)
        | (template.kappa << 217)
        | (template.kinds[0] << 237)
        | (template.kinds[1] << 240)
        | (template.kinds[2] << 243)
    )
