import { describe, expect, it } from "vitest";
import type { Graph, GraphNode } from "../src/data/pages";
import { Camera } from "../src/graph/camera";
import { layOut, neighbour, shapeOf } from "../src/graph/layout";

const states = { waiting: 0, queued: 0, processing: 0, memory: 1, erred: 0, released: 0 };
const node = (id: number, layer: number): GraphNode => ({ id, layer, function: 0, name: `n${id}`, states });

describe("the graph's layout", () => {
  const graph: Graph = {
    grouped: false,
    nodes: [node(10, 0), node(11, 0), node(12, 0), node(20, 1), node(21, 1), node(22, 1)],
    // Crossed in the order in which they are listed.
    edges: [[10, 22, 1], [11, 21, 1], [12, 20, 1], [10, 99, 1]],
  };

  it("puts layers side by side and uncrosses edges", () => {
    const { spots, edges } = layOut(graph);
    expect(new Set(spots.map((spot) => spot.x)).size).toBe(2);
    expect(edges.length).toBe(3);
    const crossings = edges.filter(([a, b]) => edges.some(([c, d]) => (spots[a]!.y - spots[c]!.y) * (spots[b]!.y - spots[d]!.y) < 0));
    expect(crossings).toEqual([]);
  });

  it("is the same while the graph's shape is, whatever states its tasks are in", () => {
    const changed = { ...graph, nodes: graph.nodes.map((at) => ({ ...at, states: { ...states, memory: 0, erred: 1 } })) };
    expect(shapeOf(changed)).toBe(shapeOf(graph));
    expect(shapeOf({ ...graph, edges: graph.edges.slice(1) })).not.toBe(shapeOf(graph));
    expect(shapeOf({ ...graph, edges: [...graph.edges.slice(1), [10, 21, 1]] })).not.toBe(shapeOf(graph));
  });

  it("is walked with the arrow keys", () => {
    const layout = layOut(graph);
    const first = neighbour(layout, null, "ArrowRight");
    expect(first).toBe(0);
    expect(neighbour(layout, 0, "ArrowRight")).toBe(5);
    expect(neighbour(layout, 5, "ArrowLeft")).toBe(0);
    expect(neighbour(layout, 5, "ArrowRight")).toBe(5);
    const down = neighbour(layout, 0, "ArrowDown");
    expect([down === 0 || layout.spots[down!]!.x === layout.spots[0]!.x]).toEqual([true]);
    expect(neighbour(layOut({ ...graph, nodes: [], edges: [] }), null, "ArrowUp")).toBeNull();
  });
});

it("zooms around the place under the pointer", () => {
  const camera = new Camera();
  [camera.width, camera.height] = [800, 600];
  const before = camera.point(100, 50);
  camera.zoom(2, 100, 50);
  expect(camera.at(before.x, before.y)).toEqual({ x: expect.closeTo(100) as number, y: expect.closeTo(50) as number });
  camera.zoom(1e9);
  expect(camera.scale).toBe(4);
  camera.fit(0, 0, 100_000, 10);
  expect(camera.scale).toBeCloseTo(0.02);
});
