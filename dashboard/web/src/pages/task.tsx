// One task: its story, its neighbours, and, if it failed, why and how to run it here.

import { useMemo } from "preact/hooks";
import { model, useModel } from "../app";
import { usePolled } from "../data/api";
import type { Task, TaskError, TaskLink } from "../data/pages";
import { bytes, clock, count, plural, seconds, taskName } from "../format";
import { Copyable } from "../widgets/copy";
import { Empty } from "../widgets/empty";
import { KeyLink, NamedWorker, WorkerLink } from "../widgets/links";
import { isState, Shape, StateName } from "../widgets/states";

/** Links beyond this many are only counted. */
const LINKS = 200;

export function TaskPage({ id }: { id: string }) {
  useModel(1000);
  const { value: task, error } = usePolled<Task>(`/api/tasks/${encodeURIComponent(id)}`, 1000);
  if (!task) {
    if (!error) return <Empty title="Asking for the task…" />;
    if (error.status !== 404) return <Empty title="The task can't be shown." text={error.message} />;
    return <Unknown id={id} />;
  }
  return (
    <>
      <div class="page-head">
        <h1 class="task-title">{taskName(task.name, task.key)}</h1>
        <StateName state={task.state} />
      </div>
      {error && <p class="note erred" role="status">{error.message} What is shown is as it was before.</p>}
      <Facts task={task} />
      {task.error && <Failure error={task.error} recreate={task.recreate} />}
      <div class="halves">
        <Links title="Inputs" links={task.inputs} none="It needs no other task." />
        <Links title="Dependents" links={task.dependents} none="No other task needs it." />
      </div>
      <Story task={task} />
      {!task.error && task.recreate.length > 0 && (
        <section class="panel">
          <h2>Run it in your own process</h2>
          <Recreate lines={task.recreate} />
        </section>
      )}
    </>
  );
}

/** What the scheduler has forgotten may still be among the runs. */
function Unknown({ id }: { id: string }) {
  const run = useMemo(() => model.runs.find(id), [id, model.isFilled]);
  return (
    <Empty title="The scheduler does not know this task.">
      <p>Tasks are forgotten when nobody wants their values any more.</p>
      {run && (
        <p>
          This one, <b>{model.functionName(run.function)}</b>, {run.ok ? "ended well" : "failed"} on <WorkerLink id={run.worker} /> at {clock(run.end, 0.001)},
          after {seconds(run.end - run.start)}{run.ok ? `, with ${bytes(run.bytes)}` : ""}.
        </p>
      )}
      <p class="key">{id}</p>
      <p><a href="#/">The task stream</a></p>
    </Empty>
  );
}

function Facts({ task }: { task: Task }) {
  return (
    <section class="panel">
      <dl class="facts">
        <dt>Key</dt><dd class="key">{task.key}</dd>
        <dt>Function</dt><dd class="key">{task.function}</dd>
        {task.worker && <><dt>Worker</dt><dd><NamedWorker name={task.worker} /></dd></>}
        <dt>Attempt</dt><dd>{count(task.attempt)}</dd>
        {task.bytes != null && <><dt>Result</dt><dd>{bytes(task.bytes)}</dd></>}
        {task.priority != null && <><dt>Priority</dt><dd>{typeof task.priority === "object" ? JSON.stringify(task.priority) : String(task.priority)}</dd></>}
        <dt>Held by</dt>
        <dd>
          {task.holders.length === 0 ? "no worker" : task.holders.map((name, index) => (
            <span key={name}>{index > 0 ? ", " : ""}<NamedWorker name={name} /></span>
          ))}
        </dd>
      </dl>
    </section>
  );
}

function Failure({ error, recreate }: { error: TaskError; recreate: string[] }) {
  const causes = error.causes ?? [];
  const path = error.path ?? [];
  return (
    <section class="panel failure" aria-labelledby="failure-title">
      <h2 id="failure-title"><Shape state="erred" /> It failed</h2>
      <pre class="message">{error.message}</pre>
      {causes.length > 0 && (
        <ol class="causes">
          {causes.map((cause, index) => <li key={index}><span class="muted">because</span> <span class="message-line">{cause}</span></li>)}
        </ol>
      )}
      <dl class="facts">
        {error.place && <><dt>At</dt><dd class="key">{error.place}</dd></>}
        {error.arguments && <><dt>Called with</dt><dd><pre class="arguments">{error.arguments}</pre></dd></>}
        {error.worker && <><dt>On</dt><dd><NamedWorker name={error.worker} /></dd></>}
        {path.length > 0 && <><dt>Needed by</dt><dd class="path">{<span class="key">{path.join(" → ")}</span>}</dd></>}
      </dl>
      {recreate.length > 0 && <><h3>Run it again in your own process, under a debugger</h3><Recreate lines={recreate} /></>}
    </section>
  );
}

function Recreate({ lines }: { lines: string[] }) {
  return <Copyable text={lines.join("\n")} label="Copy these lines" />;
}

function Links({ title, links, none }: { title: string; links: TaskLink[]; none: string }) {
  return (
    <section class="panel">
      <h2>{title}{links.length > 0 && <span class="muted count"> {count(links.length)}</span>}</h2>
      {links.length === 0 && <p class="muted note">{none}</p>}
      <ul class="links">
        {links.slice(0, LINKS).map((link) => (
          <li key={link.key}>
            {link.state && isState(link.state) && <span title={link.state}><Shape state={link.state} /><span class="hidden">{link.state}</span></span>}{" "}
            <KeyLink id={link.key} name={link.name} longest={56} />
          </li>
        ))}
      </ul>
      {links.length > LINKS && <p class="muted note">and {plural(links.length - LINKS, "more task")}.</p>}
    </section>
  );
}

function Story({ task }: { task: Task }) {
  const first = task.story[0]?.time ?? 0;
  return (
    <section class="panel">
      <h2>Story</h2>
      {task.story.length === 0 && <p class="muted note">Nothing has happened to it yet, or what has is no longer kept.</p>}
      <ol class="story">
        {task.story.map((line, index) => (
          <li key={index}>
            <time title={`${clock(line.time, 0.001)} after the scheduler started, at ${new Date(((model.cluster?.started ?? 0) + line.time) * 1000).toLocaleTimeString()}`}>
              {clock(line.time, 0.001)}
            </time>
            <span class="muted story-since">+{clock(line.time - first, 0.001)}</span>
            <span class="message-line">{line.event}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
