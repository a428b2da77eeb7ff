// What the page knows: the last snapshot with every delta since. Pure.

import type { ErrorGroup, Feed, Fn, PlotInfo, Totals, Worker } from "../feed";
import { History } from "./history";
import { RunStore } from "./runs";

/** Workers that left are shown this many at most. */
const GONE_KEPT = 64;

export const NO_TOTALS: Totals = {
  waiting: 0, queued: 0, processing: 0, memory: 0, erred: 0, released: 0,
  finished: 0, failed: 0, transferred: 0, clients: 0, wanted_workers: 0,
};

export class Model {
  /** Whether a snapshot has come. */
  isFilled = false;
  cluster: NonNullable<Feed["cluster"]> | null = null;
  totals: Totals = NO_TOTALS;
  workers = new Map<number, Worker>();
  functions = new Map<number, Fn>();
  errors = new Map<number, ErrorGroup>();
  plots = new Map<string, PlotInfo>();
  readonly runs = new RunStore();
  readonly history = new History();
  /** The scheduler's clock at the last event. */
  time = 0;
  /** Grows with every event. */
  version = 0;

  /** Takes an event of the feed. */
  apply(kind: "snapshot" | "delta", feed: Feed): void {
    if (kind === "snapshot") this.#restart(feed);
    this.time = feed.time;
    this.version += 1;
    if (feed.cluster) this.cluster = feed.cluster;
    if (feed.totals) this.totals = feed.totals;
    for (const worker of feed.workers ?? []) this.#worker(worker);
    for (const row of feed.functions ?? []) this.functions.set(row.id, row);
    for (const row of feed.errors ?? []) this.errors.set(row.id, row);
    for (const row of feed.plots ?? []) this.plots.set(row.name, row);
    for (const name of feed.plots_gone ?? []) this.plots.delete(name);
    if (feed.runs) this.runs.add(feed.runs);
    this.#note();
  }

  /** Workers that are there, in the order of their ids. */
  present(): Worker[] {
    return [...this.workers.values()].filter((worker) => worker.status !== "gone").sort((a, b) => a.id - b.id);
  }

  functionName(id: number): string {
    return this.functions.get(id)?.name ?? `function ${id}`;
  }

  workerName(id: number): string {
    return this.workers.get(id)?.name ?? `worker ${id}`;
  }

  #restart(feed: Feed): void {
    // The same scheduler's lines go on where they were; another's begin anew.
    const isSame = this.cluster !== null && feed.cluster?.started === this.cluster.started && feed.time >= this.time;
    if (isSame) this.history.interrupt();
    else this.history.clear();
    this.isFilled = true;
    this.totals = NO_TOTALS;
    this.workers.clear();
    this.functions.clear();
    this.errors.clear();
    this.plots.clear();
    this.runs.clear();
  }

  #worker(worker: Worker): void {
    this.workers.set(worker.id, worker);
    if (worker.status !== "gone") return;
    const gone = [...this.workers.values()].filter((row) => row.status === "gone");
    for (const row of gone.slice(0, -GONE_KEPT)) this.workers.delete(row.id);
  }

  #note(): void {
    let memory = 0;
    let occupancy = 0;
    for (const worker of this.workers.values()) {
      if (worker.status === "gone") continue;
      memory += worker.memory;
      occupancy += worker.occupancy;
    }
    this.history.note(this.time, this.totals.finished, memory, occupancy);
  }
}
