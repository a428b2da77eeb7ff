// The types of the JSON pages, as feed.ts describes them.

import type { PlotInfo, Worker } from "../feed";
import type { Counts } from "../widgets/states";

export interface TaskLink {
  key: string;
  name?: string;
  state?: string;
}

export interface TaskError {
  message: string;
  place?: string | null;
  arguments?: string | null;
  causes?: string[];
  worker?: string | null;
  path?: string[];
}

export interface Task {
  key: string;
  name: string;
  function: string;
  state: string;
  worker?: string | null;
  attempt: number;
  bytes?: number | null;
  priority?: unknown;
  inputs: TaskLink[];
  dependents: TaskLink[];
  holders: string[];
  story: { time: number; event: string }[];
  error?: TaskError | null;
  recreate: string[];
}

export interface WorkerDetails extends Worker {
  running_now: { key: string; name?: string; function: string; age: number | null; progress?: string | null }[];
  holds: { key: string; name?: string; bytes: number }[];
  started: number;
  /** What tasks said here, the oldest first. */
  log: { time: number; key: string; name: string; text: string }[];
}

export interface GraphNode {
  id: number;
  /** A function's id, or its name. */
  function: number | string;
  name: string;
  layer: number;
  states: Counts;
  key?: string | null;
}

export interface Graph {
  grouped: boolean;
  nodes: GraphNode[];
  /** From, to (ids), and how many edges it stands for. */
  edges: [number, number, number][];
}

export interface Background {
  x0: number;
  x1: number;
  y0: number;
  y1: number;
  columns: number;
  rows: number;
  /** Row by row, from y0 up. */
  values: number[];
}

export interface Series {
  name: string;
  x: number[];
  y: number[];
  z?: number[] | null;
}

export interface Plot {
  info: PlotInfo;
  series: Series[];
  background?: Background | null;
}
