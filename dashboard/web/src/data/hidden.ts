// A tab that nobody sees lets its connection go after a while: browsers have six for a host, and the server has other viewers.

/** So long a tab may be out of sight, in milliseconds, before it is let go. */
export const PATIENCE = 60_000;

interface Sight extends EventTarget {
  readonly hidden: boolean;
}

/** Stops what is live while `sight` is hidden for long, and starts it again when it is seen. Gives what ends that. */
export function sleepWhileHidden(sight: Sight, live: { start(): void; stop(): void }): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAsleep = false;
  const look = () => {
    clearTimeout(timer);
    if (sight.hidden) {
      timer = setTimeout(() => {
        isAsleep = true;
        live.stop();
      }, PATIENCE);
    } else if (isAsleep) {
      isAsleep = false;
      live.start();
    }
  };
  sight.addEventListener("visibilitychange", look);
  return () => {
    clearTimeout(timer);
    sight.removeEventListener("visibilitychange", look);
  };
}
