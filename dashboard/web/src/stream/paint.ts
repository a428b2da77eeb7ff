// What the task stream looks like. Works in the screen's own pixels, so that edges are sharp.

import { FAILED, functionColour, isLight, rgb } from "../colour";
import type { Model } from "../data/model";
import { clock } from "../format";
import { themeColours } from "../theme";
import { Bins } from "./bins";
import { AXIS, GUTTER, type StreamCanvas } from "./canvas";
import { ticks } from "./view";

const FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** Draws onto one canvas. */
export class Painter {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #model: Model;
  /** One row of pixels for each lane in sight; stretched to the lane's height. */
  readonly #strip = document.createElement("canvas");
  #bins = new Bins(1);
  #image: ImageData | null = null;
  #ratio = 1;

  constructor(canvas: HTMLCanvasElement, model: Model) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d")!;
    this.#model = model;
  }

  paint(stream: StreamCanvas): void {
    const started = performance.now();
    const ratio = (this.#ratio = Math.min(3, window.devicePixelRatio || 1));
    const [width, height] = [Math.round(stream.width * ratio), Math.round(stream.height * ratio)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const { first, last } = rowsInSight(stream);
    this.#background(stream, first, last);
    this.#lanes(stream, first, last);
    this.#names(stream, first, last);
    this.#scrollbar(stream);
    // For whoever checks or measures: what is shown, and what drawing it took in milliseconds.
    const { dataset } = this.#canvas;
    dataset["from"] = String(stream.view.from);
    dataset["to"] = String(stream.view.to);
    dataset["drawn"] = (performance.now() - started).toFixed(2);
  }

  #background(stream: StreamCanvas, first: number, last: number): void {
    const { width, height, laneHeight, top, view, rows } = stream;
    const context = this.#context;
    const colours = themeColours();
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    const bottom = height - AXIS;
    const marks = ticks(view.from, view.to, this.#model.runs.size === 0 ? 0 : Math.max(2, (width - GUTTER) / 110));
    context.font = FONT;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const time of marks.times) {
      const x = Math.round(GUTTER + view.share(time) * (width - GUTTER)) + 0.5;
      context.fillStyle = colours.grid;
      context.fillRect(x - 0.5, 0, 1, bottom);
      context.fillStyle = colours.muted;
      const label = clock(time, marks.step);
      const half = context.measureText(label).width / 2 + 2;
      context.fillText(label, Math.min(width - half, Math.max(GUTTER + half, x)), bottom + AXIS / 2 + 1);
    }
    context.fillStyle = colours.line;
    context.fillRect(GUTTER, bottom, width - GUTTER, 1);
    for (let i = first; i < last; i++) {
      if (rows[i]!.isFirst && i > 0) context.fillRect(0, Math.round(i * laneHeight - top), width, 1);
    }
  }

  #lanes(stream: StreamCanvas, first: number, last: number): void {
    const ratio = this.#ratio;
    const left = Math.round(GUTTER * ratio);
    const width = Math.max(1, Math.round(stream.width * ratio) - left);
    const rows = Math.max(1, last - first);
    if (this.#bins.width !== width) this.#bins = new Bins(width);
    if (this.#image?.width !== width || this.#image.height !== rows) {
      this.#image = new ImageData(width, rows);
      this.#strip.width = width;
      this.#strip.height = rows;
    }
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.save();
    context.beginPath();
    context.rect(left, 0, width, Math.round((stream.height - AXIS) * ratio));
    context.clip();
    const wide: (() => void)[] = [];
    const dense: number[] = [];
    for (let i = first; i < last; i++) {
      const lane = stream.rows[i]!.lane;
      if (!lane) continue;
      const bins = this.#bins;
      bins.fill(this.#model.runs, lane, stream.view.from, stream.view.to, colourOf);
      if (bins.isDense) {
        bins.write(this.#image.data, (i - first) * width * 4);
        dense.push(i);
      }
      if (bins.wide.length > 0) {
        const runs = bins.wide.slice();
        wide.push(() => {
          for (const run of runs) this.#rectangle(stream, i, left, run.number, run.left, run.right);
        });
      }
      if (bins.hasFailures) {
        const failed = bins.failed.slice();
        wide.push(() => this.#failures(stream, i, left, failed));
      }
    }
    this.#stretch(stream, dense, first, left, width);
    for (const draw of wide) draw();
    context.restore();
  }

  #stretch(stream: StreamCanvas, dense: number[], first: number, left: number, width: number): void {
    if (dense.length === 0 || !this.#image) return;
    const strip = this.#strip.getContext("2d")!;
    strip.putImageData(this.#image, 0, 0);
    this.#context.imageSmoothingEnabled = false;
    for (const row of dense) {
      const { y, height } = this.#place(stream, row);
      this.#context.drawImage(this.#strip, 0, row - first, width, 1, left, y, width, height);
    }
  }

  /** Where a lane is, in the screen's pixels: with a hair of room around it. */
  #place(stream: StreamCanvas, row: number): { y: number; height: number } {
    const gap = stream.laneHeight >= 12 ? 2 : 1;
    const y = Math.round((row * stream.laneHeight - stream.top + gap / 2) * this.#ratio);
    return { y, height: Math.max(1, Math.round((stream.laneHeight - gap) * this.#ratio)) };
  }

  #rectangle(stream: StreamCanvas, row: number, left: number, number: number, from: number, to: number): void {
    const run = this.#model.runs.get(number);
    if (!run) return;
    const context = this.#context;
    const { y, height } = this.#place(stream, row);
    const x = left + Math.max(-4, Math.round(from));
    const width = Math.max(1, left + Math.min(this.#bins.width + 4, Math.round(to)) - x - (to - from >= 4 ? 1 : 0));
    const colour = functionColour(run.function);
    context.fillStyle = colour;
    context.fillRect(x, y, width, height);
    if (!run.ok) this.#cross(x, y, width, height);
    if (stream.selected === number) {
      context.strokeStyle = themeColours().text;
      context.lineWidth = 2 * this.#ratio;
      context.strokeRect(x, y, width, height);
    }
    const room = width / this.#ratio;
    if (run.ok && room > 44 && height / this.#ratio >= 10) {
      context.font = `${11 * this.#ratio}px system-ui, sans-serif`;
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillStyle = isLight(colour) ? "#14161a" : "#ffffff";
      const visible = Math.max(x, left) + 4 * this.#ratio;
      context.save();
      context.beginPath();
      context.rect(x, y, width - 3 * this.#ratio, height);
      context.clip();
      context.fillText(this.#model.functionName(run.function), visible, y + height / 2 + this.#ratio / 2);
      context.restore();
    }
  }

  /** A failed run: vermillion at its edge, and strokes through it, so that it shows without colour too. */
  #cross(x: number, y: number, width: number, height: number): void {
    const context = this.#context;
    const ratio = this.#ratio;
    context.fillStyle = FAILED;
    context.fillRect(x, y, width, height);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.5 * ratio;
    const size = Math.min(width, height) * 0.3;
    const [mx, my] = [x + Math.min(width / 2, height), y + height / 2];
    context.beginPath();
    context.moveTo(mx - size, my - size);
    context.lineTo(mx + size, my + size);
    context.moveTo(mx + size, my - size);
    context.lineTo(mx - size, my + size);
    context.stroke();
  }

  /** Failures among runs too narrow to be drawn: vermillion over the lane's whole height, two pixels wide at least. */
  #failures(stream: StreamCanvas, row: number, left: number, failed: Uint8Array): void {
    const { y, height } = this.#place(stream, row);
    const width = Math.max(2, Math.round(2 * this.#ratio));
    this.#context.fillStyle = FAILED;
    for (let x = 0; x < failed.length; x++) {
      if (failed[x]) this.#context.fillRect(left + x - 1, y - 1, width, height + 2);
    }
  }

  #names(stream: StreamCanvas, first: number, last: number): void {
    const { laneHeight, top, rows, height } = stream;
    const context = this.#context;
    const colours = themeColours();
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.save();
    context.beginPath();
    context.rect(0, 0, GUTTER - 6, height - AXIS);
    context.clip();
    context.font = FONT;
    context.textBaseline = "middle";
    let free = -Infinity;
    for (let i = first; i < last; i++) {
      const row = rows[i]!;
      const middle = i * laneHeight - top + laneHeight / 2 + 1;
      if (row.isFirst && middle - free >= 11) {
        context.textAlign = "left";
        context.fillStyle = colours.text;
        context.fillText(ellipsis(context, this.#model.workerName(row.worker), GUTTER - 34), 2, Math.max(7, middle));
        free = Math.max(7, middle);
      }
      if (laneHeight >= 11) {
        context.textAlign = "right";
        context.fillStyle = colours.muted;
        context.fillText(String(row.number), GUTTER - 10, middle);
      }
    }
    context.restore();
  }

  #scrollbar(stream: StreamCanvas): void {
    const room = stream.height - AXIS;
    const whole = stream.rows.length * stream.laneHeight;
    if (whole <= room) return;
    const length = Math.max(24, (room / whole) * room);
    const y = (stream.top / (whole - room)) * (room - length);
    this.#context.fillStyle = themeColours().muted;
    this.#context.globalAlpha = 0.6;
    this.#context.fillRect(stream.width - 5, y, 4, length);
    this.#context.globalAlpha = 1;
  }
}

const colourOf = (id: number): readonly number[] => rgb(functionColour(id));

function rowsInSight(stream: StreamCanvas): { first: number; last: number } {
  const first = Math.max(0, Math.floor(stream.top / stream.laneHeight));
  const last = Math.ceil((stream.top + stream.height - AXIS) / stream.laneHeight);
  return { first: Math.min(first, stream.rows.length), last: Math.min(last, stream.rows.length) };
}

function ellipsis(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length)}…`;
}
