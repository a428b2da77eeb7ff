// Series with x values of their own, as uPlot wants them: one list of x, and for each series its y there, or null. Pure.

import type { Series } from "../data/pages";

export function joined(series: Series[]): [number[], ...(number | null)[][]] {
  const xs = [...new Set(series.flatMap((line) => line.x.filter((x) => Number.isFinite(x))))].sort((a, b) => a - b);
  const places = new Map(xs.map((x, place) => [x, place]));
  const columns = series.map((line) => {
    const column: (number | null)[] = new Array<number | null>(xs.length).fill(null);
    line.x.forEach((x, point) => {
      const place = places.get(x);
      const y = line.y[point];
      if (place !== undefined && y !== undefined && Number.isFinite(y)) column[place] = y;
    });
    return column;
  });
  return [xs, ...columns];
}
