// Memory and occupancy: a line for each worker, or, when they are many, how many have how much.

import { model, useModel } from "../app";
import type { Worker } from "../feed";
import { bytes, count, percent, seconds } from "../format";
import { histogram } from "./histogram";
import { WorkerLink } from "./links";
import { Meter, memoryKind } from "./meter";

/** Beyond this many nobody reads lines any more. */
const LINES = 64;

export function WorkerBars() {
  useModel(250);
  const workers = model.present();
  if (workers.length === 0) {
    return (
      <p class="muted note">
        No worker is here. Start one with <code>brisk worker</code>; tasks wait until then.
      </p>
    );
  }
  if (workers.length > LINES) {
    return (
      <div class="histograms">
        <Histogram name="Memory" values={workers.map((worker) => worker.memory)} format={bytes} />
        <Histogram name="Occupancy" values={workers.map((worker) => worker.occupancy)} format={seconds} />
      </div>
    );
  }
  const mostMemory = Math.max(1, ...workers.map((worker) => worker.memory));
  const mostOccupancy = Math.max(1e-9, ...workers.map((worker) => worker.occupancy));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Memory and occupancy by worker">
      <table class="bars">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col" class="number">Running</th>
            <th scope="col">Memory</th>
            <th scope="col" title="Expected seconds of work assigned">Occupancy</th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => <Row key={worker.id} worker={worker} mostMemory={mostMemory} mostOccupancy={mostOccupancy} />)}
        </tbody>
      </table>
    </div>
  );
}

function Row({ worker, mostMemory, mostOccupancy }: { worker: Worker; mostMemory: number; mostOccupancy: number }) {
  const whole = worker.limit ?? mostMemory;
  const share = worker.limit ? ` (${percent(worker.memory, worker.limit)} of ${bytes(worker.limit)})` : "";
  return (
    <tr>
      <th scope="row"><WorkerLink id={worker.id} /></th>
      <td class="number">{worker.running} / {worker.threads}</td>
      <td>
        <span class="measured">
          <Meter share={worker.memory / whole} kind={memoryKind(worker.memory, worker.limit)} label={`${bytes(worker.memory)}${share}`} />
          <span class="measure">{bytes(worker.memory)}</span>
        </span>
      </td>
      <td>
        <span class="measured">
          <Meter share={worker.occupancy / mostOccupancy} kind="occupancy" label={`${seconds(worker.occupancy)} of work`} />
          <span class="measure">{seconds(worker.occupancy)}</span>
        </span>
      </td>
    </tr>
  );
}

function Histogram({ name, values, format }: { name: string; values: number[]; format: (value: number) => string }) {
  const bins = histogram(values, 12);
  const most = Math.max(1, ...bins.map((bin) => bin.count));
  return (
    <table class="bars">
      <caption>{name} of {count(values.length)} workers</caption>
      <tbody>
        {bins.map((bin) => (
          <tr key={bin.from}>
            <th scope="row" class="number">{format(bin.to)}</th>
            <td>
              <span class="measured">
                <Meter share={bin.count / most} kind="occupancy" label={`${bin.count} workers up to ${format(bin.to)}`} />
                <span class="measure">{bin.count}</span>
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
