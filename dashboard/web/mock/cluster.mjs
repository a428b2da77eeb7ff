// A cluster that only exists as numbers: workers, functions and runs from a seed, on a clock that is moved by hand.

import { random } from "./random.mjs";

export const SCRIPT = "<script>window.broken = true</script>";

const NAMES = ["read_text", "parse", "inc", "filter-map", "features", "train_step", "score", "sum-tree", `shout ${SCRIPT}`, "store"];
/** Mean seconds of each function, as shares of a lane's mean. */
const LENGTHS = [2.2, 0.8, 0.2, 0.6, 1.4, 3, 0.5, 0.9, 0.3, 1.1];
const KEPT = 100_000;
const GIB = 2 ** 30;

export class Cluster {
  /** `runs` have ended before it is looked at; `rate` end a second from then on. */
  constructor({ seed = 1, runs = 20_000, workers = 8, threads = 4, rate = 400, seconds = 60, isEmpty = false } = {}) {
    this.random = random(seed);
    this.rate = rate;
    this.time = isEmpty ? 3 : seconds;
    this.isEmpty = isEmpty;
    this.started = 1_790_000_000;
    this.finished = 0;
    this.failed = 0;
    this.transferred = 0;
    this.number = 0;
    this.kept = [];
    this.functions = isEmpty ? [] : NAMES.map((name, id) => this.#newFunction(name, id, runs));
    this.workers = Array.from({ length: isEmpty ? 0 : workers }, (_, id) => this.#newWorker(id, threads));
    this.lanes = this.workers.flatMap((worker) => Array.from({ length: worker.threads }, (_, lane) => ({ worker, lane, free: 0 })));
    this.errors = new Map();
    this.plots = isEmpty ? [] : plots(this.random);
    if (!isEmpty && runs > 0) this.#past(runs, seconds);
  }

  /** Lets time pass. Gives the delta that viewers get. */
  tick(seconds) {
    this.time += seconds;
    const fresh = [];
    if (!this.isEmpty) {
      const mean = this.lanes.length / this.rate;
      for (const lane of this.lanes) {
        while (lane.free < this.time) {
          const run = this.#run(lane, lane.free, mean);
          lane.free = run.end + this.random() * mean * 0.1;
          if (run.end <= this.time) fresh.push(run);
          else lane.free = this.time + this.random() * mean;
        }
      }
      this.#live();
    }
    fresh.sort((a, b) => a.end - b.end);
    this.#keep(fresh);
    return { ...this.#state(), runs: columns(fresh) };
  }

  snapshot() {
    const cluster = { scheduler: "quic://127.0.0.1:8786", name: "mock", brisk: "0.1.0", started: this.started };
    return { ...this.#state(), cluster, runs: columns(this.kept) };
  }

  #state() {
    return {
      version: 1, time: this.time, totals: this.#totals(), workers: this.workers, functions: this.functions,
      errors: [...this.errors.values()], plots: this.plots.map((plot) => plot.info),
    };
  }

  #totals() {
    const sum = (state) => this.functions.reduce((all, row) => all + row[state], 0);
    return {
      waiting: sum("waiting"), queued: sum("queued"), processing: sum("processing"), memory: sum("memory"), erred: sum("erred"),
      released: sum("released"), finished: this.finished, failed: this.failed, transferred: this.transferred,
      clients: this.isEmpty ? 0 : 2, wanted_workers: this.workers.length,
    };
  }

  #newFunction(name, id, runs) {
    const share = Math.round((runs / NAMES.length) * (0.4 + this.random()));
    return { id, name, waiting: share, queued: Math.round(share * 0.2), processing: 3, memory: Math.round(share * 0.3), erred: 0, released: 0, finished: 0, seconds: 0 };
  }

  #newWorker(id, threads) {
    const status = id === 5 ? "paused" : id === 6 ? "retiring" : "running";
    return {
      id, name: id === 2 ? `worker ${SCRIPT}` : `worker-${id}`, address: `quic://10.0.${id >> 8}.${id & 255}:4510`, host: `node${id >> 1}`, threads, status,
      memory: Math.round((0.15 + 0.75 * this.random()) * 4 * GIB), limit: id === 7 ? null : 4 * GIB,
      assigned: 0, running: 0, held: Math.round(this.random() * 400), occupancy: 0, finished: 0, failed: 0,
    };
  }

