// One worker: what it does now, what it holds, what it said.

import { model, useModel } from "../app";
import { usePolled } from "../data/api";
import type { WorkerDetails } from "../data/pages";
import type { Worker } from "../feed";
import { bytes, clock, count, seconds } from "../format";
import { Empty } from "../widgets/empty";
import { KeyLink } from "../widgets/links";
import { Meter, memoryKind } from "../widgets/meter";
import { type Column, Table } from "../widgets/table";
import { TaskStream } from "../widgets/taskstream";

const HOLDS: Column<WorkerDetails["holds"][number]>[] = [
  { name: "Value", by: (row) => row.name ?? row.key, cell: (row) => <KeyLink id={row.key} name={row.name} />, wide: true },
  { name: "Bytes", by: (row) => row.bytes, cell: (row) => bytes(row.bytes), isNumber: true },
];

const RUNNING: Column<WorkerDetails["running_now"][number]>[] = [
  { name: "Task", by: (row) => row.name ?? row.key, cell: (row) => <KeyLink id={row.key} name={row.name} />, wide: true },
  { name: "For", by: (row) => row.age ?? 0, cell: (row) => (row.age === null ? "" : seconds(row.age)), isNumber: true },
  { name: "Progress", by: (row) => row.progress ?? "", cell: (row) => row.progress ?? "" },
];

/** The server lists this many values at most. */
const LISTED = 200;

export function WorkerPage({ id }: { id: number }) {
  useModel(250);
  const { value, error } = usePolled<WorkerDetails>(`/api/workers/${id}`, 1000);
  const worker: Worker | null = model.workers.get(id) ?? value;
  if (!worker) {
    if (!error && !model.isFilled) return <Empty title="Waiting for the scheduler…" />;
    return (
      <Empty title={`There is no worker ${id}.`} text={error?.message ?? "It may have left."}>
        <p><a href="#/workers">All workers</a></p>
      </Empty>
    );
  }
  return (
    <>
      <div class="page-head">
        <h1>{worker.name}</h1>
        <span class={`status-word status-${worker.status}`}>{worker.status}</span>
        <span class="muted key">{worker.address}</span>
        <span class="muted">{worker.host}</span>
      </div>
      {error && value && <p class="note erred" role="status">{error.message}</p>}
      <Facts worker={worker} details={value} />
      <section class="panel panel-lanes" style={{ height: `${Math.max(130, Math.min(360, worker.threads * 22 + 82))}px` }}>
        <h2>Task stream</h2>
        <TaskStream worker={id} />
      </section>
      <div class="halves">
        <div class="stack">
          <section class="panel">
            <h2>Running now</h2>
            {value && value.running_now.length > 0
              ? <Table label="Running now" columns={RUNNING} rows={value.running_now} id={(row) => row.key} first={{ column: 1, isDown: true }} />
              : <p class="muted note">{value ? "Nothing runs here now." : error ? error.message : "Asking…"}</p>}
          </section>
          {value && <Log lines={value.log} />}
        </div>
        <section class="panel">
          <h2>Holds</h2>
          {value && value.holds.length > 0
            ? <Table label="Values held" columns={HOLDS} rows={value.holds} id={(row) => row.key} first={{ column: 1, isDown: true }} />
            : <p class="muted note">{value ? "It holds no value." : error ? error.message : "Asking…"}</p>}
          {value && value.holds.length >= LISTED && worker.held > LISTED && <p class="muted note">The first {count(value.holds.length)} of {count(worker.held)}.</p>}
        </section>
      </div>
    </>
  );
}

function Log({ lines }: { lines: WorkerDetails["log"] }) {
  return (
    <section class="panel">
      <h2>Log</h2>
      {lines.length === 0 && <p class="muted note">What a task says with <code>TaskContext::log</code> is here for as long as somebody wants its value.</p>}
      {lines.length > 0 && (
        <div class="log" tabIndex={0} role="region" aria-label="What tasks said here">
          <ol>
            {lines.map((line, index) => (
              <li key={index}><time>{clock(line.time, 0.001)}</time> <KeyLink id={line.key} name={line.name} /> <span class="message-line">{line.text}</span></li>
            ))}
          </ol>
        </div>
      )}
    </section>
  );
}

function Facts({ worker, details }: { worker: Worker; details: WorkerDetails | null }) {
  const memory = worker.limit ? `${bytes(worker.memory)} of ${bytes(worker.limit)}` : bytes(worker.memory);
  return (
    <dl class="figures">
      <Fact name="Running" value={`${count(worker.running)} / ${count(worker.threads)}`} note={`${count(worker.assigned)} assigned`} />
      <Fact name="Occupancy" value={seconds(worker.occupancy)} note="of work expected" />
      <div class="figure">
        <dt>Memory</dt>
        <dd>
          <span class="figure-value">{memory}</span>
          {worker.limit ? <Meter share={worker.memory / worker.limit} kind={memoryKind(worker.memory, worker.limit)} label={memory} /> : null}
        </dd>
      </div>
      <Fact name="Holds" value={count(worker.held)} note={worker.held === 1 ? "value" : "values"} />
      <Fact name="Finished" value={count(worker.finished)} note={`${count(worker.failed)} failed`} />
      {details && <Fact name="Here for" value={seconds(Math.max(0, Math.floor(model.time - details.started)))} note={`joined at ${clock(details.started, 1)}`} />}
    </dl>
  );
}

function Fact({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <span class="figure-value">{value}</span>
        <span class="figure-note">{note}</span>
      </dd>
    </div>
  );
}
