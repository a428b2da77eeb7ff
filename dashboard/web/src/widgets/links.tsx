// Links to tasks and workers.

import { model } from "../app";
import { shortKey, taskName } from "../format";
import { href } from "../router";

/** A task by its name if that is known, else by its key. */
export function KeyLink({ id, name, longest = 40 }: { id: string; name?: string | undefined; longest?: number }) {
  return <a class="key" href={href({ page: "task", key: id })} title={name ? `${name}\n${id}` : id}>{shortKey(name ? taskName(name, id) : id, longest)}</a>;
}

export function WorkerLink({ id }: { id: number }) {
  return <a href={href({ page: "worker", id })}>{model.workerName(id)}</a>;
}

/** A worker by its name or address, with a link if it is known. */
export function NamedWorker({ name }: { name: string }) {
  const found = [...model.workers.values()].find((worker) => worker.name === name || worker.address === name);
  return found ? <WorkerLink id={found.id} /> : <>{name}</>;
}
