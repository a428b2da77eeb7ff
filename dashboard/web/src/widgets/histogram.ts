// How many values are in each of some equal ranges. Pure.

export interface Bin {
  from: number;
  to: number;
  count: number;
}

/** `bins` ranges from 0 to the largest value. */
export function histogram(values: number[], bins: number): Bin[] {
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  const width = (most > 0 ? most : 1) / bins;
  const found = Array.from({ length: bins }, (_, i) => ({ from: i * width, to: (i + 1) * width, count: 0 }));
  for (const value of values) {
    const at = Math.min(bins - 1, Math.max(0, Math.floor(value / width)));
    found[at]!.count += 1;
  }
  return found;
}
