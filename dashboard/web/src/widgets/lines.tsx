// Lines over a common x, drawn by uPlot.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { onTheme, themeColours } from "../theme";

export interface Line {
  name: string;
  colour: string;
}

interface Props {
  label: string;
  lines: Line[];
  /** The x values, then each line's. */
  data: uPlot.AlignedData;
  /** Pixels; all there is when left out. */
  height?: number;
  y: (value: number, step: number) => string;
  x: (value: number, step: number) => string;
  /** Names for axes; none when left out. */
  names?: { x: string; y: string };
  points?: boolean;
  /** Whether y begins at 0. */
  fromZero?: boolean;
}

export function Lines(props: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = `${props.lines.map((line) => line.name + line.colour).join("\n")} ${props.height}`;
  useEffect(() => {
    const node = place.current!;
    const build = () => {
      chart.current?.destroy();
      chart.current = new uPlot(options(latest, sizeOf(node, latest.current)), latest.current.data, node);
    };
    build();
    const resize = new ResizeObserver(() => chart.current?.setSize(sizeOf(node, latest.current)));
    resize.observe(node);
    const stop = onTheme(build);
    return () => {
      stop();
      resize.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [shape]);
  useEffect(() => chart.current?.setData(props.data), [props.data]);
  return <div ref={place} class="lines" role="img" aria-label={props.label} />;
}

function sizeOf(node: HTMLElement, props: Props): { width: number; height: number } {
  return { width: node.clientWidth, height: props.height ?? Math.max(60, node.clientHeight) };
}

function options(latest: { current: Props }, size: { width: number; height: number }): uPlot.Options {
  const colours = themeColours();
  const { lines, points, fromZero, names } = latest.current;
  const font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  const axis = { stroke: colours.muted, font, labelFont: font, labelSize: 18, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false } };
  return {
    ...size,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: false },
      y: { range: (_, low, high) => range(low, high, fromZero === true) },
    },
    axes: [
      { ...axis, size: 26, ...(names ? { label: names.x } : {}), values: (_, splits) => splits.map((at) => latest.current.x(at, stepOf(splits))) },
      { ...axis, size: 62, ...(names ? { label: names.y } : {}), values: (_, splits) => splits.map((at) => latest.current.y(at, stepOf(splits))) },
    ],
    series: [
      {},
      ...lines.map((line) => ({ label: line.name, stroke: line.colour, width: 1.5, points: { show: points === true, size: 4 }, spanGaps: points === true })),
    ],
  };
}

function stepOf(splits: number[]): number {
  return (splits[1] ?? 1) - (splits[0] ?? 0);
}

function range(low: number | null, high: number | null, fromZero: boolean): [number, number] {
  const [least, most] = [low ?? 0, high ?? 1];
  if (fromZero) return [0, most > 0 ? most * 1.1 : 1];
  const room = (most - least || Math.abs(most) || 1) * 0.05;
  return [least - room, most + room];
}
