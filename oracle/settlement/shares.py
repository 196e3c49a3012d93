"""What each score contributed to a payout."""

from oracle.settlement.payout import Coefficients


def shares(
    coefficients: Coefficients, scores: tuple[int, int, int], change: int
) -> tuple[int, int, int]:
    """Splits ``change`` (U) of a stake over the three scores (10^-6) that made it.

    Clips, hardening and the vault's scale bear on the sum of the scores, so they bear on each
    share alike: a share is to ``change`` as the score's own part is to that sum. Shares are rounded
    down in size, and what is left goes to the largest; they add up to ``change``. All are 0 where
    it is.
    """
    parts = [c * s for c, s in zip(coefficients.c, scores, strict=True)]
    total = sum(parts)
    if total == 0 or change == 0:
        return (0, 0, 0)
    found = [_towards_zero(change * part, total) for part in parts]
    largest = max(range(len(parts)), key=lambda place: abs(parts[place]))
    found[largest] += change - sum(found)
    return (found[0], found[1], found[2])


def _towards_zero(number: int, divisor: int) -> int:
    size = abs(number) // abs(divisor)
    return size if (number < 0) == (divisor < 0) else -size
