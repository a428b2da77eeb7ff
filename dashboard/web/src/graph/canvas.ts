// The graph's canvas: pointers and keys. What it looks like is paint.ts.

import type { Graph } from "../data/pages";
import { Camera } from "./camera";
import { type Layout, layOut, neighbour, shapeOf } from "./layout";
import { NODE, paintGraph } from "./paint";

export interface GraphHover {
  place: number;
  x: number;
  y: number;
}

export interface GraphEvents {
  hover(hover: GraphHover | null): void;
  open(place: number): void;
}

const CLICK = 4;

export class GraphCanvas {
  readonly camera = new Camera();
  layout: Layout = { spots: [], edges: [], width: 0, height: 0 };
  isGrouped = false;
  selected: number | null = null;
  readonly #canvas: HTMLCanvasElement;
  readonly #events: GraphEvents;
  readonly #off = new AbortController();
  readonly #resize: ResizeObserver;
  #shape = "";
  #frame = 0;
  #isMoved = false;
  #press: { x: number; y: number; moved: boolean; id: number } | null = null;

  constructor(canvas: HTMLCanvasElement, events: GraphEvents) {
    this.#canvas = canvas;
    this.#events = events;
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
  }

  close(): void {
    this.#off.abort();
    this.#resize.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** Shows a graph. One of the same shape keeps nodes and window where they are. */
  show(graph: Graph): void {
    const shape = shapeOf(graph);
    this.isGrouped = graph.grouped;
    if (shape === this.#shape) {
      graph.nodes.forEach((node, place) => (this.layout.spots[place]!.node = node));
    } else {
      const chosen = this.selected === null ? null : this.layout.spots[this.selected]?.node.id;
      this.layout = layOut(graph);
      this.#shape = shape;
      const place = this.layout.spots.findIndex((spot) => spot.node.id === chosen);
      this.selected = place < 0 ? null : place;
      this.#events.hover(null);
      if (!this.#isMoved) this.#fit();
    }
    this.draw();
  }

  fit(): void {
    this.#isMoved = false;
    this.#fit();
    this.draw();
  }

  zoom(factor: number, x?: number, y?: number): void {
    this.#isMoved = true;
    this.camera.zoom(factor, x, y);
    this.#events.hover(null);
    this.draw();
  }

  draw(): void {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      paintGraph(this.#canvas, this, document.activeElement === this.#canvas);
    });
  }

  #fit(): void {
    const { width, height } = this.layout;
    const node = NODE[this.isGrouped ? "grouped" : "single"];
    // A single task's name is written at its right.
    const name = this.isGrouped ? 0 : 90;
    this.camera.fit(width / 2 + name / 2, 0, width + node.width + 48 + name, height + node.height + 48);
  }

  #resized(): void {
    const box = this.#canvas.getBoundingClientRect();
    this.camera.width = Math.max(1, Math.round(box.width));
    this.camera.height = Math.max(1, Math.round(box.height));
    if (!this.#isMoved) this.#fit();
    this.draw();
  }

  #placeAt(x: number, y: number): number | null {
    const point = this.camera.point(x, y);
    const node = NODE[this.isGrouped ? "grouped" : "single"];
    const slack = 4 / this.camera.scale;
    const place = this.layout.spots.findIndex(
      (spot) => Math.abs(spot.x - point.x) <= node.width / 2 + slack && Math.abs(spot.y - point.y) <= node.height / 2 + slack,
    );
    return place < 0 ? null : place;
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      this.#pan(-(event.deltaX || event.deltaY) * unit, 0);
    } else {
      this.zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY * unit)) * 0.002), event.offsetX, event.offsetY);
    }
  }

  #pan(dx: number, dy: number): void {
    this.#isMoved = true;
    this.camera.pan(dx, dy);
    this.#events.hover(null);
    this.draw();
  }

  #down(event: PointerEvent): void {
    if (event.button === 0) this.#press = { x: event.offsetX, y: event.offsetY, moved: false, id: event.pointerId };
  }

  #move(event: PointerEvent): void {
    const [x, y] = [event.offsetX, event.offsetY];
    const press = this.#press;
    if (press && (press.moved || Math.hypot(x - press.x, y - press.y) >= CLICK)) {
      if (!press.moved) this.#canvas.setPointerCapture(press.id);
      press.moved = true;
      this.#pan(x - press.x, y - press.y);
      press.x = x;
      press.y = y;
      return;
    }
    const place = this.#placeAt(x, y);
    this.#canvas.classList.toggle("is-over", place !== null);
    this.#events.hover(place === null ? null : { place, x, y });
  }

  #up(event: PointerEvent): void {
    const press = this.#press;
    this.#press = null;
    if (!press || press.moved) return;
    const place = this.#placeAt(event.offsetX, event.offsetY);
    if (place !== null) this.#events.open(place);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) this.#select(event.key);
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" && this.selected !== null) this.#events.open(this.selected);
    else if (event.key === "Escape") this.#deselect();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #select(key: string): void {
    this.selected = neighbour(this.layout, this.selected, key);
    const spot = this.selected === null ? null : this.layout.spots[this.selected];
    if (!spot || this.selected === null) return;
    let at = this.camera.at(spot.x, spot.y);
    if (at.x < 20 || at.y < 20 || at.x > this.camera.width - 20 || at.y > this.camera.height - 20) {
      this.#isMoved = true;
      this.camera.pan(this.camera.width / 2 - at.x, this.camera.height / 2 - at.y);
      at = this.camera.at(spot.x, spot.y);
    }
    this.#events.hover({ place: this.selected, x: at.x, y: at.y });
    this.draw();
  }

  #deselect(): void {
    this.selected = null;
    this.#events.hover(null);
    this.draw();
  }
}
