// What is around every page: the head with its links, the banner that tells of a lost connection, the help.

import { useEffect, useState } from "preact/hooks";
import { connection, go, start, useModel } from "./app";
import { shortcut } from "./keys";
import { ErrorsPage } from "./pages/errors";
import { GraphPage } from "./pages/graph";
import { PlotPage, PlotsPage } from "./pages/plots";
import { SignedOut } from "./pages/signedout";
import { StatusPage } from "./pages/status";
import { TaskPage } from "./pages/task";
import { WorkerPage } from "./pages/worker";
import { WorkersPage } from "./pages/workers";
import { href, parse, type Route, tokenOf } from "./router";
import { isDark, onTheme, toggleTheme } from "./theme";
import { Banner } from "./widgets/banner";
import { Empty } from "./widgets/empty";
import { Help } from "./widgets/help";

type Place = "status" | "workers" | "graph" | "errors" | "plots";

const PLACES: [Place, string][] = [
  ["status", "Status"],
  ["workers", "Workers"],
  ["graph", "Graph"],
  ["errors", "Errors"],
  ["plots", "Plots"],
];

export function Shell() {
  const [route, setRoute] = useState<Route>(() => parse(tokenOf(location.hash) === null ? location.hash : ""));
  const [isHelp, setHelp] = useState(false);
  useEffect(() => {
    const off = new AbortController();
    const changed = () => {
      // A new link pasted over this page: its fragment is a token.
      if (tokenOf(location.hash) !== null) void start();
      setRoute(parse(location.hash));
    };
    window.addEventListener("hashchange", changed, { signal: off.signal });
    window.addEventListener("keydown", (event) => onKey(event, setHelp), { signal: off.signal });
    return () => off.abort();
  }, []);
  useTitle(route);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>Skip to the page</a>
      <Head route={route} help={() => setHelp(true)} />
      <Banner />
      <main id="main" tabIndex={-1} class={`page page-${route.page}`}>
        <Page route={route} />
      </main>
      {isHelp && <Help close={() => setHelp(false)} />}
    </>
  );
}

function Head({ route, help }: { route: Route; help: () => void }) {
  const model = useModel(500);
  const here: Record<Route["page"], Place | null> = {
    status: "status", workers: "workers", worker: "workers", graph: "graph", task: null, errors: "errors",
    plots: "plots", plot: "plots", unknown: null,
  };
  const badge: Partial<Record<Place, number>> = { errors: model.errors.size, plots: model.plots.size };
  return (
    <header class="head">
      <a class="brand" href="#/" aria-label="Brisk, status">
        <Mark />
        <span>Brisk</span>
      </a>
      <nav aria-label="Pages">
        {PLACES.map(([page, name]) => (
          <a key={page} href={href({ page })} aria-current={here[route.page] === page ? "page" : undefined}>
            {name}
            {badge[page] ? <span class={`badge badge-${page}`}>{badge[page]}</span> : null}
          </a>
        ))}
      </nav>
      <span class="cluster" title={model.cluster ? `${model.cluster.scheduler} · Brisk ${model.cluster.brisk}` : ""}>
        {model.cluster?.name || model.cluster?.scheduler || ""}
      </span>
      <LinkState />
      <ThemeButton />
      <button type="button" class="icon" onClick={help} aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)">?</button>
    </header>
  );
}

function LinkState() {
  useModel(500);
  const kind = connection.link.kind;
  const words = { live: "live", connecting: "connecting", waiting: "disconnected", "signed-out": "signed out", "other-version": "out of date" };
  return <span class={`link link-${kind}`} role="status">{words[kind]}</span>;
}

function ThemeButton() {
  const [dark, setDark] = useState(isDark());
  useEffect(() => onTheme(() => setDark(isDark())), []);
  const label = dark ? "Light colours" : "Dark colours";
  return (
    <button type="button" class="icon" onClick={toggleTheme} aria-label={label} title={`${label} (t)`}>
      <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">
        <circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.5" />
        <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" />
      </svg>
    </button>
  );
}

function Page({ route }: { route: Route }) {
  useModel(1000);
  if (connection.link.kind === "signed-out") return <SignedOut />;
  switch (route.page) {
    case "status":
      return <StatusPage />;
    case "workers":
      return <WorkersPage />;
    case "worker":
      return <WorkerPage key={route.id} id={route.id} />;
    case "graph":
      return <GraphPage />;
    case "task":
      return <TaskPage key={route.key} id={route.key} />;
    case "errors":
      return <ErrorsPage />;
    case "plots":
      return <PlotsPage />;
    case "plot":
      return <PlotPage key={route.name} name={route.name} />;
    case "unknown":
      return <Empty title="There is no such page." text={`Nothing is at ${route.path}. The links above lead to all there is.`} />;
  }
}

function Mark() {
  return (
    <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      <rect width="16" height="16" rx="3.5" fill="#0b5f8a" />
      <rect x="3" y="3.5" width="6" height="2.2" rx="0.6" fill="#fff" />
      <rect x="5" y="6.9" width="8" height="2.2" rx="0.6" fill="#e69f00" />
      <rect x="3" y="10.3" width="4" height="2.2" rx="0.6" fill="#56b4e9" />
      <rect x="8" y="10.3" width="5" height="2.2" rx="0.6" fill="#fff" />
    </svg>
  );
}

function onKey(event: KeyboardEvent, setHelp: (shown: boolean) => void): void {
  const target = event.target as HTMLElement | null;
  const isTyping = target !== null && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  const action = shortcut(event, isTyping);
  if (action === null) return;
  event.preventDefault();
  if (action === "help") setHelp(true);
  else if (action === "theme") toggleTheme();
  else go({ page: action });
}

/** The fragment is the page's name, so this link moves the focus by itself. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function useTitle(route: Route): void {
  const name = route.page === "task" ? route.key : route.page === "plot" ? route.name : route.page;
  useEffect(() => {
    document.title = name === "status" ? "Brisk" : `${name} · Brisk`;
  }, [name]);
}
