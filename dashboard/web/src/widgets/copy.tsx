// Text to be copied: the button puts it on the clipboard, or, where the browser forbids that, selects it.

import { useEffect, useRef, useState } from "preact/hooks";

export function Copyable({ text, label }: { text: string; label: string }) {
  const code = useRef<HTMLElement>(null);
  const [said, say] = useState("");
  useEffect(() => {
    if (said === "") return;
    const timer = setTimeout(() => say(""), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("copied");
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current);
      say("selected");
    }
  };
  return (
    <div class="copyable">
      <pre><code ref={code}>{text}</code></pre>
      <button type="button" onClick={copy} aria-label={label}>{said || "Copy"}</button>
    </div>
  );
}
