// Which lanes the task stream has, from top to bottom: workers by id, each with its threads, then its asynchronous lanes. Pure.

import type { Model } from "../data/model";
import type { Lane } from "../data/runs";

/** A line of the stream. */
export interface LaneRow {
  worker: number;
  number: number;
  /** Null while nothing has run there. */
  lane: Lane | null;
  /** Whether it is its worker's first, which bears the name. */
  isFirst: boolean;
}

/** Workers that left stay while some of their runs do. */
export function laneRows(model: Model, only: number | null): LaneRow[] {
  const lanes = new Map<number, Set<number>>();
  const at = (worker: number) => {
    let found = lanes.get(worker);
    if (!found) lanes.set(worker, (found = new Set()));
    return found;
  };
  for (const worker of model.workers.values()) {
    if (worker.status === "gone" || (only !== null && worker.id !== only)) continue;
    const numbers = at(worker.id);
    for (let number = 0; number < Math.min(worker.threads, 1024); number++) numbers.add(number);
  }
  for (const lane of model.runs.lanes.values()) {
    if (only === null || lane.worker === only) at(lane.worker).add(lane.lane);
  }
  const rows: LaneRow[] = [];
  for (const worker of [...lanes.keys()].sort((a, b) => a - b)) {
    const numbers = [...lanes.get(worker)!].sort((a, b) => a - b);
    numbers.forEach((number, index) => {
      rows.push({ worker, number, lane: model.runs.lanes.get(`${worker}/${number}`) ?? null, isFirst: index === 0 });
    });
  }
  return rows;
}
