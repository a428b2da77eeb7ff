// How far each function's tasks are, in the order in which functions came: nothing jumps about.

import { useState } from "preact/hooks";
import { model, useModel } from "../app";
import { functionColour } from "../colour";
import type { Fn } from "../feed";
import { count, seconds } from "../format";
import { Legend, StateBar, total } from "./states";

const SHOWN = 24;

export function Progress() {
  useModel(100);
  const [isWhole, setWhole] = useState(false);
  const rows = [...model.functions.values()].filter((row) => total(row) > 0 || row.finished > 0).sort((a, b) => a.id - b.id);
  if (rows.length === 0) {
    return <p class="muted note">No task has been submitted yet. Each function gets a bar here once one is.</p>;
  }
  const shown = isWhole || rows.length <= SHOWN ? rows : [...rows].sort(byActivity).slice(0, SHOWN);
  return (
    <>
      <Legend />
      <ul class="progress">
        {shown.map((row) => <Row key={row.id} row={row} />)}
      </ul>
      {rows.length > SHOWN && (
        <button type="button" class="more" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Show fewer" : `Show all ${count(rows.length)} functions`}
        </button>
      )}
    </>
  );
}

function Row({ row }: { row: Fn }) {
  const whole = total(row);
  const done = row.memory + row.released;
  const mean = row.finished > 0 ? `${seconds(row.seconds / row.finished)} each` : "";
  return (
    <li>
      <div>
        <span class="progress-name" title={row.name}>
          <i class="swatch" style={{ background: functionColour(row.id) }} />
          {row.name}
        </span>
        <span class="progress-count">
          {whole > 0 ? `${count(done)} / ${count(whole)}` : `${count(row.finished)} finished`}
          {row.erred > 0 && <b class="erred"> · {count(row.erred)} failed</b>}
        </span>
      </div>
      <div>
        <StateBar counts={row} />
        <span class="progress-mean muted">{mean}</span>
      </div>
    </li>
  );
}

/** What is under way before what is over, then in the order in which functions came. */
function byActivity(a: Fn, b: Fn): number {
  return Number(isActive(b)) - Number(isActive(a)) || a.id - b.id;
}

function isActive(row: Fn): boolean {
  return row.processing + row.queued + row.waiting > 0;
}
