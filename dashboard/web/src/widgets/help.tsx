// The keyboard shortcuts, in a dialog of the browser's own: it keeps the focus and gives it back.

import { useEffect, useRef } from "preact/hooks";
import { CANVAS_KEYS, GRAPH_KEYS, SHORTCUTS } from "../keys";

export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const pages = SHORTCUTS.map(([key, text]): [string, string] => [key, text]);
  return (
    <dialog ref={dialog} class="help" aria-label="Keyboard shortcuts" onClose={close}>
      <div class="help-head">
        <h2>Keyboard</h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => dialog.current?.close()}>✕</button>
      </div>
      <div class="help-columns">
        <Keys title="Everywhere" keys={pages} />
        <Keys title="Task stream" keys={CANVAS_KEYS} />
        <Keys title="Graph" keys={GRAPH_KEYS} />
      </div>
      <p class="muted">The wheel zooms the stream where the pointer is, Shift and the wheel move it, and so does dragging.</p>
    </dialog>
  );
}

function Keys({ title, keys }: { title: string; keys: [string, string][] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
