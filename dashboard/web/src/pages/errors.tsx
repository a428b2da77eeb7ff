// What failed, grouped: the newest group first.

import { useState } from "preact/hooks";
import { model, useModel } from "../app";
import { functionColour } from "../colour";
import type { ErrorGroup } from "../feed";
import { count, plural, seconds } from "../format";
import { Empty } from "../widgets/empty";
import { KeyLink, NamedWorker } from "../widgets/links";
import { Shape } from "../widgets/states";

/** Longer messages are cut until one asks. */
const LONGEST = 600;
const LINES = 8;

export function ErrorsPage() {
  useModel(500);
  const groups = [...model.errors.values()].sort((a, b) => b.time - a.time);
  if (groups.length === 0) {
    return <Empty title="Nothing has failed." text="When a task does, it is listed here with its message, its worker and its arguments." />;
  }
  const all = groups.reduce((sum, group) => sum + group.count, 0);
  return (
    <>
      <div class="page-head">
        <h1>Errors</h1>
        <span class="muted">{plural(all, "failure")} in {plural(groups.length, "group")}, the newest first</span>
      </div>
      <ul class="errors">
        {groups.map((group) => <Group key={group.id} group={group} />)}
      </ul>
    </>
  );
}

function Group({ group }: { group: ErrorGroup }) {
  const [isWhole, setWhole] = useState(false);
  const short = group.message.slice(0, LONGEST).split("\n").slice(0, LINES).join("\n");
  const isLong = short.length < group.message.length;
  return (
    <li class="panel error">
      <p class="error-head">
        <Shape state="erred" />
        <b class="error-count">{count(group.count)} ×</b>
        <span class="progress-name"><i class="swatch" style={{ background: functionColour(group.function) }} />{model.functionName(group.function)}</span>
      </p>
      <pre class="message">{isLong && !isWhole ? `${short} …` : group.message}</pre>
      {isLong && <button type="button" class="more" onClick={() => setWhole(!isWhole)}>{isWhole ? "Show less" : "Show all of it"}</button>}
      <p class="muted">
        newest: <KeyLink id={group.key} /> on <NamedWorker name={group.worker} />, {seconds(Math.max(0, Math.round(model.time - group.time)))} ago
      </p>
    </li>
  );
}
