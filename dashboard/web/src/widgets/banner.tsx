// Tells that what is on the page is no longer live, why, and when it may be again.

import { useEffect, useState } from "preact/hooks";
import { connection, useModel } from "../app";

export function Banner() {
  const model = useModel(100);
  const link = connection.link;
  const [, tick] = useState(0);
  useEffect(() => {
    if (link.kind !== "waiting") return;
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [link.kind]);
  if (link.kind === "other-version") {
    return (
      <div class="banner" role="alert">
        <span>The server is of another version than this page.</span>
        <button type="button" onClick={() => location.reload()}>Load it again</button>
      </div>
    );
  }
  if (link.kind !== "waiting") return null;
  const left = Math.max(0, Math.ceil((link.until - performance.now()) / 1000));
  return (
    <div class="banner" role="alert">
      <span>
        <strong>Not connected:</strong> {link.reason}. {model.isFilled ? "What is shown is as it was then. " : ""}
        {left > 0 ? `Trying again in ${left} s.` : "Trying again."}
      </span>
      <button type="button" onClick={() => connection.retry()}>Try now</button>
    </div>
  );
}
