// The task stream with its buttons, and the card that tells what is under the pointer.

import { useEffect, useRef, useState } from "preact/hooks";
import { go, model, subscribe } from "../app";
import { functionColour } from "../colour";
import { bytes, plural, seconds } from "../format";
import { type Hover, StreamCanvas } from "../stream/canvas";
import { onTheme } from "../theme";

/** `worker` limits it to that one's lanes. */
export function TaskStream({ worker = null }: { worker?: number | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const stream = useRef<StreamCanvas | null>(null);
  const [hover, setHover] = useState<Hover | null>(null);
  const [isLive, setLive] = useState(true);
  const [isEmpty, setEmpty] = useState(model.runs.size === 0);
  const [lost, setLost] = useState(model.runs.lost);
  useEffect(() => {
    const drawn = new StreamCanvas(canvas.current!, model, worker, {
      hover: setHover,
      open: (key) => go({ page: "task", key }),
      moved: setLive,
    });
    stream.current = drawn;
    const update = () => {
      setEmpty(model.runs.size === 0);
      setLost(model.runs.lost);
      drawn.update();
    };
    update();
    const stops = [subscribe(update), onTheme(() => drawn.draw()), () => drawn.close()];
    return () => stops.forEach((stop) => stop());
  }, [worker]);
  return (
    <div class="stream">
      <div class="tools" role="toolbar" aria-label="Task stream">
        {lost > 0 && <span class="muted" title="More ended than could be kept or sent">{plural(lost, "run")} not shown</span>}
        <button type="button" aria-pressed={isLive} onClick={() => stream.current?.live()} title="Follow the newest (l)">Live</button>
        <button type="button" onClick={() => stream.current?.fit()} title="All there is (0)">All</button>
        <button type="button" onClick={() => stream.current?.zoom(0.6)} aria-label="Closer" title="Closer (+)">+</button>
        <button type="button" onClick={() => stream.current?.zoom(1 / 0.6)} aria-label="Wider" title="Wider (−)">−</button>
      </div>
      <div class="stream-canvas">
        <canvas ref={canvas} tabIndex={0} role="application" aria-label="Task stream: a lane for each thread of each worker. Arrow keys move, plus and minus zoom, Shift and arrows choose a task, Enter opens it." />
        {isEmpty && <p class="stream-empty muted">No task has ended yet. Submit one, and it is drawn here as it ends.</p>}
        <div aria-live="polite">{hover && <Card hover={hover} canvas={canvas.current} />}</div>
      </div>
    </div>
  );
}

function Card({ hover, canvas }: { hover: Hover; canvas: HTMLCanvasElement | null }) {
  const run = model.runs.get(hover.number);
  if (!run || !canvas) return null;
  // On the side with more room.
  const isLeft = hover.x > canvas.clientWidth / 2;
  const isAbove = hover.y > canvas.clientHeight / 2;
  const x = isLeft ? hover.x - 14 : hover.x + 14;
  const y = isAbove ? hover.y - 10 : hover.y + 14;
  const transform = `translate(${x}px, ${y}px) translate(${isLeft ? "-100%" : "0"}, ${isAbove ? "-100%" : "0"})`;
  return (
    <div class="card" style={{ transform }}>
      <p class="card-title">
        <i class="swatch" style={{ background: functionColour(run.function) }} />
        {model.functionName(run.function)}
        {!run.ok && <b class="erred"> failed</b>}
      </p>
      <p class="key">{run.key}</p>
      <dl>
        <dt>took</dt><dd>{seconds(run.end - run.start)}</dd>
        <dt>result</dt><dd>{run.ok ? bytes(run.bytes) : "none"}</dd>
        <dt>on</dt><dd>{model.workerName(run.worker)}, lane {run.lane}</dd>
        <dt>ended at</dt><dd>{seconds(run.end)}</dd>
      </dl>
    </div>
  );
}
