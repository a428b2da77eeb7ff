// The task stream's canvas: where things are, and what pointers and keys do to it. What it looks like is paint.ts.

import type { Model } from "../data/model";
import { type LaneRow, laneRows } from "./lanes";
import { Painter } from "./paint";
import { View } from "./view";

/** What the pointer is over. */
export interface Hover {
  number: number;
  x: number;
  y: number;
}

export interface StreamEvents {
  hover(hover: Hover | null): void;
  open(key: string): void;
  moved(isLive: boolean): void;
}

/** Pixels on a screen of ordinary density. */
export const GUTTER = 132;
export const AXIS = 22;
const LANE_LEAST = 6;
const LANE_MOST = 56;
/** A press that moves less is a click. */
const CLICK = 4;
/** How near to a run the pointer must be, in pixels. */
const NEAR = 4;

/** Draws when something changed, at most once a frame, and only what is in sight. */
export class StreamCanvas {
  readonly view = new View();
  rows: LaneRow[] = [];
  /** Pixels that the lanes are scrolled down by. */
  top = 0;
  laneHeight = LANE_MOST;
  width = 0;
  height = 0;
  /** Number of the run that the keyboard chose. */
  selected: number | null = null;
  readonly #canvas: HTMLCanvasElement;
  readonly #model: Model;
  readonly #only: number | null;
  readonly #events: StreamEvents;
  readonly #painter: Painter;
  readonly #off = new AbortController();
  readonly #resize: ResizeObserver;
  #frame = 0;
  #press: { x: number; y: number; moved: boolean; id: number } | null = null;

