// A plot's picture: lines by uPlot, scatters and heat maps on a canvas, with what is under the pointer.

import type uPlot from "uplot";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { functionColour } from "../colour";
import type { Plot } from "../data/pages";
import { figure } from "../format";
import { frameOf, nearest } from "../plot/frame";
import { isAscending, joined } from "../plot/join";
import { paintPlot, seriesColour } from "../plot/paint";
import { onTheme } from "../theme";
import { Lines } from "./lines";

interface Props {
  plot: Plot;
  height: number;
  isCompact?: boolean;
}

export function Picture({ plot, height, isCompact = false }: Props) {
  if (plot.series.every((line) => line.x.length === 0) && !plot.background) {
    return <p class="muted note">No point has been added to it yet.</p>;
  }
  const isOverX = plot.info.kind === "line" && !plot.background && plot.series.every(isAscending);
  return isOverX
    ? <LinePicture plot={plot} height={height} isCompact={isCompact} />
    : <CanvasPicture plot={plot} height={height} isCompact={isCompact} />;
}

function LinePicture({ plot, height, isCompact }: Props) {
  const data = useMemo(() => joined(plot.series) as uPlot.AlignedData, [plot]);
  const lines = plot.series.map((line, index) => ({ name: line.name, colour: functionColour(index) }));
  return (
    <>
      <Lines label={plot.info.title} lines={lines} data={data} height={height} x={figure} y={figure} points={plot.series.every((line) => line.x.length < 200)}
        {...(isCompact ? {} : { names: { x: plot.info.x, y: plot.info.y } })} />
      {!isCompact && plot.series.length > 1 && <Names plot={plot} />}
    </>
  );
}

function CanvasPicture({ plot, height, isCompact = false }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(plot);
  latest.current = plot;
  const [said, say] = useState("");
  const paint = useRef(() => {});
  useEffect(() => {
    const node = canvas.current!;
    paint.current = () => {
      const frame = frameOf(latest.current, node.clientWidth, node.clientHeight, isCompact);
      if (frame) paintPlot(node, latest.current, frame, node.clientWidth, node.clientHeight, isCompact);
    };
    const resize = new ResizeObserver(() => paint.current());
    resize.observe(node);
    const stop = onTheme(() => paint.current());
    return () => (stop(), resize.disconnect());
  }, []);
  useEffect(() => paint.current(), [plot]);
  const look = (event: PointerEvent) => {
    const node = canvas.current!;
    const frame = frameOf(plot, node.clientWidth, node.clientHeight, isCompact);
    const found = frame && nearest(plot, frame, event.offsetX, event.offsetY, plot.info.kind === "heat" ? 20 : 8);
    say(found ? tell(plot, found.series, found.point) : "");
  };
  const points = plot.series.reduce((sum, line) => sum + line.x.length, 0);
  return (
    <>
      <canvas ref={canvas} class="plot" style={{ height: `${height}px` }} role="img" aria-label={`${plot.info.title}: ${points} points`}
        {...(isCompact ? {} : { onPointerMove: look, onPointerLeave: () => say("") })} />
      {!isCompact && <p class="plot-said" aria-live="polite">{said || "\u00a0"}</p>}
      {!isCompact && plot.series.length > 1 && <Names plot={plot} />}
    </>
  );
}

function Names({ plot }: { plot: Plot }) {
  return (
    <ul class="legend" aria-label="Series">
      {plot.series.map((line, index) => (
        <li key={index}><i class="swatch" style={{ background: seriesColour(index, plot.background != null) }} /> {line.name || "unnamed"}</li>
      ))}
    </ul>
  );
}

function tell(plot: Plot, series: number, point: number): string {
  const line = plot.series[series]!;
  const z = line.z?.[point];
  const name = plot.series.length > 1 || line.name ? `${line.name}: ` : "";
  return `${name}${plot.info.x || "x"} ${figure(line.x[point]!)}, ${plot.info.y || "y"} ${figure(line.y[point]!)}${z === undefined ? "" : `, value ${figure(z)}`}`;
}
