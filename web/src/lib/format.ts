/** Numbers and times as people read them; the exact value goes into the title beside. */

const MINUS = "\u2212";

/** NMR with three places, of large amounts none: columns keep their decimal points in line. */
export function nmr(text: string | null | undefined, places?: number): string {
  if (text === null || text === undefined) return "\u2013";
  const value = Number(text);
  const size = Math.abs(value);
  const shown = size >= 100_000 ? 0 : (places ?? 3);
  if (size > 0 && size < 0.5 * 10 ** -shown) return `${value < 0 ? MINUS : ""}<${(10 ** -shown).toFixed(shown)}`;
  const digits = size.toLocaleString("en", {
    minimumFractionDigits: shown,
    maximumFractionDigits: shown,
  });
  return value < 0 ? MINUS + digits : digits;
}

/** NMR with its sign, plus too: the sign says it where colour does not. */
export function signed(text: string | null | undefined, places = 4): string {
  if (text === null || text === undefined) return "\u2013";
  return Number(text) > 0 ? `+${nmr(text, places)}` : nmr(text, places);
}

/** What stands in the title of an amount: all nine places as far as there are any. */
export function fullNmr(text: string | null | undefined): string {
  return text === null || text === undefined ? "" : `${text} NMR`;
}

/** A score with a true minus and four places. */
export function score(value: number | null | undefined, places = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "\u2013";
  const rounded = value.toFixed(places);
  return rounded.startsWith("-") ? (Number(rounded) === 0 ? rounded.slice(1) : MINUS + rounded.slice(1)) : rounded;
}

export function percent(value: number | null | undefined, places = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "\u2013";
  return `${score(value * 100, places)}\u202f%`;
}

/** A time in the reader's zone; its title is UTC. */
export function local(iso: string | null | undefined, withSeconds = false): string {
  if (!iso) return "\u2013";
  return new Date(iso).toLocaleString(undefined, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    ...(withSeconds ? { second: "2-digit" } : {}),
  });
}

export function utc(iso: string | null | undefined): string {
  return iso ? `${iso.replace("T", " ").replace("Z", "")} UTC` : "";
}

const STEPS: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** A span in its two largest units: 3 d 4 h, 12 min 5 s. */
export function span(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds));
  const first = STEPS.findIndex(([size]) => left >= size);
  if (first < 0) return "0 s";
  const parts: string[] = [];
  for (const [size, name] of STEPS.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count}\u202f${name}`);
  }
  return parts.join(" ");
}

/** An address or hash with its middle left out; the title has all of it. */
export function short(hex: string | null | undefined): string {
  if (!hex) return "\u2013";
  return hex.length > 14 ? `${hex.slice(0, 6)}\u2026${hex.slice(-4)}` : hex;
}

/** Whole numbers in groups. */
export function count(value: number): string {
  return value.toLocaleString("en");
}
