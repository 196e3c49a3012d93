"""Compiled loops of the exact scores, all in integers: no order of their sums can matter.

Arrays are C-contiguous and writable, one model a row: int64 values and keys, uint16 doubled ranks
(2N <= 40,000). The bounds in the docstrings hold for N <= 20,000 rows and M <= 100,000 models.
"""

from typing import Final

import numpy as np

from oracle.scoring.compiled import kernel
from oracle.scoring.limits import LIMB_BITS

DIGIT_BITS: Final = 11
"""Bits of a pass of `sort_rows`: 2**11 counters fit the first-level cache."""

CHUNK: Final = 1024
"""Rows at a time in `table_sums`, so that what was looked up stays in the first-level cache."""


@kernel
def extremes(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Write the least and the largest value of each row of ``values`` (B, N), N >= 1."""
    for model in range(values.shape[0]):
        row = values[model]
        least = row[0]
        largest = row[0]
        for i in range(row.size):
            least = min(least, row[i])
            largest = max(largest, row[i])
        low[model] = least
        high[model] = largest


@kernel
def sort_keys(values: np.ndarray, low: np.ndarray, row_bits: int, keys: np.ndarray) -> None:
    """``(value - low) << row_bits | row`` for ``values`` (B, N), with ``low`` each row's least.

    The caller keeps the differences below 2**(63 - row_bits) and N <= 2**row_bits, so that the keys
    are distinct int64 >= 0.
    """
    for model in range(values.shape[0]):
        row = values[model]
        out = keys[model]
        least = low[model]
        for i in range(row.size):
            out[i] = ((row[i] - least) << row_bits) | i


@kernel
def sort_rows(
    keys: np.ndarray, low_bit: int, high_bit: int, spare: np.ndarray, counts: np.ndarray
) -> None:
    """Sort each row of ``keys`` (B, N) by its bits low_bit..high_bit - 1, equal ones as they were.

    A radix sort of `DIGIT_BITS` bits a pass: as fast for any values, and without wide registers.

    ``spare`` (N,) int64 and ``counts`` (2**DIGIT_BITS,) int64 are scratch. Keys are >= 0.
    """
    mask = (1 << DIGIT_BITS) - 1
    for model in range(keys.shape[0]):
        source = keys[model]
        sorted_by = spare
        swapped = False
        for shift in range(low_bit, high_bit, DIGIT_BITS):
            counts[:] = 0
            for i in range(source.size):
                counts[(source[i] >> shift) & mask] += 1
            before = np.int64(0)
            for digit in range(mask + 1):
                count = counts[digit]
                counts[digit] = before
                before += count
            for i in range(source.size):
                digit = (source[i] >> shift) & mask
                sorted_by[counts[digit]] = source[i]
                counts[digit] += 1
            source, sorted_by = sorted_by, source
            swapped = not swapped
        if swapped:
            for i in range(source.size):
                sorted_by[i] = source[i]


@kernel
def ranks_of_keys(keys: np.ndarray, row_bits: int, ranks: np.ndarray) -> None:
    """Doubled ranks of each row of ``keys`` (B, N), which are `sort_keys` in ascending order.

    Positions a..b-1 that hold one value share the mean rank: doubled, a + b + 1.
    """
    mask = (1 << row_bits) - 1
    for model in range(keys.shape[0]):
        row = keys[model]
        out = ranks[model]
        ties = 0
        before = np.int64(-1)
        for a in range(row.size):
            value = row[a] >> row_bits
            ties += value == before
            before = value
            out[row[a] & mask] = np.uint16(2 * (a + 1))
        if ties:
            start = 0
            for b in range(1, row.size + 1):
                if b < row.size and (row[b] ^ row[start]) <= mask:
                    continue
                if b - start > 1:
                    for a in range(start, b):
                        out[row[a] & mask] = np.uint16(start + b + 1)
                start = b


@kernel
def check_ranks(ranks: np.ndarray, low: np.ndarray, high: np.ndarray, total: np.ndarray) -> None:
    """Write the least, the largest and the sum of each row of ``ranks`` (B, N)."""
    for model in range(ranks.shape[0]):
        row = ranks[model]
        least = row[0]
        largest = row[0]
        count = np.int64(0)
        for i in range(row.size):
            least = min(least, row[i])
            largest = max(largest, row[i])
            count += np.int64(row[i])
        low[model] = least
        high[model] = largest
        total[model] = count


@kernel
def add_stakes(
    ranks: np.ndarray, high: np.ndarray, low: np.ndarray, sum_high: np.ndarray, sum_low: np.ndarray
) -> None:
    """Add the ranks (B, N) weighted by ``high`` (B,) and by ``low`` (B,) to the two sums (N,).

    ``high`` and ``low`` are the halves of stakes, below 2**28. Over a whole round a sum stays below
    M * 2**28 * 2N <= 100,000 * 2**28 * 40,000 < 2**60.
    """
    for model in range(ranks.shape[0]):
        row = ranks[model]
        above = high[model]
        below = low[model]
        for i in range(row.size):
            sum_high[i] += above * np.int64(row[i])
            sum_low[i] += below * np.int64(row[i])


@kernel
def table_sums(
    ranks: np.ndarray,
    table: np.ndarray,
    vectors: np.ndarray,
    moments: np.ndarray,
    products: np.ndarray,
    limb_bits: int = LIMB_BITS,
) -> None:
    """Sums over x = table[rank] of each row of ``ranks`` (B, N).

    ``moments`` (B, 4): sum x and, with x = h 2**16 + l and 0 <= l < 2**16, the sums of h h, h l
    and l l. ``products`` (B, V, 2): for each of the ``vectors`` (V, N), with v = h 2**16 + l
    likewise, the sums of x h and x l.

    |x| <= 2**32 and |v| <= 2**32, so |h| <= 2**16: each sum is at most
    N * 2**32 * 2**16 <= 20,000 * 2**48 < 2**63.
    """
    rows = ranks.shape[1]
    below = (1 << limb_bits) - 1
    looked_up = np.empty(CHUNK, np.int64)
    moments[:] = 0
    products[:] = 0
    for model in range(ranks.shape[0]):
        for start in range(0, rows, CHUNK):
            size = min(CHUNK, rows - start)
            part = ranks[model, start : start + size]
            for i in range(size):
                looked_up[i] = table[part[i]]
            x = looked_up[:size]
            plain = np.int64(0)
            square_high = np.int64(0)
            square_mixed = np.int64(0)
            square_low = np.int64(0)
            for i in range(size):
                h = x[i] >> limb_bits
                rest = x[i] & below
                plain += x[i]
                square_high += h * h
                square_mixed += h * rest
                square_low += rest * rest
            moments[model, 0] += plain
            moments[model, 1] += square_high
            moments[model, 2] += square_mixed
            moments[model, 3] += square_low
            for which in range(vectors.shape[0]):
                v = vectors[which, start : start + size]
                upper = np.int64(0)
                lower = np.int64(0)
                for i in range(size):
                    upper += x[i] * (v[i] >> limb_bits)
                    lower += x[i] * (v[i] & below)
                products[model, which, 0] += upper
                products[model, which, 1] += lower


@kernel
def add_weighted(
    ranks: np.ndarray,
    table: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    sum_high: np.ndarray,
    sum_low: np.ndarray,
) -> None:
    """Add z = table[rank] of the ranks (B, N) times ``high`` and times ``low`` (B,)
    to the two sums (N,).

    Both weights are below 2**20, |z| < 2**30.1 (`normal_table`'s quantiles) and at most 5,000
    models are summed: below 2**(20 + 30.1 + 12.3) < 2**63.
    """
    for model in range(ranks.shape[0]):
        row = ranks[model]
        above = high[model]
        below = low[model]
        for i in range(row.size):
            z = table[row[i]]
            sum_high[i] += above * z
            sum_low[i] += below * z


@kernel
def unit_rows(
    ranks: np.ndarray, table: np.ndarray, total: np.ndarray, scale: np.ndarray, out: np.ndarray
) -> None:
    """``out`` (B, N) float64: (N z - total) * scale, z = table[rank]. |N z - total| < 2**46."""
    for model in range(ranks.shape[0]):
        row = ranks[model]
        for i in range(row.size):
            out[model, i] = float(row.size * table[row[i]] - total[model]) * scale[model]
