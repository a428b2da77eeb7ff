// Keys that work on every page. Pure.

export type Shortcut = "status" | "workers" | "graph" | "errors" | "plots" | "theme" | "help";

/** Keys and what they do, as the help lists them. */
export const SHORTCUTS: [string, string, Shortcut][] = [
  ["1", "Status", "status"],
  ["2", "Workers", "workers"],
  ["3", "Graph", "graph"],
  ["4", "Errors", "errors"],
  ["5", "Plots", "plots"],
  ["t", "Light or dark", "theme"],
  ["?", "This help", "help"],
];

/** Keys of the task stream and the graph, while one of them has the focus. */
export const CANVAS_KEYS: [string, string][] = [
  ["← →", "Earlier, later"],
  ["↑ ↓", "Lanes above, below"],
  ["+ −", "Closer, wider"],
  ["0", "All there is"],
  ["l", "Follow the newest"],
  ["Shift ← → ↑ ↓", "Choose a task"],
  ["Enter", "Open the chosen task"],
];

export const GRAPH_KEYS: [string, string][] = [
  ["← → ↑ ↓", "Choose a neighbour"],
  ["+ −", "Closer, wider"],
  ["0", "All there is"],
  ["Enter", "Open the chosen task"],
];

interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** What a key does; null when it is someone else's. */
export function shortcut(press: Press, isTyping: boolean): Shortcut | null {
  if (isTyping || press.ctrlKey || press.metaKey || press.altKey) return null;
  return SHORTCUTS.find(([key]) => key === press.key)?.[2] ?? null;
}
