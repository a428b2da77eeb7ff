// The part of time that the task stream shows. Pure.

/** Nothing that runs is worth a closer look than this, in seconds. */
const SHORTEST = 1e-6;
const LONGEST = 30 * 24 * 3600;
/** Until someone zooms, what is shown is all there is, between these lengths. */
const AUTO_SHORTEST = 1;
const AUTO_LONGEST = 30;
/** Room after the newest run while following it, as a share of the width. */
const MARGIN = 0.02;

/** A window on time that follows the newest run until someone moves it. */
export class View {
  from = 0;
  to = AUTO_SHORTEST;
  /** Whether the newest run stays at the right. */
  isLive = true;
  /** Whether nobody has chosen a length yet. */
  isAuto = true;

  get span(): number {
    return this.to - this.from;
  }

  /** New runs came: `earliest` and `latest` are the ends of all there is. */
  follow(earliest: number, latest: number): void {
    if (!this.isLive) return;
    const span = this.isAuto ? clamp((latest - earliest) * 1.05, AUTO_SHORTEST, AUTO_LONGEST) : this.span;
    this.to = latest + span * MARGIN;
    this.from = this.to - span;
  }

  /** Makes the window `factor` times as long; what is at `share` of the width stays where it is. */
  zoom(factor: number, share: number): void {
    const anchor = this.isLive ? 1 - MARGIN : clamp(share, 0, 1);
    const time = this.from + this.span * anchor;
    const span = clamp(this.span * factor, SHORTEST, LONGEST);
    this.from = time - span * anchor;
    this.to = this.from + span;
    this.isAuto = false;
  }

  /** Moves it by a share of its length, to later times if that is positive. */
  pan(share: number): void {
    if (share === 0) return;
    const distance = this.span * share;
    this.from += distance;
    this.to += distance;
    this.isLive = false;
    this.isAuto = false;
  }

  /** Shows all of it. */
  fit(earliest: number, latest: number): void {
    const span = Math.max(SHORTEST, (latest - earliest) * (1 + 2 * MARGIN));
    this.from = earliest - (latest - earliest) * MARGIN;
    this.to = this.from + span;
    this.isLive = false;
    this.isAuto = false;
  }

  /** Follows the newest run again, with the length that was chosen. */
  live(): void {
    this.isLive = true;
  }

  /** Keeps some of what there is in sight. */
  keepInside(earliest: number, latest: number): void {
    const span = this.span;
    const first = earliest - span * 0.9;
    const last = latest - span * 0.1;
    this.from = clamp(this.from, Math.min(first, last), Math.max(first, last));
    this.to = this.from + span;
  }

  /** Where a time is, in widths from the left. */
  share(time: number): number {
    return (time - this.from) / this.span;
  }

  /** The time at a share of the width. */
  time(share: number): number {
    return this.from + this.span * share;
  }
}

/** Times for an axis: `step` is 1, 2 or 5 of a power of ten (or whole minutes and hours), at most `most` of them. */
export function ticks(from: number, to: number, most: number): { step: number; times: number[] } {
  if (most <= 0) return { step: 1, times: [] };
  const least = Math.max((to - from) / Math.max(1, most), SHORTEST / 10);
  const step = niceStep(least);
  const times: number[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to && times.length < 1000; i++) times.push(i * step + 0);
  return { step, times };
}

function niceStep(least: number): number {
  if (least > 5) {
    for (const step of [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]) {
      if (step >= least) return step;
    }
    return Math.ceil(least / 86400) * 86400;
  }
  const power = 10 ** Math.floor(Math.log10(least));
  for (const factor of [1, 2, 5]) {
    if (power * factor >= least * (1 - 1e-9)) return power * factor;
  }
  return power * 10;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
