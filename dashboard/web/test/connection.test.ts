import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connection } from "../src/data/connection";
import { signIn } from "../src/data/session";

/** A response whose body is written by the test. */
function stream() {
  let control!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (made) => void (control = made) });
  const encoder = new TextEncoder();
  const response = new Response(body);
  return {
    response,
    /** Answers as a browser does: an aborted request's body ends in the reason. */
    answer: (_: string, { signal }: RequestInit) => {
      signal!.addEventListener("abort", () => control.error(signal!.reason));
      return Promise.resolve(response);
    },
    write: (text: string) => control.enqueue(encoder.encode(text)),
    end: () => control.close(),
  };
}

const SNAPSHOT = 'event: snapshot\ndata: {"version":1,"time":1}\n\n';
const fetched = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();

describe("the connection", () => {
  const received: string[] = [];
  let connection: Connection;
  const settle = () => vi.advanceTimersByTimeAsync(0);

  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    vi.stubGlobal("fetch", fetched);
    fetched.mockReset();
    received.length = 0;
    connection = new Connection((kind, feed) => received.push(`${kind} ${feed.time}`), () => {});
  });

  afterEach(() => {
    connection.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it("gives events as they come, wherever they are cut", async () => {
    const { response, write } = stream();
    fetched.mockResolvedValue(response);
    connection.start();
    write(SNAPSHOT.slice(0, 20));
    await settle();
    expect([connection.link.kind, received]).toEqual(["connecting", []]);
    write(`${SNAPSHOT.slice(20)}: nothing new\n\nevent: delta\ndata: {"version":1,"time":2}\n\n`);
    await settle();
    expect([connection.link.kind, received]).toEqual(["live", ["snapshot 1", "delta 2"]]);
  });

  it("tries again with growing pauses, says why, and begins small after it was live", async () => {
    fetched.mockRejectedValue(new TypeError("failed to fetch"));
    connection.start();
    await settle();
    expect(connection.link).toMatchObject({ kind: "waiting", tries: 1, reason: "the server can't be reached" });
    for (const [pause, calls] of [[500, 2], [1000, 3], [2000, 4], [4000, 5], [8000, 6], [10_000, 7], [10_000, 8]] as const) {
      await vi.advanceTimersByTimeAsync(pause - 1);
      expect(fetched).toHaveBeenCalledTimes(calls - 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(fetched).toHaveBeenCalledTimes(calls);
    }
    const { response, write, end } = stream();
    fetched.mockResolvedValueOnce(response);
    connection.retry();
    await settle();
    write(SNAPSHOT);
    await settle();
    expect(connection.link.kind).toBe("live");
    end();
    await settle();
    expect(connection.link).toMatchObject({ kind: "waiting", tries: 1, reason: "the server ended the connection" });
  });

  it("takes long silence for the end", async () => {
    const { answer, write } = stream();
    fetched.mockImplementationOnce(answer);
    connection.start();
    write(SNAPSHOT);
    await vi.advanceTimersByTimeAsync(44_000);
    write(": here\n\n");
    await vi.advanceTimersByTimeAsync(44_000);
    expect(connection.link.kind).toBe("live");
    await vi.advanceTimersByTimeAsync(1000);
    expect(connection.link).toMatchObject({ kind: "waiting", reason: "the server fell silent" });
  });

  it("waits for nobody who does not answer", async () => {
    fetched.mockImplementation((_, { signal }) => new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(signal!.reason))));
    connection.start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(connection.link).toMatchObject({ kind: "waiting", reason: "the server did not answer" });
  });

  it("does not knock on where nobody is signed in, until told to", async () => {
    fetched.mockResolvedValue(new Response("{}", { status: 401 }));
    connection.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([connection.link.kind, fetched.mock.calls.length]).toEqual(["signed-out", 1]);
    connection.retry();
    await settle();
    expect(fetched).toHaveBeenCalledTimes(2);
  });

  it("says what the server said, and what it could not understand", async () => {
    fetched.mockResolvedValueOnce(new Response('{"error":"64 pages are open already"}', { status: 503 }));
    connection.start();
    await settle();
    expect(connection.link).toMatchObject({ reason: "64 pages are open already" });
    const broken = stream();
    fetched.mockResolvedValueOnce(broken.response);
    broken.write("event: delta\ndata: {\n\n");
    await vi.advanceTimersByTimeAsync(500);
    expect(connection.link).toMatchObject({ reason: "the server sent something that can't be read", tries: 2 });
    const newer = stream();
    fetched.mockResolvedValueOnce(newer.response);
    newer.write('event: snapshot\ndata: {"version":2,"time":0}\n\n');
    await vi.advanceTimersByTimeAsync(1000);
    expect([connection.link.kind, received]).toEqual(["other-version", []]);
  });

  it("asks for nothing more once it is stopped", async () => {
    const { response, write } = stream();
    fetched.mockResolvedValue(response);
    connection.start();
    write(SNAPSHOT);
    await settle();
    connection.stop();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  it("signs in with the token in a header alone", async () => {
    fetched.mockResolvedValue(new Response(null, { status: 204 }));
    expect(await signIn("secret")).toBe(true);
    const [url, init] = fetched.mock.calls[0]!;
    expect([url, new Headers(init.headers).get("x-brisk-token")]).toEqual(["/api/session", "secret"]);
    fetched.mockResolvedValue(new Response(null, { status: 401 }));
    expect(await signIn("wrong")).toBe(false);
  });
});
