// Lines over time: one sample a second, five minutes of them. Pure.

export const SAMPLES = 300;

/** What a line is made of. */
export interface Sample {
  time: number;
  /** Runs that ended well, a second; null right after a gap. */
  rate: number | null;
  memory: number;
  occupancy: number;
}

/** Samples of totals that come at uneven times. */
export class History {
  readonly samples: Sample[] = [];
  #last: { time: number; finished: number } | null = null;

  /** Notes totals. Returns whether a sample was made of them. */
  note(time: number, finished: number, memory: number, occupancy: number): boolean {
    const last = this.#last;
    if (last && time - last.time < 1) return false;
    const isWhole = last !== null && finished >= last.finished && time - last.time < 5;
    const rate = isWhole ? (finished - last.finished) / (time - last.time) : null;
    this.#last = { time, finished };
    this.samples.push({ time, rate, memory, occupancy });
    if (this.samples.length > SAMPLES) this.samples.shift();
    return true;
  }

  /** The newest rate: 0 before there is one. */
  get rate(): number {
    return this.samples.at(-1)?.rate ?? 0;
  }

  /** Another scheduler, another clock. */
  clear(): void {
    this.samples.length = 0;
    this.#last = null;
  }

  /** The connection was away: what ended meanwhile belongs to no second. */
  interrupt(): void {
    this.#last = null;
  }
}
