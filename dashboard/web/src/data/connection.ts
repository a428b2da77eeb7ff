// The feed: one long response that is read as it comes, opened again with growing pauses when it ends. `fetch` rather than
// `EventSource`, which tells neither why it failed nor when it tries again.

import type { Feed } from "../feed";
import { backoff } from "./backoff";
import { EventParser } from "./sse";

export type Link =
  | { kind: "connecting" }
  | { kind: "live" }
  /** `until`: `performance.now()` of the next try. */
  | { kind: "waiting"; until: number; reason: string; tries: number }
  | { kind: "signed-out" }
  | { kind: "other-version" };

/** Headers must be here by then. */
const OPEN_WITHIN = 10_000;
/** The server says something at least every 15 s, if only a comment: after three of those it is gone. */
const SILENT_AT_MOST = 45_000;

class SignedOut extends Error {}
class OtherVersion extends Error {}

/** Keeps the feed open until it is stopped. */
export class Connection {
  link: Link = { kind: "connecting" };
  #stop: AbortController | null = null;
  #wake: (() => void) | null = null;
  #tries = 0;
  readonly #receive: (kind: string, feed: Feed) => void;
  readonly #changed: () => void;

  constructor(receive: (kind: string, feed: Feed) => void, changed: () => void) {
    this.#receive = receive;
    this.#changed = changed;
  }

  /** Opens it; what was open is closed. */
  start(): void {
    this.stop();
    const stop = new AbortController();
    this.#stop = stop;
    this.#tries = 0;
    void this.#run(stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#wake?.();
  }

  /** Does not wait any longer before the next try. */
  retry(): void {
    if (this.link.kind === "signed-out" || this.link.kind === "other-version") this.start();
    else this.#wake?.();
  }

  async #run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      let reason = "the server ended the connection";
      try {
        if (this.link.kind !== "waiting") this.#become({ kind: "connecting" });
        await this.#read(stop);
      } catch (error) {
        if (stop.aborted) return;
        if (error instanceof SignedOut) return this.#become({ kind: "signed-out" });
        if (error instanceof OtherVersion) return this.#become({ kind: "other-version" });
        reason = explain(error);
      }
      if (stop.aborted) return;
      this.#tries += 1;
      const pause = backoff(this.#tries, Math.random()) * 1000;
      this.#become({ kind: "waiting", until: performance.now() + pause, reason, tries: this.#tries });
      await this.#pause(pause);
    }
  }

  async #read(stop: AbortSignal): Promise<void> {
    const attempt = new AbortController();
    const end = () => attempt.abort(stop.reason);
    stop.addEventListener("abort", end);
    let timer = setTimeout(() => attempt.abort(new Error("the server did not answer")), OPEN_WITHIN);
    try {
      const response = await fetch("/api/events", {
        headers: { accept: "text/event-stream" },
        credentials: "same-origin",
        cache: "no-store",
        signal: attempt.signal,
      });
      if (response.status === 401) throw new SignedOut();
      if (!response.ok || !response.body) throw new Error(await refusal(response));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (;;) {
        clearTimeout(timer);
        timer = setTimeout(() => attempt.abort(new Error("the server fell silent")), SILENT_AT_MOST);
        const { done, value } = await reader.read();
        if (done) return;
        for (const { event, data } of parser.push(value)) this.#event(event, data);
      }
    } finally {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      attempt.abort();
    }
  }

  #event(kind: string, data: string): void {
    if (kind !== "snapshot" && kind !== "delta") return;
    const feed = JSON.parse(data) as Feed;
    if (feed.version !== 1) throw new OtherVersion();
    this.#tries = 0;
    this.#receive(kind, feed);
    if (this.link.kind !== "live") this.#become({ kind: "live" });
  }

  #become(link: Link): void {
    this.link = link;
    this.#changed();
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function refusal(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error?: unknown };
    if (typeof body.error === "string") return body.error;
  } catch {
    // Its status says enough.
  }
  return `the server answered ${response.status}`;
}

function explain(error: unknown): string {
  if (error instanceof SyntaxError) return "the server sent something that can't be read";
  if (error instanceof TypeError) return "the server can't be reached";
  return error instanceof Error ? error.message : String(error);
}
