// What needs what: tasks by layers, or their functions when they are many.

import { useEffect, useRef, useState } from "preact/hooks";
import { go } from "../app";
import { usePolled } from "../data/api";
import type { Graph } from "../data/pages";
import { count, plural } from "../format";
import { GraphCanvas, type GraphHover } from "../graph/canvas";
import { stateOf } from "../graph/paint";
import { onTheme } from "../theme";
import { Empty } from "../widgets/empty";
import { Legend, Shape, STATES, total } from "../widgets/states";

/** Beyond this many tasks the server groups them. */
const LIMIT = 400;

export function GraphPage() {
  const { value: graph, error } = usePolled<Graph>(`/api/graph?limit=${LIMIT}`, 2000);
  if (!graph) {
    return error ? <Empty title="The graph can't be shown." text={error.message} /> : <Empty title="Asking for the graph…" />;
  }
  if (graph.nodes.length === 0) {
    return <Empty title="There are no tasks." text="Those that are submitted, or whose values someone still wants, are drawn here with what they need." />;
  }
  const tasks = graph.nodes.reduce((sum, node) => sum + total(node.states), 0);
  return (
    <>
      <div class="page-head">
        <h1>Graph</h1>
        <span class="muted">
          {graph.grouped ? `${plural(tasks, "task")} in ${plural(graph.nodes.length, "group")}` : plural(graph.nodes.length, "task")}, {plural(graph.edges.length, "edge")}
        </span>
        <Legend />
      </div>
      {error && <p class="note erred" role="status">{error.message}</p>}
      <section class="panel panel-graph"><Picture graph={graph} /></section>
    </>
  );
}

function Picture({ graph }: { graph: Graph }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = useRef<GraphCanvas | null>(null);
  const [hover, setHover] = useState<GraphHover | null>(null);
  useEffect(() => {
    const drawn = new GraphCanvas(canvas.current!, {
      hover: setHover,
      open: (place) => {
        const key = drawn.layout.spots[place]?.node.key;
        if (key) go({ page: "task", key });
      },
    });
    picture.current = drawn;
    const stop = onTheme(() => drawn.draw());
    return () => (stop(), drawn.close());
  }, []);
  useEffect(() => picture.current?.show(graph), [graph]);
  return (
    <div class="graph">
      <div class="tools" role="toolbar" aria-label="Graph">
        <button type="button" onClick={() => picture.current?.fit()} title="All there is (0)">All</button>
        <button type="button" onClick={() => picture.current?.zoom(1.4)} aria-label="Closer" title="Closer (+)">+</button>
        <button type="button" onClick={() => picture.current?.zoom(1 / 1.4)} aria-label="Wider" title="Wider (−)">−</button>
      </div>
      <canvas ref={canvas} tabIndex={0} role="application" aria-label="Task graph: arrow keys choose a neighbour, plus and minus zoom, Enter opens the chosen task." />
      <div aria-live="polite">{hover && <Card hover={hover} drawn={picture.current} />}</div>
    </div>
  );
}

function Card({ hover, drawn }: { hover: GraphHover; drawn: GraphCanvas | null }) {
  const spot = drawn?.layout.spots[hover.place];
  if (!drawn || !spot) return null;
  const isLeft = hover.x > drawn.camera.width / 2;
  const isAbove = hover.y > drawn.camera.height / 2;
  const transform = `translate(${hover.x + (isLeft ? -14 : 14)}px, ${hover.y + (isAbove ? -14 : 14)}px) translate(${isLeft ? "-100%" : "0"}, ${isAbove ? "-100%" : "0"})`;
  const { node } = spot;
  return (
    <div class="card" style={{ transform }}>
      <p class="card-title">{node.name}</p>
      {node.key && <p class="key">{node.key}</p>}
      {drawn.isGrouped
        ? <ul class="card-states">{STATES.filter((state) => node.states[state] > 0).map((state) => <li key={state}><Shape state={state} /> {count(node.states[state])} {state}</li>)}</ul>
        : <p><Shape state={stateOf(node)} /> {stateOf(node)}</p>}
      <p class="muted">{plural(spot.before.length, "input")}, {plural(spot.after.length, "dependent")}</p>
    </div>
  );
}
