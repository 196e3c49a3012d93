// Units and bounds of the protocol (docs/formats.md, section 1; oracle/settlement/units.py).

export const WEI_PER_UNIT = 10n ** 9n;
/** U of one NMR: stakes are whole U. */
export const UNITS_PER_NMR = 10n ** 9n;
export const WEI_PER_NMR = WEI_PER_UNIT * UNITS_PER_NMR;
/** Smallest deposit or partial release, in U. */
export const MIN_STAKE = UNITS_PER_NMR / 10n;
export const MILLIONTH = 10n ** 6n;
export const RATE_ONE = 10n ** 12n;
export const SCALE_BITS = 40n;
export const SCALE_ONE = 1n << SCALE_BITS;
export const MAX_AMOUNT = (1n << 56n) - 1n;
export const MAX_SCORE = (1n << 19n) - 1n;
export const MAX_UINT256 = (1n << 256n) - 1n;
export const COMPOUND = 1n;
export const TAKE_PROFIT = 2n;

/** U of an amount of NMR as people write it. Throws an error that says what is wrong. */
export function unitsOf(text: string): bigint {
  const found = /^(\d{1,9})?(?:\.(\d*))?$/.exec(text.trim());
  if (!found || !/\d/.test(text)) throw new Error("this is no amount of NMR: write it as in 2.5");
  const decimals = (found[2] ?? "").replace(/0+$/, "");
  if (decimals.length > 9) throw new Error("an amount of NMR has at most 9 decimals here");
  const units = BigInt(found[1] ?? "0") * UNITS_PER_NMR + BigInt(decimals.padEnd(9, "0") || "0");
  if (units > MAX_AMOUNT) throw new Error("there is not so much NMR");
  return units;
}

/** Exact decimal text of an amount of `one` parts to the whole, without zeros at its end. */
function exact(amount: bigint, one: bigint): string {
  const size = amount < 0n ? -amount : amount;
  const rest = (size % one).toString().padStart(one.toString().length - 1, "0").replace(/0+$/, "");
  return `${amount < 0n ? "-" : ""}${size / one}${rest && `.${rest}`}`;
}

/** U as decimal text in NMR. */
export const nmrOfUnits = (units: bigint): string => exact(units, UNITS_PER_NMR);

/** Wei as decimal text in NMR. */
export const nmrOfWei = (wei: bigint): string => exact(wei, WEI_PER_NMR);

/** A fraction of `one` as a percentage, exact, with a true minus. */
export const percent = (rate: bigint, one: bigint = RATE_ONE): string =>
  `${exact(100n * rate, one).replace("-", "\u2212")} %`;
