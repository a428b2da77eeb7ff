// The JSON pages of the mock: each found by its path, or null.

import { SCRIPT } from "./cluster.mjs";

const NOTHING = { waiting: 0, queued: 0, processing: 0, memory: 0, erred: 0, released: 0 };

export function page(cluster, path, query) {
  const [kind, ...rest] = path.split("/");
  const name = decodeURIComponent(rest.join("/"));
  if (kind === "plots") return plot(cluster, name);
  if (kind === "tasks") return task(cluster, name);
  if (kind === "workers") return worker(cluster, name);
  if (kind === "graph") return graph(cluster, Number(query.get("limit") ?? 300));
  return null;
}

function plot(cluster, name) {
  const found = cluster.plots.find((plot) => plot.info.name === name);
  return found ? { info: found.info, series: found.series, background: found.background } : null;
}

function task(cluster, key) {
  const run = cluster.kept.find((run) => run.key === key);
  if (!run) return null;
  const row = cluster.functions[run.function];
  const link = (offset, state) => {
    const other = cluster.kept[(cluster.kept.indexOf(run) + offset + cluster.kept.length) % cluster.kept.length];
    return { key: other.key, name: `${cluster.functions[other.function].name}-${other.key.slice(0, 8)}`, state };
  };
  const at = (line) => cluster.workers[line.worker].name;
  const found = {
    key, name: `${row.name}-${key.slice(0, 8)}`, function: `mock::tasks::${row.name}`, state: run.ok ? "memory" : "erred", attempt: run.ok ? 1 : 3, priority: "[0, 1204, 3]",
    inputs: [link(-1, "memory"), link(-2, "released"), link(-3, "memory")], dependents: [link(1, run.ok ? "processing" : "erred"), link(2, "waiting")],
    holders: run.ok ? [at(run)] : [],
    story: [
      { time: run.start - 0.4, event: "submitted by client 1: waits for 3 inputs" },
      { time: run.start - 0.1, event: "ready: every input is in memory" },
      { time: run.start - 0.09, event: `sent to ${at(run)}: it holds 2 of 3 inputs` },
      { time: run.start, event: "began" },
      { time: run.end, event: run.ok ? `ended well with ${run.bytes} bytes` : "failed, and has no retries left" },
    ],
    recreate: ["let case = client.recreate_error_locally(&future).await?;", "case.run()?;"],
  };
  if (run.ok) found.bytes = run.bytes;
  else {
    found.error = {
      message: `can't shout ${SCRIPT}`, place: "src/main.rs:12", arguments: `("${SCRIPT}", 25, Volume { level: 11 })`,
      causes: [`the loudspeaker ${SCRIPT} is gone`, "No such device (os error 19)"], worker: at(run), path: ["sum-tree-7d10aa31", "report-11c0de77"],
    };
  }
  return found;
}

function worker(cluster, text) {
  const found = cluster.workers[Number(text)];
  if (!found) return null;
  const own = cluster.kept.filter((run) => run.worker === found.id).slice(-300);
  const name = (run) => `${cluster.functions[run.function].name}-${run.key.slice(0, 8)}`;
  return {
    ...found,
    running_now: own.slice(-found.running).map((run, i) => ({ key: run.key, name: name(run), function: cluster.functions[run.function].name, age: 0.004 * 7 ** i, progress: i === 1 ? "epoch 3 of 10" : null })),
    holds: own.slice(0, 200).map((run) => ({ key: run.key, name: name(run), bytes: run.bytes })),
    started: 0.4,
    log: own.slice(-9).map((run, i) => ({ time: run.end, key: run.key, name: name(run), text: i === 4 ? `${SCRIPT} is no name for a file` : `epoch ${i} of 10, loss ${(2 / (i + 1)).toFixed(3)}` })),
  };
}

function graph(cluster, limit) {
  if (cluster.isEmpty) return { grouped: false, nodes: [], edges: [] };
  return cluster.kept.length > limit ? groups(cluster) : singles(cluster);
}

function groups(cluster) {
  const layers = [0, 1, 1, 2, 2, 3, 3, 4, 3, 5];
  const nodes = cluster.functions.map((row, id) => {
    const states = Object.fromEntries(Object.keys(NOTHING).map((state) => [state, row[state]]));
    return { id, function: row.id, name: row.name, layer: layers[id], states };
  });
  const edges = [[0, 1, 4000], [0, 2, 200], [1, 3, 3000], [1, 4, 1500], [2, 4, 200], [3, 5, 900], [4, 5, 1500], [4, 6, 100], [5, 7, 900], [6, 7, 100], [3, 8, 40], [8, 7, 40], [7, 9, 1]];
  return { grouped: true, nodes, edges };
}

/** A reduction: many at the left, one at the right. */
function singles(cluster) {
  const nodes = [];
  const edges = [];
  const states = ["released", "memory", "processing", "queued", "waiting"];
  let last = [];
  for (let layer = 0, width = 24; width >= 1; layer++, width = width === 1 ? 0 : Math.ceil(width / 3)) {
    const now = [];
    for (let i = 0; i < width; i++) {
      const id = nodes.length;
      const run = cluster.kept[id % cluster.kept.length];
      const state = !run.ok || id === 20 ? "erred" : states[Math.min(states.length - 1, layer + (id % 3 === 0 ? 1 : 0))];
      const name = layer === 0 ? `load-${run.key.slice(4, 8)}` : `sum-${run.key.slice(4, 8)}`;
      nodes.push({ id, function: run.function, name, layer, states: { ...NOTHING, [state]: 1 }, key: run.key });
      now.push(id);
      for (const from of last.slice(i * 3, i * 3 + 3)) edges.push([from, id, 1]);
    }
    last = now;
  }
  return { grouped: false, nodes, edges };
}
