// Light or dark: the system's choice until someone makes one, which is remembered on this machine.

export type Theme = "system" | "light" | "dark";

/** What canvases need of the style sheet. */
export interface ThemeColours {
  text: string;
  muted: string;
  line: string;
  grid: string;
  edge: string;
  panel: string;
  accent: string;
  waiting: string;
  queued: string;
  processing: string;
  memory: string;
  erred: string;
  released: string;
}

const STORED = "brisk-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let colours: ThemeColours | null = null;
/** Kept here: in Chromium, whoever reads `matches` before a change is told takes the event away. */
let isSystemDark = dark.matches;
let current: Theme = read();

apply();
dark.addEventListener("change", (event) => {
  isSystemDark = event.matches;
  changed();
});

export function theme(): Theme {
  return current;
}

/** Whether it is dark now, whoever chose that. */
export function isDark(): boolean {
  return current === "dark" || (current === "system" && isSystemDark);
}

/** The other one than is shown now. Choosing what the system has follows the system again. */
export function toggleTheme(): void {
  const next = isDark() ? "light" : "dark";
  current = (next === "dark") === isSystemDark ? "system" : next;
  try {
    localStorage.setItem(STORED, current);
  } catch {
    // Not remembered, then.
  }
  apply();
  changed();
}

/** Calls `listener` whenever colours change; gives what stops that. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function themeColours(): ThemeColours {
  if (colours) return colours;
  const style = getComputedStyle(document.documentElement);
  const value = (name: string) => style.getPropertyValue(`--${name}`).trim();
  colours = {
    text: value("text"), muted: value("muted"), line: value("line"), grid: value("grid"), edge: value("edge"), panel: value("panel"),
    accent: value("accent"), waiting: value("waiting"), queued: value("queued"), processing: value("processing"),
    memory: value("memory"), erred: value("erred"), released: value("released"),
  };
  return colours;
}

function changed(): void {
  colours = null;
  for (const listener of listeners) listener();
}

function apply(): void {
  if (current === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = current;
}

function read(): Theme {
  try {
    const stored = localStorage.getItem(STORED);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}
