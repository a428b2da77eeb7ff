// Level of detail: runs narrower than a few pixels become one row of pixels, coloured by what ran there and as dense as it
// ran; wider ones are drawn one by one. The cost is one look at each visible run and one pixel each, whatever the zoom. Pure.

import type { Lane, RunStore } from "../data/runs";

/** From this many pixels on a run is a rectangle of its own. */
export const WIDE = 3;
/** One short run alone in its pixel must still be seen. */
const FAINTEST = 0.3;

/** A run that is drawn by itself, in pixels. */
export interface Wide {
  number: number;
  left: number;
  right: number;
}

/** One lane's pixels. Used again for every lane and frame. */
export class Bins {
  readonly width: number;
  /** Share of each pixel that something ran in. */
  readonly cover: Float32Array;
  /** Whether something failed there. */
  readonly failed: Uint8Array;
  readonly #red: Float32Array;
  readonly #green: Float32Array;
  readonly #blue: Float32Array;
  readonly wide: Wide[] = [];
  /** Whether any run went into the pixels. */
  isDense = false;
  hasFailures = false;

  constructor(width: number) {
    this.width = width;
    this.cover = new Float32Array(width);
    this.failed = new Uint8Array(width);
    this.#red = new Float32Array(width);
    this.#green = new Float32Array(width);
    this.#blue = new Float32Array(width);
  }

  /** Sorts a lane's runs between two times into pixels and rectangles. */
  fill(runs: RunStore, lane: Lane, from: number, to: number, colour: (id: number) => readonly number[]): void {
    this.#clear();
    const scale = this.width / (to - from);
    const { start, end, functions, ok, capacity, oldest } = runs;
    for (let i = runs.firstAfter(lane, from); i < lane.numbers.length; i++) {
      const number = lane.numbers[i]!;
      if (number < oldest) continue;
      const slot = number % capacity;
      if (start[slot]! >= to) break;
      const left = (start[slot]! - from) * scale;
      const right = (end[slot]! - from) * scale;
      if (right - left >= WIDE) this.wide.push({ number, left, right });
      else this.#spread(left, right, colour(functions[slot]!), ok[slot] !== 1);
    }
  }

  /** Writes the row as RGBA into `data` from `offset` on. */
  write(data: Uint8ClampedArray, offset: number): void {
    for (let x = 0; x < this.width; x++) {
      const cover = this.cover[x]!;
      const at = offset + x * 4;
      if (cover <= 0) {
        data[at + 3] = 0;
        continue;
      }
      data[at] = this.#red[x]! / cover;
      data[at + 1] = this.#green[x]! / cover;
      data[at + 2] = this.#blue[x]! / cover;
      data[at + 3] = 255 * Math.min(1, Math.max(FAINTEST, cover));
    }
  }

  #spread(left: number, right: number, colour: readonly number[], failed: boolean): void {
    const first = Math.max(0, Math.floor(left));
    const last = Math.min(this.width - 1, Math.floor(right));
    for (let x = first; x <= last; x++) {
      // A run of no length covers nothing, and ran all the same.
      const cover = Math.max(1e-4, Math.min(right, x + 1) - Math.max(left, x));
      this.cover[x] = this.cover[x]! + cover;
      this.#red[x] = this.#red[x]! + cover * colour[0]!;
      this.#green[x] = this.#green[x]! + cover * colour[1]!;
      this.#blue[x] = this.#blue[x]! + cover * colour[2]!;
      this.isDense = true;
      if (failed) {
        this.failed[x] = 1;
        this.hasFailures = true;
      }
    }
  }

  #clear(): void {
    this.wide.length = 0;
    this.hasFailures = false;
    if (!this.isDense) return;
    this.isDense = false;
    this.cover.fill(0);
    this.failed.fill(0);
    this.#red.fill(0);
    this.#green.fill(0);
    this.#blue.fill(0);
  }
}
