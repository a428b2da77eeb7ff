// Where the graph's nodes go: layers from left to right, and within a layer in an order that crosses few edges (the
// barycentre heuristic of Sugiyama, Tagawa and Toda, 1981). Pure.

import type { Graph, GraphNode } from "../data/pages";

export interface Spot {
  node: GraphNode;
  /** The middle, in units of the layout. */
  x: number;
  y: number;
  /** Places in the list of spots. */
  before: number[];
  after: number[];
}

export interface Layout {
  spots: Spot[];
  /** Places in the list of spots, and how many edges it stands for. */
  edges: [number, number, number][];
  width: number;
  height: number;
}

/** Distances between middles. Groups are boxes with text, single tasks are shapes. */
const GROUPED = { across: 244, down: 66 };
const SINGLE = { across: 150, down: 30 };
const SWEEPS = 4;

/** Lays a graph out. Edges to nodes that are not in it are left out. */
export function layOut(graph: Graph): Layout {
  const step = graph.grouped ? GROUPED : SINGLE;
  const spots: Spot[] = graph.nodes.map((node) => ({ node, x: 0, y: 0, before: [], after: [] }));
  const places = new Map(graph.nodes.map((node, place) => [node.id, place]));
  const edges: [number, number, number][] = [];
  for (const [from, to, number] of graph.edges) {
    const [a, b] = [places.get(from), places.get(to)];
    if (a === undefined || b === undefined) continue;
    edges.push([a, b, number]);
    spots[a]!.after.push(b);
    spots[b]!.before.push(a);
  }
  const layers = byLayer(spots);
  order(spots, layers);
  const tallest = Math.max(1, ...layers.map((layer) => layer.length));
  layers.forEach((layer, column) => {
    layer.forEach((place, row) => {
      spots[place]!.x = column * step.across;
      spots[place]!.y = (row - (layer.length - 1) / 2) * step.down;
    });
  });
  return { spots, edges, width: Math.max(0, layers.length - 1) * step.across, height: (tallest - 1) * step.down };
}

/** What of a graph decides its layout: while it stays the same, nodes stay where they are. */
export function shapeOf(graph: Graph): string {
  let hash = 2166136261;
  const mix = (value: number) => (hash = Math.imul(hash ^ value, 16777619));
  for (const node of graph.nodes) mix(node.id), mix(node.layer + 1);
  for (const [from, to] of graph.edges) mix(from), mix(to + 7);
  return `${graph.grouped} ${graph.nodes.length} ${graph.edges.length} ${hash}`;
}

function byLayer(spots: Spot[]): number[][] {
  const layers = new Map<number, number[]>();
  spots.forEach((spot, place) => {
    const layer = layers.get(spot.node.layer);
    if (layer) layer.push(place);
    else layers.set(spot.node.layer, [place]);
  });
  return [...layers.keys()].sort((a, b) => a - b).map((layer) => layers.get(layer)!);
}

function order(spots: Spot[], layers: number[][]): void {
  const height = new Float64Array(spots.length);
  const settle = (layer: number[]) => layer.forEach((place, row) => (height[place] = row - (layer.length - 1) / 2));
  layers.forEach(settle);
  const sort = (layer: number[], side: "before" | "after") => {
    const wanted = new Map(layer.map((place) => [place, mean(spots[place]![side], height) ?? height[place]!]));
    layer.sort((a, b) => wanted.get(a)! - wanted.get(b)! || a - b);
    settle(layer);
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let i = 1; i < layers.length; i++) sort(layers[i]!, "before");
    for (let i = layers.length - 2; i >= 0; i--) sort(layers[i]!, "after");
  }
}

function mean(places: number[], height: Float64Array): number | null {
  if (places.length === 0) return null;
  return places.reduce((sum, place) => sum + height[place]!, 0) / places.length;
}

/** The spot to go to from one by an arrow key: a neighbour along edges sideways, the next in its layer up and down. */
export function neighbour(layout: Layout, from: number | null, key: string): number | null {
  const spots = layout.spots;
  if (spots.length === 0) return null;
  if (from === null || !spots[from]) return 0;
  const here = spots[from];
  const candidates = spots.map((_, place) => place).filter((place) => {
    const spot = spots[place]!;
    if (key === "ArrowUp") return spot.x === here.x && spot.y < here.y;
    if (key === "ArrowDown") return spot.x === here.x && spot.y > here.y;
    return (key === "ArrowLeft" ? here.before : here.after).includes(place);
  });
  const away = (place: number) => Math.abs(spots[place]!.y - here.y);
  return candidates.reduce<number | null>((best, place) => (best === null || away(place) < away(best) ? place : best), null) ?? from;
}
