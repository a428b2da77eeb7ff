import { describe, expect, it } from "vitest";
import { Model, NO_TOTALS } from "../src/data/model";
import type { Feed, Worker } from "../src/feed";
import { laneRows } from "../src/stream/lanes";
import { runsOf } from "./made";

function worker(id: number, change: Partial<Worker> = {}): Worker {
  return {
    id, name: `w${id}`, address: `quic://10.0.0.${id}:1`, host: "h", threads: 2, status: "running", memory: 10, limit: 100,
    assigned: 0, running: 0, held: 0, occupancy: 0.5, finished: 0, failed: 0, ...change,
  };
}

function feed(time: number, rest: Partial<Feed> = {}): Feed {
  return { version: 1, time, ...rest };
}

const CLUSTER = { scheduler: "quic://h:1", name: "c", brisk: "0.1.0", started: 100 };

describe("the model", () => {
  it("takes what a delta says and keeps what it does not say", () => {
    const model = new Model();
    model.apply("snapshot", feed(1, { cluster: CLUSTER, workers: [worker(0), worker(1)], totals: { ...NO_TOTALS, finished: 5 } }));
    model.apply("delta", feed(2, { workers: [worker(1, { running: 2 })] }));
    expect(model.present().map((row) => row.running)).toEqual([0, 2]);
    expect([model.totals.finished, model.cluster?.name, model.time]).toEqual([5, "c", 2]);
    expect([model.workerName(1), model.workerName(9), model.functionName(3)]).toEqual(["w1", "worker 9", "function 3"]);
  });

  it("lets plots go that are there no more", () => {
    const model = new Model();
    const info = { kind: "line", title: "", x: "", y: "", points: 0, revision: 0, left_out: 0 } as const;
    model.apply("snapshot", feed(1, { plots: [{ ...info, name: "a" }, { ...info, name: "b" }] }));
    model.apply("delta", feed(2, { plots_gone: ["a", "never"] }));
    expect([...model.plots.keys()]).toEqual(["b"]);
  });

  it("forgets everything with a new snapshot", () => {
    const model = new Model();
    model.apply("snapshot", feed(1, { cluster: CLUSTER, workers: [worker(0)], runs: runsOf([0, 0]) }));
    model.apply("snapshot", feed(2, { cluster: CLUSTER, workers: [worker(1)] }));
    expect([[...model.workers.keys()], model.runs.size, model.runs.lanes.size]).toEqual([[1], 0, 0]);
  });

  it("keeps a few workers that left, and counts none of them", () => {
    const model = new Model();
    model.apply("snapshot", feed(1, { workers: Array.from({ length: 200 }, (_, id) => worker(id)) }));
    model.apply("delta", feed(2, { workers: Array.from({ length: 150 }, (_, id) => worker(id, { status: "gone" })) }));
    expect([model.present().length, model.workers.size]).toEqual([50, 114]);
  });

  it("makes tasks a second of what has ended, and nothing of a gap", () => {
    const model = new Model();
    const totals = (finished: number) => ({ totals: { ...NO_TOTALS, finished } });
    model.apply("snapshot", feed(0, { cluster: CLUSTER, ...totals(0) }));
    model.apply("delta", feed(0.5, totals(40)));
    model.apply("delta", feed(2, totals(100)));
    expect(model.history.rate).toBe(50);
    model.apply("snapshot", feed(60, { cluster: CLUSTER, ...totals(9000) }));
    expect(model.history.samples.map((sample) => sample.rate)).toEqual([null, 50, null]);
    model.apply("delta", feed(61, totals(9010)));
    expect(model.history.rate).toBe(10);
    model.apply("snapshot", feed(1, { cluster: { ...CLUSTER, started: 999 }, ...totals(0) }));
    expect(model.history.samples.length).toBe(1);
  });

  it("keeps five minutes of lines at most", () => {
    const model = new Model();
    for (let time = 0; time < 1000; time++) model.apply("delta", feed(time, { totals: { ...NO_TOTALS, finished: time } }));
    expect([model.history.samples.length, model.history.samples[0]!.time]).toEqual([300, 700]);
  });

  it("has a lane for each thread, and for what else ran", () => {
    const model = new Model();
    model.apply("snapshot", feed(1, { workers: [worker(3), worker(0)], runs: runsOf([0, 5]) }));
    const rows = laneRows(model, null);
    expect(rows.map((row) => [row.worker, row.number, row.lane !== null, row.isFirst])).toEqual([
      [0, 0, true, true], [0, 1, false, false], [0, 5, true, false], [3, 0, false, true], [3, 1, false, false],
    ]);
    expect(laneRows(model, 3).length).toBe(2);
  });
});