  /** Runs that fill every lane from the start to now. */
  #past(runs, seconds) {
    const each = Math.floor(runs / this.lanes.length);
    const mean = seconds / (each * 1.06);
    const past = [];
    this.lanes.forEach((lane, index) => {
      const number = each + (index < runs - each * this.lanes.length ? 1 : 0);
      for (let i = 0; i < number; i++) {
        const run = this.#run(lane, lane.free, mean);
        lane.free = run.end + this.random() * mean * 0.1;
        past.push(run);
      }
      const stretch = seconds / lane.free;
      for (const run of past.slice(-number)) {
        run.start *= stretch;
        run.end *= stretch;
      }
      lane.free = seconds;
    });
    past.sort((a, b) => a.end - b.end);
    this.#keep(past);
    this.#live();
  }

  #run(lane, start, mean) {
    const id = Math.floor(this.random() ** 1.3 * NAMES.length);
    const row = this.functions[id];
    const length = mean * LENGTHS[id] * (0.4 + 1.2 * this.random()) * 0.9;
    const ok = this.random() > (id === 8 ? 0.02 : 0.0005);
    const key = (this.number++).toString(16).padStart(8, "0") + "5f3a91c27d1044e0b6aa1290";
    this.#count(row, lane, ok, length, key, start + length);
    return { worker: lane.worker.id, lane: lane.lane, start, end: start + length, function: id, key, bytes: ok ? Math.round(10 ** (1 + 6 * this.random())) : 0, ok: ok ? 1 : 0 };
  }

  #count(row, { worker }, ok, length, key, time) {
    if (row.waiting > 0) row.waiting -= 1;
    if (row.waiting === 0) row.waiting = 200 + Math.floor(this.random() * 2000);
    if (ok) {
      row.finished += 1;
      row.seconds += length;
      row[this.random() < 0.3 ? "memory" : "released"] += 1;
      this.finished += 1;
      worker.finished += 1;
      this.transferred += Math.round(this.random() * 200_000);
      return;
    }
    row.erred += 1;
    this.failed += 1;
    worker.failed += 1;
    const known = this.errors.get(row.id);
    const message = row.id === 8 ? `can't shout ${SCRIPT}: ${"it is too loud\n".repeat(80)}` : `attempt to divide by zero in ${row.name}`;
    this.errors.set(row.id, { id: row.id, function: row.id, message, count: (known?.count ?? 0) + 1, key, worker: worker.name, time: Math.min(time, this.time) });
  }

  #keep(fresh) {
    this.kept = this.kept.concat(fresh).slice(-KEPT);
  }

  #live() {
    for (const worker of this.workers) {
      worker.running = worker.status === "running" ? worker.threads : 0;
      worker.assigned = worker.running * 2;
      worker.occupancy = worker.running * (1 + this.random());
      worker.memory = Math.round(Math.max(0.1 * GIB, Math.min(3.9 * GIB, worker.memory + (this.random() - 0.5) * 0.1 * GIB)));
    }
    for (const plot of this.plots) plot.grow(this.random, this.time);
  }
}

function columns(runs) {
  const made = { worker: [], lane: [], start: [], end: [], function: [], key: [], bytes: [], ok: [], lost: 0 };
  for (const run of runs) {
    for (const name of Object.keys(made)) if (name !== "lost") made[name].push(run[name]);
  }
  return made;
}

/** A search over Rosenbrock's function, a loss that falls, and a heat map that fills. */
function plots(next) {
  const background = rosenbrock(120, 90);
  const search = { name: "points", x: [], y: [], z: [] };
  let at = { x: -1.5, y: 2.5, scale: 2 };
  const losses = [{ name: "training", x: [], y: [] }, { name: `validation ${SCRIPT}`, x: [], y: [] }];
  const cells = { name: "score", x: [], y: [], z: [] };
  const info = (name, kind, title, x, y) => ({ name, kind, title, x, y, points: 0, revision: 0, left_out: 0 });
  const made = [
    {
      info: info("search", "scatter", "Rosenbrock's function, searched", "x", "y"), series: [search], background,
      step() {
        if (search.x.length >= 2000) return;
        const x = Math.max(-2, Math.min(2, at.x + (next() - 0.5) * at.scale));
        const y = Math.max(-1, Math.min(3, at.y + (next() - 0.5) * at.scale));
        const score = (1 - x) ** 2 + 100 * (y - x * x) ** 2;
        search.x.push(x), search.y.push(y), search.z.push(score);
        if (score < (1 - at.x) ** 2 + 100 * (at.y - at.x ** 2) ** 2) at = { ...at, x, y };
        at.scale = Math.max(0.02, at.scale * 0.995);
      },
    },
    {
      info: info("loss", "line", `Loss ${SCRIPT}`, "step", "loss"), series: losses,
      step() {
        const step = losses[0].x.length;
        if (step >= 5000) return;
        losses.forEach((line, index) => {
          line.x.push(step);
          line.y.push(2.4 * Math.exp(-step / 300) + 0.2 + 0.1 * index + 0.08 * next());
        });
      },
    },
    {
      info: info("grid", "heat", "Scores by depth and rate", "depth", "rate"), series: [cells],
      step() {
        const cell = cells.x.length;
        if (cell >= 24 * 16) return;
        const [x, y] = [cell % 24, Math.floor(cell / 24)];
        cells.x.push(x), cells.y.push(y), cells.z.push(Math.sin(x / 5) * Math.cos(y / 4) + 0.2 * next());
      },
    },
  ];
  for (const plot of made) {
    plot.grow = () => {
      for (let i = 0; i < 2; i++) plot.step();
      plot.info.points = plot.series.reduce((sum, line) => sum + line.x.length, 0);
      plot.info.revision = plot.info.points;
    };
    for (let i = 0; i < 120; i++) plot.grow();
  }
  return made;
}

function rosenbrock(columns, rows) {
  const [x0, x1, y0, y1] = [-2, 2, -1, 3];
  const values = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const x = x0 + ((column + 0.5) / columns) * (x1 - x0);
      const y = y0 + ((row + 0.5) / rows) * (y1 - y0);
      values.push((1 - x) ** 2 + 100 * (y - x * x) ** 2);
    }
  }
  return { x0, x1, y0, y1, columns, rows, values };
}
