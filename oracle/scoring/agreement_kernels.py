"""Compiled loops of the hardening levels, all in integers: no order of their sums can matter.

Arrays are C-contiguous and writable, with N <= 20,000 rows. ``account`` (B,) int64 says which
of A account rows a model belongs to. A stake sum is high * 2**28 + low with 0 <= low < 2**28 (see
`meta_model`) and below 2**71.4, so high < 2**44. Tables are `normal_table`'s quantiles,
|entry| < 2**31.
"""

import numpy as np

from oracle.scoring.compiled import kernel
from oracle.scoring.limits import HALF_STAKE_BITS, LIMB_BITS


@kernel
def subtract_stakes(
    ranks: np.ndarray,
    stake_high: np.ndarray,
    stake_low: np.ndarray,
    account: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
) -> None:
    """Take the ranks (B, N) weighted by the halves (B,) of the stakes from the sums (A, N).

    What all models weigh is below M * 2**28 * 2N < 2**60, so no difference leaves int64.
    """
    for model in range(ranks.shape[0]):
        row = ranks[model]
        above = stake_high[model]
        below = stake_low[model]
        out_high = high[account[model]]
        out_low = low[account[model]]
        for i in range(row.size):
            out_high[i] -= above * np.int64(row[i])
            out_low[i] -= below * np.int64(row[i])


@kernel
def sum_keys(
    high: np.ndarray,
    low: np.ndarray,
    row_bits: int,
    keys: np.ndarray,
    half_bits: int = HALF_STAKE_BITS,
) -> None:
    """Bring ``low`` below 2**28, and write a sort key with the row number for each sum (A, N).

    Above the row number a key has 63 - row_bits >= 48 bits: ``high`` less its least value, and as
    many of the upper bits of ``low`` as there is room for. Where those agree two sums may still
    differ, in the rest of ``low``: `positions_of_keys` looks.
    """
    mask = (1 << half_bits) - 1
    for which in range(high.shape[0]):
        above = high[which]
        below = low[which]
        out = keys[which]
        for i in range(above.size):
            above[i] += below[i] >> half_bits
            below[i] &= mask
        least = above[0]
        largest = above[0]
        for i in range(above.size):
            least = min(least, above[i])
            largest = max(largest, above[i])
        room = 63 - row_bits
        spread = largest - least
        while spread:
            spread >>= 1
            room -= 1
        room = min(room, half_bits)
        shift = half_bits - room
        for i in range(above.size):
            value = ((above[i] - least) << room) | (below[i] >> shift)
            out[i] = (value << row_bits) | i


@kernel
def positions_of_keys(
    keys: np.ndarray, low: np.ndarray, row_bits: int, positions: np.ndarray, distinct: np.ndarray
) -> None:
    """Dense ranks 0, 1, .. of the sums behind sorted ``keys`` (A, N), and how many differ (A,).

    ``low`` is that of `sum_keys`. Where sums of one key differ, ``distinct`` is 0 and the positions
    are not those of the sums.
    """
    mask = (1 << row_bits) - 1
    for which in range(keys.shape[0]):
        row = keys[which]
        rest = low[which]
        out = positions[which]
        place = 0
        clash = 0
        before = row[0] & mask
        out[before] = 0
        for a in range(1, row.size):
            here = row[a] & mask
            if (row[a] ^ row[a - 1]) > mask:
                place += 1
            else:
                clash += rest[here] != rest[before]
            out[here] = np.uint16(place)
            before = here
        distinct[which] = 0 if clash else place + 1


@kernel
def find_ties(ranks: np.ndarray, seen: np.ndarray, tied: np.ndarray) -> None:
    """Whether each row of ``ranks`` (B, N) is other than 2, 4, .. 2N in some order.

    ``seen``: scratch, uint8 (2N + 1,).
    """
    for model in range(ranks.shape[0]):
        row = ranks[model]
        seen[:] = 0
        wrong = 0
        for i in range(row.size):
            wrong |= seen[row[i]] | (row[i] & 1)
            seen[row[i]] = 1
        tied[model] = wrong != 0


@kernel
def agreement_sums(
    ranks: np.ndarray,
    account: np.ndarray,
    positions: np.ndarray,
    table: np.ndarray,
    sums: np.ndarray,
    limb_bits: int = LIMB_BITS,
) -> None:
    """Sums of z g for the ranks (B, N), where g are the quantiles of the positions (A, N), which
    are 0..N-1 without ties. ``sums`` (B, 2): with g = h 2**16 + l, those of z h and of z l.

    |z h| < 2**31 * 2**15 and |z l| < 2**31 * 2**16: below 20,000 * 2**47 < 2**62.
    """
    mask = (1 << limb_bits) - 1
    for model in range(ranks.shape[0]):
        row = ranks[model]
        place = positions[account[model]]
        upper = np.int64(0)
        lower = np.int64(0)
        for i in range(row.size):
            z = table[row[i]]
            g = table[2 * np.int64(place[i]) + 2]
            upper += z * (g >> limb_bits)
            lower += z * (g & mask)
        sums[model, 0] = upper
        sums[model, 1] = lower


@kernel
def order_keys(
    ranks: np.ndarray,
    account: np.ndarray,
    positions: np.ndarray,
    along: np.ndarray,
    against: np.ndarray,
) -> None:
    """uint32 keys (B, N) that sort the rows by the others' position, rows of one position in
    ascending order of the rank and in descending order. A key is position * 2**16 + rank, or
    + 2**16 - 1 - rank: below 20,000 * 2**16 < 2**31.
    """
    last = (1 << 16) - 1
    for model in range(ranks.shape[0]):
        row = ranks[model]
        place = positions[account[model]]
        for i in range(row.size):
            above = np.int64(place[i]) << 16
            along[model, i] = np.uint32(above | row[i])
            against[model, i] = np.uint32(above | (last - row[i]))


@kernel
def ordered_sums(
    keys: np.ndarray,
    flip: int,
    table: np.ndarray,
    sums: np.ndarray,
    limb_bits: int = LIMB_BITS,
) -> None:
    """Sums of z g with z = table[(key ^ flip) & 0xffff] in the order of ``keys`` (B, N) uint32 and
    g the quantiles of N rows without ties, ascending. ``sums`` as in `agreement_sums`.
    """
    mask = (1 << limb_bits) - 1
    for model in range(keys.shape[0]):
        row = keys[model]
        upper = np.int64(0)
        lower = np.int64(0)
        for a in range(row.size):
            z = table[(np.int64(row[a]) ^ flip) & 65535]
            g = table[2 * a + 2]
            upper += z * (g >> limb_bits)
            lower += z * (g & mask)
        sums[model, 0] = upper
        sums[model, 1] = lower
