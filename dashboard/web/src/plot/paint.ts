// Scatters and heat maps, over a background if there is one.

import { functionColour, viridis } from "../colour";
import type { Background, Plot, Series } from "../data/pages";
import { figure } from "../format";
import { themeColours } from "../theme";
import { type Frame, toX, toY } from "./frame";
import { type ColourScale, colourScale, type Grid, gridOf, roundTicks } from "./scale";

const FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
/** Beyond this many, points are squares without an outline. */
const ROUND = 5000;

export function paintPlot(canvas: HTMLCanvasElement, plot: Plot, frame: Frame, width: number, height: number, isCompact: boolean): void {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  context.font = FONT;
  const scale = scaleOf(plot);
  axes(context, frame, plot, isCompact);
  context.save();
  context.beginPath();
  context.rect(frame.left, frame.top, frame.width, frame.height);
  context.clip();
  if (plot.background) backdrop(context, frame, plot.background, scale);
  plot.series.forEach((line, index) => {
    const isOver = plot.background != null;
    const colour = seriesColour(index, isOver);
    const grid = plot.info.kind === "heat" && line.z ? gridOf(line.x, line.y, line.z) : null;
    if (grid && scale) heat(context, frame, grid, scale);
    else if (plot.info.kind === "line") path(context, frame, line, colour);
    else points(context, frame, line, colour, isOver ? null : scale, isOver);
  });
  context.restore();
  context.strokeStyle = themeColours().line;
  context.strokeRect(frame.left + 0.5, frame.top + 0.5, frame.width - 1, frame.height - 1);
  if (scale && !isCompact) legend(context, frame, scale);
}

/** The colour of a series: over a background the first one is white, which no value is. */
export function seriesColour(index: number, isOver: boolean): string {
  return isOver && index === 0 ? "#ffffff" : functionColour(index);
}

/** Colours stand for the background's values, or else for the points' own. */
export function scaleOf(plot: Plot): ColourScale | null {
  if (plot.background) return colourScale(plot.background.values);
  const values = plot.series.flatMap((line) => line.z ?? []);
  return values.length > 0 ? colourScale(values) : null;
}

function backdrop(context: CanvasRenderingContext2D, frame: Frame, background: Background, scale: ColourScale | null): void {
  const { columns, rows, values } = background;
  if (columns < 1 || rows < 1 || columns * rows !== values.length || !scale) return;
  const image = pixels(columns, rows, values, scale);
  context.imageSmoothingEnabled = true;
  context.drawImage(image, frame.left, frame.top, frame.width, frame.height);
}

function heat(context: CanvasRenderingContext2D, frame: Frame, { xs, ys, values }: Grid, scale: ColourScale): void {
  if (values.length === 0) return;
  const [dx, dy] = [gap(xs), gap(ys)];
  const [left, right] = [toX(frame, xs[0]! - dx / 2), toX(frame, xs.at(-1)! + dx / 2)];
  const [bottom, top] = [toY(frame, ys[0]! - dy / 2), toY(frame, ys.at(-1)! + dy / 2)];
  context.imageSmoothingEnabled = false;
  context.drawImage(pixels(xs.length, ys.length, values, scale), left, top, right - left, bottom - top);
}

/** A pixel a value, the first row at the bottom. */
function pixels(columns: number, rows: number, values: ArrayLike<number>, scale: ColourScale): HTMLCanvasElement {
  const image = document.createElement("canvas");
  image.width = columns;
  image.height = rows;
  const data = new ImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const share = scale.share(values[row * columns + column]!);
      if (Number.isNaN(share)) continue;
      data.data.set([...viridis(share), 255], ((rows - 1 - row) * columns + column) * 4);
    }
  }
  image.getContext("2d")!.putImageData(data, 0, 0);
  return image;
}

/** A line in the order in which its points came. */
function path(context: CanvasRenderingContext2D, frame: Frame, line: Series, colour: string): void {
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.beginPath();
  line.x.forEach((x, point) => context.lineTo(toX(frame, x), toY(frame, line.y[point]!)));
  context.stroke();
}

