// Colours that stay apart for colour-blind eyes: Okabe and Ito's, then Tol's, none of which is the one that means failure.
// Pure.

/** Functions, in the order of their ids. */
const FUNCTIONS = [
  "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#999933",
  "#8a7fd6", "#ddcc77", "#44aa99", "#aa4499", "#88ccee", "#a0785a",
];

/** Vermillion: failures, everywhere, always with a shape beside it. */
export const FAILED = "#d55e00";

export function functionColour(id: number): string {
  const length = FUNCTIONS.length;
  return FUNCTIONS[((Math.trunc(id) % length) + length) % length]!;
}

const channels = new Map<string, [number, number, number]>();

/** Red, green and blue, 0 to 255, of `#rrggbb`. */
export function rgb(colour: string): [number, number, number] {
  let found = channels.get(colour);
  if (!found) {
    const value = Number.parseInt(colour.slice(1), 16);
    found = [(value >> 16) & 255, (value >> 8) & 255, value & 255];
    channels.set(colour, found);
  }
  return found;
}

/** Whether dark text reads better on it than light (WCAG's relative luminance). */
export function isLight(colour: string): boolean {
  const [r, g, b] = rgb(colour).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.22;
}

/** Viridis at nine points: even steps to the eye, also without colour. */
const VIRIDIS: [number, number, number][] = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];

/** Red, green and blue of a share between 0 and 1. */
export function viridis(share: number): [number, number, number] {
  const at = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const low = Math.min(VIRIDIS.length - 2, Math.floor(at));
  const rest = at - low;
  const [a, b] = [VIRIDIS[low]!, VIRIDIS[low + 1]!];
  return [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * rest)) as [number, number, number];
}
