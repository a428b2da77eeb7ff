// What the graph looks like: a box with a bar of states for a group, a shape in its state's colour for a task.

import type { GraphNode } from "../data/pages";
import { count, taskName } from "../format";
import { type ThemeColours, themeColours } from "../theme";
import { type State, STATES, total } from "../widgets/states";
import type { GraphCanvas } from "./canvas";
import type { Spot } from "./layout";

export const NODE = { grouped: { width: 184, height: 46 }, single: { width: 16, height: 16 } };

/** Names are left out when they would be smaller than this. */
const SMALLEST = 6;
const FAMILY = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

export function paintGraph(canvas: HTMLCanvasElement, graph: GraphCanvas, hasFocus: boolean): void {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const { camera, layout } = graph;
  const [width, height] = [Math.round(camera.width * ratio), Math.round(camera.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  const scale = camera.scale * ratio;
  canvas.dataset["scale"] = String(camera.scale);
  context.setTransform(scale, 0, 0, scale, (camera.width / 2) * ratio - camera.x * scale, (camera.height / 2) * ratio - camera.y * scale);
  const colours = themeColours();
  edges(context, graph, colours);
  const size = NODE[graph.isGrouped ? "grouped" : "single"];
  layout.spots.forEach((spot, place) => {
    const at = camera.at(spot.x, spot.y);
    const reach = 220 * camera.scale;
    if (at.x < -reach || at.y < -reach || at.x > camera.width + reach || at.y > camera.height + reach) return;
    if (graph.isGrouped) box(context, spot, colours, camera.scale);
    else task(context, spot, colours, camera.scale);
    if (place === graph.selected && hasFocus) {
      context.strokeStyle = colours.accent;
      context.lineWidth = 2.5;
      context.strokeRect(spot.x - size.width / 2 - 4, spot.y - size.height / 2 - 4, size.width + 8, size.height + 8);
    }
  });
}

function edges(context: CanvasRenderingContext2D, graph: GraphCanvas, colours: ThemeColours): void {
  const half = NODE[graph.isGrouped ? "grouped" : "single"].width / 2;
  const { spots } = graph.layout;
  context.strokeStyle = colours.edge;
  context.fillStyle = colours.edge;
  for (const [from, to, number] of graph.layout.edges) {
    const [a, b] = [spots[from]!, spots[to]!];
    const [x0, x1] = [a.x + half, b.x - half - 4];
    const middle = (x0 + x1) / 2;
    context.lineWidth = graph.isGrouped ? Math.min(4, 1 + Math.log10(Math.max(1, number)) * 0.8) : 0.8;
    context.beginPath();
    context.moveTo(x0, a.y);
    context.bezierCurveTo(middle, a.y, middle, b.y, x1, b.y);
    context.stroke();
    context.beginPath();
    context.moveTo(x1 + 4, b.y);
    context.lineTo(x1 - 2, b.y - 3);
    context.lineTo(x1 - 2, b.y + 3);
    context.fill();
  }
}

function box(context: CanvasRenderingContext2D, { node, x, y }: Spot, colours: ThemeColours, scale: number): void {
  const { width, height } = NODE.grouped;
  const [left, top] = [x - width / 2, y - height / 2];
  context.fillStyle = colours.panel;
  context.strokeStyle = node.states.erred > 0 ? colours.erred : colours.muted;
  context.lineWidth = node.states.erred > 0 ? 2 : 1;
  context.beginPath();
  context.roundRect(left, top, width, height, 5);
  context.fill();
  context.stroke();
  const whole = total(node.states);
  context.textBaseline = "middle";
  context.textAlign = "right";
  context.font = `11px ${FAMILY}`;
  const failed = node.states.erred > 0 ? `✕ ${count(node.states.erred)}` : "";
  const room = width - 20 - (failed ? context.measureText(failed).width + 8 : 0);
  let at = left + 10;
  for (const state of STATES) {
    const part = whole > 0 ? (room * node.states[state]) / whole : 0;
    if (part <= 0) continue;
    context.fillStyle = colours[state];
    context.fillRect(at, top + height - 12, part, 6);
    at += part;
  }
  if (12 * scale < SMALLEST) return;
  context.fillStyle = colours.erred;
  context.fillText(failed, left + width - 10, top + height - 9);
  context.fillStyle = colours.muted;
  const number = count(whole);
  const taken = context.measureText(number).width;
  context.fillText(number, left + width - 10, top + 16);
  context.font = `600 12px ${FAMILY}`;
  context.textAlign = "left";
  context.fillStyle = colours.text;
  context.fillText(cut(context, node.name, width - 28 - taken), left + 10, top + 16);
}

function task(context: CanvasRenderingContext2D, { node, x, y }: Spot, colours: ThemeColours, scale: number): void {
  const state = stateOf(node);
  context.fillStyle = colours[state];
  context.strokeStyle = colours[state];
  context.lineWidth = 2;
  shape(context, state, x, y, 6);
  if (11 * scale < SMALLEST) return;
  context.font = `11px ${FAMILY}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const name = cut(context, node.key ? taskName(node.name, node.key) : node.name, 104);
  // Edges run below names: a rim keeps both readable.
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = colours.panel;
  context.strokeText(name, x + 12, y + 0.5);
  context.fillStyle = colours.text;
  context.fillText(name, x + 12, y + 0.5);
}

/** The same shapes as everywhere: ring, diamond, triangle, square, hollow square, cross. */
function shape(context: CanvasRenderingContext2D, state: State, x: number, y: number, r: number): void {
  context.beginPath();
  if (state === "memory") return context.fillRect(x - r, y - r, 2 * r, 2 * r);
  if (state === "released") return context.strokeRect(x - r + 1, y - r + 1, 2 * r - 2, 2 * r - 2);
  if (state === "waiting") context.arc(x, y, r - 1, 0, 2 * Math.PI);
  if (state === "queued") polygon(context, [[x, y - r], [x + r, y], [x, y + r], [x - r, y]]);
  if (state === "erred") {
    context.lineWidth = 3.5;
    context.moveTo(x - r + 1, y - r + 1);
    context.lineTo(x + r - 1, y + r - 1);
    context.moveTo(x + r - 1, y - r + 1);
    context.lineTo(x - r + 1, y + r - 1);
  }
  if (state === "processing") {
    polygon(context, [[x - r * 0.8, y - r], [x + r, y], [x - r * 0.8, y + r]]);
    return context.fill();
  }
  context.stroke();
}

function polygon(context: CanvasRenderingContext2D, points: [number, number][]): void {
  points.forEach(([x, y], index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
  context.closePath();
}

/** A single task is in one state. */
export function stateOf(node: GraphNode): State {
  return STATES.find((state) => node.states[state] > 0) ?? "released";
}

function cut(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (text.length < 200 && context.measureText(text).width <= room) return text;
  let length = Math.min(text.length, 200);
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length)}…`;
}
