// Every worker, in a table.

import { useState } from "preact/hooks";
import { model, useModel } from "../app";
import type { Worker } from "../feed";
import { bytes, count, plural, seconds } from "../format";
import { Empty } from "../widgets/empty";
import { WorkerLink } from "../widgets/links";
import { Meter, memoryKind } from "../widgets/meter";
import { type Column, Table } from "../widgets/table";

const COLUMNS: Column<Worker>[] = [
  { name: "Worker", by: (row) => row.name, cell: (row) => <WorkerLink id={row.id} />, wide: true },
  { name: "Status", by: (row) => row.status, cell: (row) => <span class={`status-word status-${row.status}`}>{row.status}</span> },
  { name: "Address", by: (row) => row.address, cell: (row) => <span class="key">{row.address}</span>, wide: true },
  { name: "Host", by: (row) => row.host, cell: (row) => row.host },
  { name: "Threads", by: (row) => row.threads, cell: (row) => count(row.threads), isNumber: true },
  { name: "Running", by: (row) => row.running, cell: (row) => count(row.running), isNumber: true },
  { name: "Assigned", by: (row) => row.assigned, cell: (row) => count(row.assigned), isNumber: true, title: "Tasks assigned, running ones among them" },
  { name: "Occupancy", by: (row) => row.occupancy, cell: (row) => seconds(row.occupancy), isNumber: true, title: "Expected time of the work assigned" },
  { name: "Memory", by: (row) => row.memory, cell: (row) => <Memory row={row} />, isNumber: true },
  { name: "Holds", by: (row) => row.held, cell: (row) => count(row.held), isNumber: true, title: "Values held" },
  { name: "Finished", by: (row) => row.finished, cell: (row) => count(row.finished), isNumber: true },
  { name: "Failed", by: (row) => row.failed, cell: (row) => <span class={row.failed > 0 ? "erred" : ""}>{count(row.failed)}</span>, isNumber: true },
];

export function WorkersPage() {
  useModel(500);
  const [filter, setFilter] = useState("");
  const all = [...model.workers.values()];
  const here = model.present();
  if (all.length === 0) {
    return (
      <Empty title="No worker is here.">
        <p>Start one with <code>brisk worker ADDRESS</code>, or as many as this machine has room for with <code>brisk local</code>. Tasks wait until then.</p>
      </Empty>
    );
  }
  const wanted = filter.trim().toLowerCase();
  const rows = all.filter((row) => wanted === "" || `${row.name} ${row.address} ${row.host} ${row.status}`.toLowerCase().includes(wanted));
  const more = model.totals.wanted_workers;
  return (
    <>
      <div class="page-head">
        <h1>Workers</h1>
        <span class="muted">
          {plural(here.length, "worker")}, {plural(here.reduce((sum, row) => sum + row.threads, 0), "thread")}
          {more > 0 && more !== here.length ? `; ${count(more)} wanted` : ""}
        </span>
        <input type="search" placeholder="Name, address, host or status" aria-label="Filter workers" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
      </div>
      <section class="panel">
        <Table label="Workers" columns={COLUMNS} rows={rows} id={(row) => row.id} rowClass={(row) => `is-${row.status}`} />
      </section>
    </>
  );
}

function Memory({ row }: { row: Worker }) {
  const text = row.limit ? `${bytes(row.memory)} / ${bytes(row.limit)}` : bytes(row.memory);
  return (
    <span class="measured">
      {row.limit ? <Meter share={row.memory / row.limit} kind={memoryKind(row.memory, row.limit)} label={text} /> : null}
      <span class="measure-wide">{text}</span>
    </span>
  );
}
