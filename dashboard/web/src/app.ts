// The one model and the one connection of this page, and how components hear of them.

import { useEffect, useState } from "preact/hooks";
import { Connection } from "./data/connection";
import { Model } from "./data/model";
import { signIn } from "./data/session";
import { href, type Route, tokenOf } from "./router";

export const model = new Model();
const listeners = new Set<() => void>();
/** Grows with every notification. */
let notified = 0;

export const connection = new Connection((kind, feed) => {
  model.apply(kind === "snapshot" ? "snapshot" : "delta", feed);
  notify();
}, notify);

/** Calls `listener` after each event and each change of the connection; gives what stops that. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Draws the component again when the model changes, at most every `least` milliseconds. */
export function useModel(least = 100): Model {
  const [, draw] = useState(0);
  const drawn = notified;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | null = null;
    let last = 0;
    const now = () => {
      timer = null;
      last = performance.now();
      draw((n) => n + 1);
    };
    const stop = subscribe(() => {
      if (timer === null) timer = setTimeout(now, Math.max(0, last + least - performance.now()));
    });
    // Effects run after the first frame: what came before is not told again.
    if (notified !== drawn) now();
    return () => {
      stop();
      if (timer !== null) clearTimeout(timer);
    };
  }, [least]);
  return model;
}

/** Opens the feed; a token in the address is exchanged first, and leaves the address whatever comes of it. */
export async function start(): Promise<void> {
  const token = tokenOf(location.hash);
  if (token !== null) {
    history.replaceState(null, "", `${location.pathname}#/`);
    try {
      await signIn(token);
    } catch {
      // The feed finds the same, and says so.
    }
  }
  connection.start();
}

/** Goes to a page. */
export function go(route: Exclude<Route, { page: "unknown" }>): void {
  location.hash = href(route);
}

function notify(): void {
  notified += 1;
  for (const listener of listeners) listener();
}
