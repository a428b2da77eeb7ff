// From values to places and colours. Pure.

/** Ends of some values, or null when none is finite. */
export function ends(lists: readonly (readonly number[])[]): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

/** Some room on both sides; a single value gets a range of its own. */
export function widened([low, high]: [number, number], by: number): [number, number] {
  const span = high - low || Math.abs(high) || 1;
  return [low - span * by, high + span * by];
}

export interface ColourScale {
  /** Between 0 and 1; NaN for what is not finite. */
  share(value: number): number;
  /** The value at a share: for the legend. */
  value(share: number): number;
  isLog: boolean;
}

/** How many times the middle value the largest may be before steps of equal size show little but the largest. */
const SKEWED = 8;

/** Linear, or logarithmic for values that are all positive (or zero) and some of them far larger than most. */
export function colourScale(values: readonly number[]): ColourScale {
  const finite = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  const low = finite[0] ?? 0;
  const high = finite.at(-1) ?? 1;
  const middle = finite[finite.length >> 1] ?? 0;
  const least = finite.find((value) => value > 0);
  if (low >= 0 && least !== undefined && high > SKEWED * middle && high > 100 * least) {
    // A lone tiny value must not take most of the colours.
    const floor = Math.max(least, high * 1e-6);
    const [a, b] = [Math.log(floor), Math.log(high)];
    return {
      isLog: true,
      share: (value) => (Number.isFinite(value) ? clamp((Math.log(Math.max(value, floor)) - a) / (b - a)) : NaN),
      value: (share) => Math.exp(a + share * (b - a)),
    };
  }
  const span = high - low || 1;
  return {
    isLog: false,
    share: (value) => (Number.isFinite(value) ? clamp((value - low) / span) : NaN),
    value: (share) => low + share * span,
  };
}

/** Round numbers between two ends. */
export function roundTicks(low: number, high: number, most: number): number[] {
  const least = (high - low) / Math.max(1, most);
  if (!(least > 0) || !Number.isFinite(least)) return [];
  const power = 10 ** Math.floor(Math.log10(least));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) ?? 10) * power;
  const found: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9 && found.length < 100; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

export interface Grid {
  xs: number[];
  ys: number[];
  /** Row by row, the lowest first. Gaps are NaN. */
  values: Float64Array;
}

/** A grid may have this many cells for each point that lies on it: more, and the points lie anywhere. */
const SPARSE = 8;

/** The grid that the points of a heat map lie on: each distinct x is a column, each distinct y a row. Null if there is none. */
export function gridOf(x: readonly number[], y: readonly number[], z: readonly number[]): Grid | null {
  const xs = distinct(x);
  const ys = distinct(y);
  const length = Math.min(x.length, y.length, z.length);
  if (xs.length * ys.length > SPARSE * length) return null;
  const [columns, rows] = [placesOf(xs), placesOf(ys)];
  const values = new Float64Array(xs.length * ys.length).fill(NaN);
  for (let i = 0; i < length; i++) {
    const [column, row] = [columns.get(x[i]!), rows.get(y[i]!)];
    if (column !== undefined && row !== undefined) values[row * xs.length + column] = z[i]!;
  }
  return { xs, ys, values };
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values.filter((value) => Number.isFinite(value)))].sort((a, b) => a - b);
}

function placesOf(values: number[]): Map<number, number> {
  return new Map(values.map((value, place) => [value, place]));
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
