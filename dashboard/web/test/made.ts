// Runs for tests.

import type { Runs } from "../src/feed";

/** Runs of one second each, one after the other, in the lanes given. */
export function runsOf(lanes: number[], from = 0, length = 1): Runs {
  const starts = lanes.map((_, i) => from + i);
  return {
    worker: lanes.map(() => 0), lane: lanes, start: starts, end: starts.map((start) => start + length), function: lanes.map((_, i) => i % 3),
    key: lanes.map((_, i) => `key-${from + i}`), bytes: lanes.map(() => 8), ok: lanes.map((_, i) => (i === 2 ? 0 : 1)), lost: 0,
  };
}