function points(context: CanvasRenderingContext2D, frame: Frame, line: Series, plain: string, scale: ColourScale | null, isOver: boolean): void {
  const length = Math.min(line.x.length, line.y.length);
  const isRound = length <= ROUND;
  const radius = length > 500 ? 2.5 : 4;
  context.strokeStyle = isOver ? "#14161a" : themeColours().panel;
  context.lineWidth = 1;
  context.fillStyle = plain;
  for (let i = 0; i < length; i++) {
    const [x, y] = [toX(frame, line.x[i]!), toY(frame, line.y[i]!)];
    const share = scale && line.z ? scale.share(line.z[i]!) : NaN;
    context.fillStyle = Number.isNaN(share) ? plain : `rgb(${viridis(share).join(" ")})`;
    if (!isRound) {
      context.fillRect(x - 1, y - 1, 2, 2);
      continue;
    }
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  if (length === 0 || !isOver) return;
  // A search is followed by its newest point.
  const [x, y] = [toX(frame, line.x[length - 1]!), toY(frame, line.y[length - 1]!)];
  context.strokeStyle = "#ffffff";
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, 9, 0, 2 * Math.PI);
  context.stroke();
}

function axes(context: CanvasRenderingContext2D, frame: Frame, plot: Plot, isCompact: boolean): void {
  const colours = themeColours();
  const bottom = frame.top + frame.height;
  context.textBaseline = "middle";
  const [across, up] = [roundTicks(...frame.x, Math.max(2, frame.width / 80)), roundTicks(...frame.y, Math.max(2, frame.height / 45))];
  for (const value of across) {
    const x = toX(frame, value);
    context.fillStyle = colours.grid;
    context.fillRect(x, frame.top, 1, frame.height);
    context.fillStyle = colours.muted;
    context.textAlign = "center";
    context.fillText(figure(value, stepOf(across)), x, bottom + 11);
  }
  for (const value of up) {
    const y = toY(frame, value);
    context.fillStyle = colours.grid;
    context.fillRect(frame.left, y, frame.width, 1);
    context.fillStyle = colours.muted;
    context.textAlign = "right";
    context.fillText(figure(value, stepOf(up)), frame.left - 6, y);
  }
  if (isCompact) return;
  context.fillStyle = colours.text;
  context.textAlign = "center";
  context.fillText(plot.info.x, frame.left + frame.width / 2, bottom + 32, frame.width);
  context.save();
  context.translate(11, frame.top + frame.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(plot.info.y, 0, 0, frame.height);
  context.restore();
}

function legend(context: CanvasRenderingContext2D, frame: Frame, scale: ColourScale): void {
  const colours = themeColours();
  const [x, width] = [frame.left + frame.width + 16, 12];
  for (let i = 0; i < frame.height; i++) {
    context.fillStyle = `rgb(${viridis(1 - i / frame.height).join(" ")})`;
    context.fillRect(x, frame.top + i, width, 1.5);
  }
  context.fillStyle = colours.muted;
  context.textAlign = "left";
  for (let step = 0; step <= 4; step++) {
    const y = frame.top + frame.height * (1 - step / 4);
    const value = scale.value(step / 4);
    const away = Math.abs(scale.value(step === 4 ? 0.75 : (step + 1) / 4) - value);
    const shown = Number(value.toPrecision(Math.max(3, Math.min(12, Math.ceil(Math.log10(Math.abs(value) / away)) + 1 || 3))));
    context.fillText(figure(shown, away), x + width + 5, Math.min(frame.top + frame.height - 5, Math.max(frame.top + 5, y)));
  }
}

function stepOf(values: number[]): number {
  return values.length > 1 ? values[1]! - values[0]! : 0;
}

function gap(values: number[]): number {
  return values.length > 1 ? (values.at(-1)! - values[0]!) / (values.length - 1) : 1;
}
