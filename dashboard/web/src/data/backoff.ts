// How long to wait before the next try: doubling, with some chance in it so that many pages do not come back at once. Pure.

const FIRST = 0.5;
const LONGEST = 10;

/** Seconds before try number `tries` (from 1), with `chance` between 0 and 1. */
export function backoff(tries: number, chance: number): number {
  const base = Math.min(LONGEST, FIRST * 2 ** Math.max(0, tries - 1));
  return base * (0.8 + 0.4 * chance);
}
