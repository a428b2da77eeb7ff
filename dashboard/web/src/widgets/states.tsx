// The states of tasks: each has a colour and a shape of its own, everywhere.

import type { Totals } from "../feed";
import { count } from "../format";

export const STATES = ["memory", "released", "processing", "queued", "waiting", "erred"] as const;
export type State = (typeof STATES)[number];
export type Counts = Pick<Totals, State>;

export const STATE_WORDS: Record<State, string> = {
  waiting: "waiting for inputs",
  queued: "ready, no worker yet",
  processing: "on a worker",
  memory: "in memory",
  released: "done, let go",
  erred: "failed",
};

const SHAPES: Record<State, string> = {
  waiting: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
  queued: "M8 2l6 6-6 6-6-6zM8 5L5 8l3 3 3-3z",
  processing: "M4 2.5l9.5 5.5L4 13.5z",
  memory: "M3 3h10v10H3z",
  released: "M3 3h10v10H3zM5 5v6h6V5z",
  erred: "M4.2 2.5L8 6.3l3.8-3.8 1.7 1.7L9.7 8l3.8 3.8-1.7 1.7L8 9.7l-3.8 3.8-1.7-1.7L6.3 8 2.5 4.2z",
};

export function isState(text: string): text is State {
  return (STATES as readonly string[]).includes(text);
}

/** The shape of a state, in its colour. */
export function Shape({ state }: { state: State }) {
  return (
    <svg class={`shape state-${state}`} viewBox="0 0 16 16" width="10" height="10" aria-hidden="true">
      <path d={SHAPES[state]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}

/** A state by name and shape; what the server may come to add is shown by its name alone. */
export function StateName({ state }: { state: string }) {
  return (
    <span class="state" title={isState(state) ? STATE_WORDS[state] : ""}>
      {isState(state) && <Shape state={state} />} {state}
    </span>
  );
}

export function total(counts: Counts): number {
  return STATES.reduce((sum, state) => sum + counts[state], 0);
}

/** How many are in each state, as one bar. */
export function StateBar({ counts }: { counts: Counts }) {
  const whole = total(counts);
  const label = STATES.filter((state) => counts[state] > 0).map((state) => `${count(counts[state])} ${state}`).join(", ");
  return (
    <span class="bar" role="img" aria-label={label || "no tasks"} title={label}>
      {STATES.map((state) => {
        const share = whole > 0 ? (100 * counts[state]) / whole : 0;
        return share > 0 ? <span key={state} class={`segment fill-${state}`} style={{ width: `${share}%` }} /> : null;
      })}
    </span>
  );
}

/** What the colours and shapes mean. */
export function Legend() {
  return (
    <ul class="legend" aria-label="States">
      {STATES.map((state) => (
        <li key={state} title={STATE_WORDS[state]}>
          <Shape state={state} /> {state}
        </li>
      ))}
    </ul>
  );
}
