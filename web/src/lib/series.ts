/** Sums over eras; an era without a value adds nothing, and is left out of lines. */

type Values = readonly (number | null)[];

/** Sum of all values up to each. */
export function cumulative(values: Values): (number | null)[] {
  let sum = 0;
  return values.map((value) => (value === null ? null : (sum += value)));
}

/** How far the cumulative sum is below its highest so far, which is 0 before the first; never
 * positive. */
export function drawdown(values: Values): (number | null)[] {
  let peak = 0;
  return cumulative(values).map((sum) => {
    if (sum === null) return null;
    peak = Math.max(peak, sum);
    return sum - peak;
  });
}
