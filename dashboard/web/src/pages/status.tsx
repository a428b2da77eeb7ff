// The page that is left open: what runs, where, and how far it is.

import { model, useModel } from "../app";
import type { Worker } from "../feed";
import { bytes, count, plural, rate, seconds } from "../format";
import { Empty } from "../widgets/empty";
import { Rate } from "../widgets/rate";
import { Progress } from "../widgets/progress";
import { Shape, STATE_WORDS, STATES } from "../widgets/states";
import { TaskStream } from "../widgets/taskstream";
import { WorkerBars } from "../widgets/workerbars";

export function StatusPage() {
  useModel(500);
  if (!model.isFilled) return <Empty title="Waiting for the scheduler…" text="Its first message fills this page." />;
  return (
    <>
      <h1 class="hidden">Status</h1>
      <Figures />
      <div class="status">
        <section class="panel panel-stream" aria-labelledby="stream-title">
          <h2 id="stream-title">Task stream</h2>
          <TaskStream />
        </section>
        <section class="panel panel-progress" aria-labelledby="progress-title">
          <h2 id="progress-title">Progress</h2>
          <Progress />
        </section>
        <section class="panel panel-workers" aria-labelledby="bars-title">
          <h2 id="bars-title">Memory and occupancy</h2>
          <WorkerBars />
        </section>
        <section class="panel panel-rate" aria-labelledby="rate-title">
          <h2 id="rate-title">Tasks a second</h2>
          <Rate />
        </section>
      </div>
    </>
  );
}

function Figures() {
  useModel(250);
  const workers = model.present();
  const memory = workers.reduce((sum, worker) => sum + worker.memory, 0);
  const threads = workers.reduce((sum, worker) => sum + worker.threads, 0);
  const running = workers.reduce((sum, worker) => sum + worker.running, 0);
  const { totals, time } = model;
  return (
    <dl class="figures" aria-label="The cluster">
      <Figure name="Tasks a second" value={rate(model.history.rate)} note={`${count(totals.finished)} finished`} />
      <Figure name="Workers" value={count(workers.length)} note={`${count(running)} of ${plural(threads, "thread")} busy`} />
      <Figure name="Memory" value={bytes(memory)} note={limits(workers)} />
      <Figure name="Transferred" value={bytes(totals.transferred)} note="between workers" />
      <Figure name="Clients" value={count(totals.clients)} note={`up for ${seconds(Math.floor(time))}`} />
      <div class="figure figure-states">
        <dt>Tasks</dt>
        <dd>
          {STATES.map((state) => (
            <span key={state} class={totals[state] === 0 ? "is-none" : ""} title={STATE_WORDS[state]}>
              <Shape state={state} /> <b>{count(totals[state])}</b> {state}
            </span>
          ))}
        </dd>
      </div>
    </dl>
  );
}

function limits(workers: Worker[]): string {
  const limited = workers.filter((worker) => worker.limit !== null);
  if (limited.length === 0) return "no limit";
  const sum = bytes(limited.reduce((all, worker) => all + worker.limit!, 0));
  return limited.length === workers.length ? `of ${sum}` : `of ${sum}, ${workers.length - limited.length} unlimited`;
}

function Figure({ name, value, note }: { name: string; value: string; note: string }) {
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