  constructor(canvas: HTMLCanvasElement, model: Model, only: number | null, events: StreamEvents) {
    this.#canvas = canvas;
    this.#model = model;
    this.#only = only;
    this.#events = events;
    this.#painter = new Painter(canvas, model);
    const on = { signal: this.#off.signal };
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false, signal: this.#off.signal });
    canvas.addEventListener("pointerdown", (event) => this.#down(event), on);
    canvas.addEventListener("pointermove", (event) => this.#move(event), on);
    canvas.addEventListener("pointerup", (event) => this.#up(event), on);
    canvas.addEventListener("pointercancel", () => (this.#press = null), on);
    canvas.addEventListener("pointerleave", () => this.#events.hover(null), on);
    canvas.addEventListener("keydown", (event) => this.#key(event), on);
    canvas.addEventListener("focus", () => this.draw(), on);
    canvas.addEventListener("blur", () => this.draw(), on);
    this.#resize = new ResizeObserver(() => this.#resized());
    this.#resize.observe(canvas);
    this.#resized();
  }

  close(): void {
    this.#off.abort();
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** The model changed. */
  update(): void {
    this.rows = laneRows(this.#model, this.#only);
    this.#measure();
    this.#follow();
    this.draw();
  }

  /** Draws with the next frame. */
  draw(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#painter.paint(this);
    });
  }

  zoom(factor: number, share = 0.5): void {
    this.view.zoom(factor, share);
    this.#follow();
    this.#changed();
  }

  fit(): void {
    const earliest = this.#model.runs.earliest();
    if (earliest === null) return;
    this.view.fit(earliest, this.#model.runs.latest);
    this.#changed();
  }

  live(): void {
    this.view.live();
    this.#follow();
    this.#changed();
  }

  /** The row at a height, or null. */
  rowAt(y: number): LaneRow | null {
    if (y >= this.height - AXIS) return null;
    return this.rows[Math.floor((y + this.top) / this.laneHeight)] ?? null;
  }

  #follow(): void {
    const runs = this.#model.runs;
    this.view.follow(runs.earliest() ?? this.#model.time, runs.size > 0 ? runs.latest : this.#model.time);
  }

  #changed(): void {
    this.#events.hover(null);
    this.#events.moved(this.view.isLive);
    this.draw();
  }

  #resized(): void {
    const box = this.#canvas.getBoundingClientRect();
    this.width = Math.max(GUTTER + 50, Math.round(box.width));
    this.height = Math.max(AXIS + 20, Math.round(box.height));
    this.#measure();
    this.draw();
  }

  #measure(): void {
    const room = this.height - AXIS;
    const fitting = Math.floor(room / Math.max(1, this.rows.length));
    this.laneHeight = Math.min(LANE_MOST, Math.max(LANE_LEAST, fitting));
    this.#scroll(0);
  }

  #scroll(pixels: number): void {
    const most = Math.max(0, this.rows.length * this.laneHeight - (this.height - AXIS));
    this.top = Math.min(most, Math.max(0, this.top + pixels));
  }

  #pan(share: number): void {
    this.view.pan(share);
    this.view.keepInside(this.#model.runs.earliest() ?? 0, this.#model.runs.latest);
    this.#changed();
  }

  #share(x: number): number {
    return (x - GUTTER) / (this.width - GUTTER);
  }

  #runAt(x: number, y: number): number | null {
    const lane = this.rowAt(y)?.lane;
    if (!lane || x < GUTTER) return null;
    const slack = (NEAR / (this.width - GUTTER)) * this.view.span;
    return this.#model.runs.at(lane, this.view.time(this.#share(x)), slack);
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? this.height : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    const sideways = event.shiftKey ? dx || dy : Math.abs(dx) > Math.abs(dy) ? dx : 0;
    if (sideways !== 0) return this.#pan(sideways / (this.width - GUTTER));
    if (event.offsetX < GUTTER) {
      this.#scroll(dy);
      return this.draw();
    }
    this.zoom(Math.exp(Math.max(-200, Math.min(200, dy)) * 0.002), this.#share(event.offsetX));
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#press = { x: event.offsetX, y: event.offsetY, moved: false, id: event.pointerId };
  }

  #move(event: PointerEvent): void {
    const [x, y] = [event.offsetX, event.offsetY];
    const press = this.#press;
    if (press && (press.moved || Math.hypot(x - press.x, y - press.y) >= CLICK)) {
      if (!press.moved) this.#canvas.setPointerCapture(press.id);
      press.moved = true;
      this.#scroll(press.y - y);
      this.#pan((press.x - x) / (this.width - GUTTER));
      press.x = x;
      press.y = y;
      return this.draw();
    }
    const number = this.#runAt(x, y);
    this.#canvas.classList.toggle("is-over", number !== null);
    this.#events.hover(number === null ? null : { number, x, y });
  }

  #up(event: PointerEvent): void {
    const press = this.#press;
    this.#press = null;
    if (!press || press.moved) return;
    const number = this.#runAt(event.offsetX, event.offsetY);
    const run = number === null ? null : this.#model.runs.get(number);
    if (run) this.#events.open(run.key);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => (event.shiftKey ? this.#select(-1, 0) : this.#pan(-0.1)),
      ArrowRight: () => (event.shiftKey ? this.#select(1, 0) : this.#pan(0.1)),
      ArrowUp: () => (event.shiftKey ? this.#select(0, -1) : this.#scrolled(-this.laneHeight * 2)),
      ArrowDown: () => (event.shiftKey ? this.#select(0, 1) : this.#scrolled(this.laneHeight * 2)),
      "+": () => this.zoom(0.8),
      "=": () => this.zoom(0.8),
      "-": () => this.zoom(1.25),
      "0": () => this.fit(),
      End: () => this.live(),
      l: () => this.live(),
      Enter: () => this.#openSelected(),
      Escape: () => this.#deselect(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #scrolled(pixels: number): void {
    this.#scroll(pixels);
    this.draw();
  }

  /** Moves the choice along its lane, or to what runs at the same time in another one. */
  #select(along: number, across: number): void {
    const runs = this.#model.runs;
    const current = this.selected === null ? null : runs.get(this.selected);
    let index = this.rows.findIndex((row) => row.worker === current?.worker && row.number === current.lane);
    let time = current ? (current.start + current.end) / 2 : this.view.time(0.5);
    if (index < 0) index = this.rows.findIndex((row) => row.lane !== null);
    else if (across !== 0) {
      do index += across;
      while (this.rows[index] && !this.rows[index]!.lane);
    }
    const lane = this.rows[index]?.lane;
    if (!lane) return;
    let place = runs.firstAfter(lane, time);
    if (current && across === 0) place += along;
    place = Math.min(lane.numbers.length - 1, Math.max(lane.head, place));
    const number = lane.numbers[place];
    const run = number === undefined ? null : runs.get(number);
    if (number === undefined || !run) return;
    this.selected = number;
    time = (run.start + run.end) / 2;
    const share = this.view.share(time);
    if (share < 0 || share > 1) this.#pan(share - 0.5);
    this.#scrollTo(index);
    const x = GUTTER + Math.min(1, Math.max(0, this.view.share(time))) * (this.width - GUTTER);
    this.#events.hover({ number, x, y: (index + 1) * this.laneHeight - this.top });
    this.draw();
  }

  #scrollTo(index: number): void {
    const y = index * this.laneHeight;
    if (y < this.top) this.#scroll(y - this.top);
    const bottom = y + this.laneHeight - (this.height - AXIS);
    if (bottom > this.top) this.#scroll(bottom - this.top);
  }

  #openSelected(): void {
    const run = this.selected === null ? null : this.#model.runs.get(this.selected);
    if (run) this.#events.open(run.key);
  }

  #deselect(): void {
    this.selected = null;
    this.#events.hover(null);
    this.draw();
  }
}
