// A bar that shows a part of a whole.

/** `share` is between 0 and 1; `limits` colour it from there on. */
export function Meter({ share, kind = "memory", label }: { share: number; kind?: string; label: string }) {
  const width = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  return (
    <span class="bar meter" role="img" aria-label={label} title={label}>
      {width > 0 && <span class={`segment meter-${kind}`} style={{ width: `${width * 100}%` }} />}
    </span>
  );
}

/** Memory against its limit: workers spill from 60 % on and pause at 80 %. */
export function memoryKind(memory: number, limit: number | null): string {
  if (!limit) return "memory";
  if (memory >= 0.8 * limit) return "full";
  return memory >= 0.6 * limit ? "high" : "memory";
}
