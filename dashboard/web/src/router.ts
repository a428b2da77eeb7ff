// Which page the address's fragment names: `#/task/KEY`. A fragment that begins otherwise is a token. Pure.

export type Route =
  | { page: "status" }
  | { page: "workers" }
  | { page: "worker"; id: number }
  | { page: "graph" }
  | { page: "task"; key: string }
  | { page: "errors" }
  | { page: "plots" }
  | { page: "plot"; name: string }
  | { page: "unknown"; path: string };

/** The page of a fragment. */
export function parse(hash: string): Route {
  const parts = hash.replace(/^#?\/?/, "").split("/");
  const [first = "", ...others] = parts;
  const rest = decode(others.join("/"));
  switch (first) {
    case "":
    case "status":
      return { page: "status" };
    case "workers":
      if (rest === "") return { page: "workers" };
      return /^\d{1,15}$/.test(rest) ? { page: "worker", id: Number(rest) } : { page: "unknown", path: hash };
    case "graph":
      return { page: "graph" };
    case "task":
      return rest === "" ? { page: "unknown", path: hash } : { page: "task", key: rest };
    case "errors":
      return { page: "errors" };
    case "plots":
      return rest === "" ? { page: "plots" } : { page: "plot", name: rest };
    default:
      return { page: "unknown", path: hash };
  }
}

/** The fragment of a page. */
export function href(route: Exclude<Route, { page: "unknown" }>): string {
  switch (route.page) {
    case "worker":
      return `#/workers/${route.id}`;
    case "task":
      return `#/task/${encodeURIComponent(route.key)}`;
    case "plot":
      return `#/plots/${encodeURIComponent(route.name)}`;
    case "status":
      return "#/";
    default:
      return `#/${route.page}`;
  }
}

/** The token that a printed link carries, if the fragment is one. */
export function tokenOf(hash: string): string | null {
  const text = hash.replace(/^#/, "");
  return text === "" || text.startsWith("/") ? null : text;
}

/** People cut addresses short: half an escape is taken as it stands. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
