// The JSON pages: asked for when a page shows them, and again while it is in sight.

import { useEffect, useRef, useState } from "preact/hooks";
import { ANSWER_WITHIN } from "./session";

/** The server's answer was not the page, or there was none. `status` is 0 when there was none. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Gets one page. */
export async function getJson<T>(path: string, stop: AbortSignal): Promise<T> {
  let response: Response;
  try {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(ANSWER_WITHIN)]);
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", signal });
  } catch (error) {
    if (stop.aborted) throw error;
    throw new ApiError(0, "The server can't be reached.");
  }
  let body: unknown;
  try {
    body = await response.json();
  } catch {
    throw new ApiError(response.status, `The server answered ${response.status}, with nothing that can be read.`);
  }
  if (response.ok) return body as T;
  const error = (body as { error?: unknown } | null)?.error;
  throw new ApiError(response.status, typeof error === "string" ? error : `The server answered ${response.status}.`);
}

export interface Polled<T> {
  value: T | null;
  error: ApiError | null;
}

/** Gets a page, and again every `every` milliseconds while the tab is in sight; the last good answer stays meanwhile. */
export function usePolled<T>(path: string, every: number): Polled<T> {
  const [state, setState] = useState<Polled<T> & { path: string }>({ path, value: null, error: null });
  const last = useRef<T | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    last.current = null;
    setState({ path, value: null, error: null });
    void poll<T>(path, every, stop.signal, (value, error) => {
      last.current = value ?? last.current;
      setState({ path, value: last.current, error });
    });
    return () => stop.abort();
  }, [path, every]);
  return state.path === path ? state : { value: null, error: null };
}

async function poll<T>(
  path: string,
  every: number,
  stop: AbortSignal,
  tell: (value: T | null, error: ApiError | null) => void,
): Promise<void> {
  let pause = every;
  while (!stop.aborted) {
    if (!document.hidden) {
      try {
        tell(await getJson<T>(path, stop), null);
        pause = every;
      } catch (error) {
        if (stop.aborted) return;
        tell(null, error instanceof ApiError ? error : new ApiError(0, String(error)));
        // What is not known is hardly so a second later.
        const isUnknown = error instanceof ApiError && error.status === 404;
        pause = isUnknown ? 10_000 : Math.min(5000, Math.max(1000, pause * 2));
      }
    }
    await sleep(pause, stop);
  }
}

function sleep(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    stop.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
