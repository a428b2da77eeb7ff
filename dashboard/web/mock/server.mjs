// A server that speaks as Brisk's does, over a cluster that is only numbers: for work on the page, and for its checks.
//
//   npm run mock -- --port 8787 --runs 100000 --seed 7

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Cluster } from "./cluster.mjs";
import { page } from "./pages.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TOKEN = "mock-token";
const COOKIE = "brisk=mock";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };

/** What Brisk's own server says of every answer. */
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** Starts one. `tick` milliseconds pass between two deltas. */
export async function startMock({ port = 0, tick = 100, ...options } = {}) {
  const mock = { cluster: new Cluster(options), isDown: false, streams: new Set() };
  const server = createServer((request, response) => answer(mock, request, response));
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const timer = setInterval(() => send(mock, "delta", mock.cluster.tick(tick / 1000)), tick);
  const { port: bound } = server.address();
  const origin = `http://127.0.0.1:${bound}`;
  return {
    cluster: mock.cluster,
    origin,
    link: `${origin}/#${TOKEN}`,
    /** Ends every connection, and answers none until `up`. */
    down() {
      mock.isDown = true;
      server.closeAllConnections();
    },
    up() {
      mock.isDown = false;
    },
    /** Another scheduler in the first one's place. */
    restart() {
      mock.cluster = new Cluster({ ...options, seed: 99 });
      mock.cluster.started += 1000;
      server.closeAllConnections();
    },
    async close() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(mock, request, response) {
  if (mock.isDown) return request.socket.destroy();
  const url = new URL(request.url, "http://mock");
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (request.method !== "GET") return fail(response, 405, "this server only tells");
  if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
  if (url.pathname === "/api/session") {
    if (request.headers["x-brisk-token"] !== TOKEN) return fail(response, 401, "that is not the token");
    response.writeHead(204, { "set-cookie": `${COOKIE}; HttpOnly; SameSite=Strict; Path=/` });
    return response.end();
  }
  if (!(request.headers.cookie ?? "").split("; ").includes(COOKIE)) return fail(response, 401, "nobody is signed in");
  if (url.pathname === "/api/events") return events(mock, response);
  const found = page(mock.cluster, url.pathname.slice("/api/".length), url.searchParams);
  if (!found) return fail(response, 404, "the scheduler knows nothing of that name");
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(found));
}

function events(mock, response) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  mock.streams.add(response);
  response.on("close", () => mock.streams.delete(response));
  response.write(`event: snapshot\ndata: ${JSON.stringify(mock.cluster.snapshot())}\n\n`);
}

function send(mock, event, feed) {
  const text = `event: ${event}\ndata: ${JSON.stringify(feed)}\n\n`;
  for (const response of mock.streams) response.write(text);
}

function file(path, response) {
  const place = join(DIST, normalize(path === "/" ? "/index.html" : path));
  const isFile = place.startsWith(DIST) && statSync(place, { throwIfNoEntry: false })?.isFile();
  if (!isFile) return fail(response, 404, "there is no such file");
  response.writeHead(200, { "content-type": TYPES[extname(place)] ?? "application/octet-stream" });
  createReadStream(place).pipe(response);
}

function fail(response, status, error) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error }));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const number = (name, standard) => ({ [name]: { type: "string", default: String(standard) } });
  const shape = { ...number("port", 8787), ...number("seed", 1), ...number("runs", 20_000), ...number("workers", 8), ...number("threads", 4), ...number("rate", 400), ...number("seconds", 60), empty: { type: "boolean", default: false } };
  const { empty, ...texts } = parseArgs({ options: shape }).values;
  const numbers = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number(text)]));
  const { link } = await startMock({ ...numbers, isEmpty: empty });
  console.log(`dashboard: ${link}`);
}
