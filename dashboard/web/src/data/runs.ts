// The runs that the task stream draws: columns in a ring of fixed size, and for each lane the order of its runs. Pure.

import type { Runs } from "../feed";

/** As many as the server keeps. */
export const KEPT = 100_000;

/** One run, as a page shows it. */
export interface Run {
  worker: number;
  lane: number;
  start: number;
  end: number;
  function: number;
  key: string;
  bytes: number;
  ok: boolean;
}

/** A thread of a worker. */
export interface Lane {
  worker: number;
  lane: number;
  /** Numbers of runs by start; those before `head` are dropped. */
  numbers: number[];
  head: number;
}

/** A ring of runs. A run's number counts from 0 and is never used again. */
export class RunStore {
  readonly capacity: number;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly functions: Int32Array;
  readonly ok: Uint8Array;
  readonly #bytes: Float64Array;
  readonly #workers: Float64Array;
  readonly #lane: Int32Array;
  readonly #keys: string[] = [];
  readonly lanes = new Map<string, Lane>();
  /** The number that the next run gets. */
  next = 0;
  /** Runs that the server could not keep. */
  lost = 0;
  /** The latest end seen: 0 without runs. */
  latest = 0;
  /** Grows when a lane is new: whoever orders lanes looks at it. */
  laneChanges = 0;

  constructor(capacity = KEPT) {
    this.capacity = capacity;
    this.start = new Float64Array(capacity);
    this.end = new Float64Array(capacity);
    this.functions = new Int32Array(capacity);
    this.ok = new Uint8Array(capacity);
    this.#bytes = new Float64Array(capacity);
    this.#workers = new Float64Array(capacity);
    this.#lane = new Int32Array(capacity);
  }

  /** The oldest number that is still there. */
  get oldest(): number {
    return Math.max(0, this.next - this.capacity);
  }

  get size(): number {
    return Math.min(this.next, this.capacity);
  }

  clear(): void {
    this.next = 0;
    this.lost = 0;
    this.latest = 0;
    this.#keys.length = 0;
    this.lanes.clear();
    this.laneChanges += 1;
  }

  /** Takes new runs. Columns of unequal length are cut to the shortest. */
  add(runs: Runs): void {
    const columns = [runs.worker, runs.lane, runs.start, runs.end, runs.function, runs.key, runs.bytes, runs.ok];
    const length = Math.min(...columns.map((column) => column.length));
    for (let i = Math.max(0, length - this.capacity); i < length; i++) {
      const slot = this.next % this.capacity;
      this.start[slot] = runs.start[i]!;
      this.end[slot] = Math.max(runs.start[i]!, runs.end[i]!);
      this.functions[slot] = runs.function[i]!;
      this.ok[slot] = runs.ok[i]!;
      this.#bytes[slot] = runs.bytes[i]!;
      this.#workers[slot] = runs.worker[i]!;
      this.#lane[slot] = runs.lane[i]!;
      this.#keys[slot] = runs.key[i]!;
      this.latest = Math.max(this.latest, this.end[slot]!);
      this.#place(runs.worker[i]!, runs.lane[i]!, this.next);
      this.next += 1;
    }
    this.lost = runs.lost;
  }

  /** The run with this number, or null when it is gone. */
  get(number: number): Run | null {
    if (number < this.oldest || number >= this.next) return null;
    const slot = number % this.capacity;
    return {
      worker: this.#workers[slot]!,
      lane: this.#lane[slot]!,
      start: this.start[slot]!,
      end: this.end[slot]!,
      function: this.functions[slot]!,
      key: this.#keys[slot]!,
      bytes: this.#bytes[slot]!,
      ok: this.ok[slot] === 1,
    };
  }

  /** The newest run of a task, or null. Looks at all of them: not for every frame. */
  find(key: string): Run | null {
    for (let number = this.next - 1; number >= this.oldest; number--) {
      if (this.#keys[number % this.capacity] === key) return this.get(number);
    }
    return null;
  }

  /** The earliest start that is still there, or null without runs. */
  earliest(): number | null {
    let earliest = Infinity;
    for (const lane of this.lanes.values()) {
      this.#trim(lane);
      const number = lane.numbers[lane.head];
      if (number !== undefined) earliest = Math.min(earliest, this.start[number % this.capacity]!);
    }
    return Number.isFinite(earliest) ? earliest : null;
  }

  /** The place in `lane.numbers` of the first run that ends after `time`. */
  firstAfter(lane: Lane, time: number): number {
    this.#trim(lane);
    let low = lane.head;
    let high = lane.numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.end[lane.numbers[middle]! % this.capacity]! > time) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The number of the run at `time`, or the nearest within `slack` seconds, or null. */
  at(lane: Lane, time: number, slack: number): number | null {
    const place = this.firstAfter(lane, time);
    let best: number | null = null;
    let distance = slack;
    for (const number of [lane.numbers[place - 1], lane.numbers[place]]) {
      if (number === undefined || number < this.oldest) continue;
      const slot = number % this.capacity;
      const away = Math.max(0, this.start[slot]! - time, time - this.end[slot]!);
      if (away <= distance) {
        best = number;
        distance = away;
      }
    }
    return best;
  }

  #place(worker: number, laneNumber: number, number: number): void {
    const name = `${worker}/${laneNumber}`;
    let lane = this.lanes.get(name);
    if (!lane) {
      lane = { worker, lane: laneNumber, numbers: [], head: 0 };
      this.lanes.set(name, lane);
      this.laneChanges += 1;
    }
    // Reports of one lane come in order, but for those that were on their way when a connection broke.
    let at = lane.numbers.length;
    const start = this.start[number % this.capacity]!;
    while (at > lane.head && this.#startsAfter(lane.numbers[at - 1]!, start)) at -= 1;
    if (at === lane.numbers.length) lane.numbers.push(number);
    else lane.numbers.splice(at, 0, number);
    if (lane.numbers.length % 256 === 0) this.#trim(lane);
  }

  #startsAfter(number: number, start: number): boolean {
    return number > this.next - this.capacity && this.start[number % this.capacity]! > start;
  }

  #trim(lane: Lane): void {
    const oldest = this.oldest;
    while (lane.head < lane.numbers.length && lane.numbers[lane.head]! < oldest) lane.head += 1;
    if (lane.head > 1024 && lane.head * 2 > lane.numbers.length) {
      lane.numbers.splice(0, lane.head);
      lane.head = 0;
    }
  }
}
