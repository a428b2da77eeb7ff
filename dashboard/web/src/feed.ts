// The feed of the dashboard: what GET /api/events (server-sent events) and the JSON pages carry. Version 1.
// Event "snapshot" comes first (and again after a reconnection); "delta" at most ten times a second. Times are seconds (f64)
// since the scheduler started unless they say otherwise. Ids are small integers that never change their meaning.
export interface Feed {           // snapshot: everything; delta: only what changed; absent = unchanged
  version: 1;
  time: number;                   // the scheduler's clock at this event
  cluster?: { scheduler: string; name: string; brisk: string; started: number /* unix seconds */ };
  totals?: Totals;
  workers?: Worker[];             // whole rows, by id; a worker that left has status "gone" once, then is absent from snapshots
  functions?: Fn[];               // whole rows, by id
  runs?: Runs;                    // new runs only (delta) or the last ones kept (snapshot, newest 100,000 at most)
  errors?: ErrorGroup[];          // whole rows, by id; at most 200 groups
  plots?: PlotInfo[];             // whole rows, by name
  plots_gone?: string[];          // delta: names of plots that are there no more
}
export interface Totals {
  waiting: number; queued: number; processing: number; memory: number; erred: number; released: number; // tasks by state (queued = ready, no worker yet)
  finished: number;               // runs that ended well since the start: the page makes tasks a second of its changes
  failed: number; transferred: number /* bytes */; clients: number; wanted_workers: number /* adaptive target */;
}
export interface Worker {
  id: number; name: string; address: string; host: string; threads: number;
  status: "running" | "paused" | "retiring" | "gone";
  memory: number; limit: number | null;                         // bytes
  assigned: number; running: number; held: number;              // tasks assigned, running now; values held
  occupancy: number;              // expected seconds of work assigned
  finished: number; failed: number;
}
export interface Fn {
  id: number; name: string;       // short name, as people wrote it
  waiting: number; queued: number; processing: number; memory: number; erred: number; released: number;
  finished: number; seconds: number;  // runs that ended well, and the sum of their times
}
export interface Runs {           // columns of equal length, oldest first; "lost" runs were dropped by limits
  worker: number[]; lane: number[]; // lane: a thread of the worker, 0..; asynchronous runs get lanes after the threads
  start: number[]; end: number[]; function: number[]; key: string[]; bytes: number[]; ok: (0 | 1)[];
  lost: number;
}
export interface ErrorGroup { id: number; function: number; message: string; count: number; key: string /* the newest */; worker: string; time: number }
export interface PlotInfo { name: string; kind: "scatter" | "line" | "heat"; title: string; x: string; y: string; points: number; revision: number; left_out: number /* older points that were dropped by limits */ }
// GET /api/plots/NAME -> { info: PlotInfo, series: [{ name, x: number[], y: number[], z?: number[] }], background?: { x0,x1,y0,y1, columns, rows, values: number[] } }
// GET /api/tasks/KEY -> { key, name, function, state, worker?, attempt, bytes?, priority?, inputs: TaskLink[], dependents: TaskLink[], holders: string[],
//    story: [{ time, event }], error?: { message, place?, arguments?, causes: string[], worker?, path: string[] }, recreate: string[2] } ; 404 when unknown
// GET /api/workers/ID -> Worker & { running_now: [{ key, function, age, progress?: string }], holds: [{ key, bytes }] (first 200), started, log: [{ time, key, name, text }] (what tasks said there, newest 200, oldest first) }
// GET /api/graph?limit=N -> { grouped: boolean, nodes: [{ id, function, name, layer, states: {waiting, queued, processing, memory, erred, released}, key?: string }], edges: [from, to, count][] }
// Every JSON page answers { error: string } with its HTTP status when it can't.
// Sign-in: the printed link is http://HOST:PORT/#TOKEN ; the page sends GET /api/session with header "x-brisk-token: TOKEN" once, gets an HttpOnly,
// SameSite=Strict cookie (204), and removes the fragment. 401 elsewhere without it.
