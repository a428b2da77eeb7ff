// Figures as people read them: 3.2 GiB, 14 ms, 12,345. Pure.

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** A whole number with its thousands apart; from ten million on, in millions. */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 10_000_000) return grouped.format(value);
  const [scaled, unit] = value < 10_000_000_000 ? [value / 1e6, "M"] : [value / 1e9, "G"];
  return `${digits(scaled)} ${unit}`;
}

/** Bytes in binary units, three digits. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(scaled)} B` : `${digits(scaled)} ${units[unit]}`;
}

/** A length of time, given in seconds. */
export function seconds(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 0.9995e-6) return `${digits(value * 1e9)} ns`;
  if (size < 0.9995e-3) return `${digits(value * 1e6)} µs`;
  if (size < 0.9995) return `${digits(value * 1e3)} ms`;
  if (size < 59.95) return `${digits(value)} s`;
  const whole = Math.round(size);
  const sign = value < 0 ? "-" : "";
  if (whole < 3600) return `${sign}${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(size / 60);
  if (minutes < 48 * 60) return `${sign}${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(size / 3600);
  return `${sign}${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How often, a second. */
export function rate(value: number): string {
  return `${value > 0 && value < 9.95 ? digits(value) : count(value)} /s`;
}

/** A part of a whole. */
export function percent(part: number, whole: number): string {
  if (!(whole > 0)) return "–";
  const share = (100 * part) / whole;
  return share > 0 && share < 1 ? "<1 %" : `${Math.round(share)} %`;
}

/** A number as an axis shows it; with so many digits that what is `step` away looks otherwise. */
export function figure(value: number, step = 0): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  // What rounding left of 0.
  if (size < step * 1e-6) return "0";
  const needed = size > 0 && step > 0 ? Math.min(15, Math.ceil(Math.log10(size / step)) + 1) : 3;
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    return value.toExponential(Math.max(2, needed - 1)).replace("e+", "e").replaceAll("-", "−");
  }
  return String(Number(value.toPrecision(Math.max(5, needed))));
}

/** The scheduler's clock as an axis shows it: seconds since it started. */
export function clock(value: number, step: number): string {
  const sign = value < 0 ? "-" : "";
  const places = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
  // Rounded first, so that 1:59.9999 becomes 2:00.
  const size = Number(Math.abs(value).toFixed(places));
  if (size < 60) return `${sign}${size.toFixed(places)} s`;
  const hours = Math.floor(size / 3600);
  const minutes = Math.floor((size % 3600) / 60);
  const rest = (size % 60).toFixed(places).padStart(places > 0 ? places + 3 : 2, "0");
  return hours > 0 ? `${sign}${hours}:${two(minutes)}:${rest}` : `${sign}${minutes}:${rest}`;
}

/** A key, with its middle left out when it is long. Its end tells keys of one function apart. */
export function shortKey(key: string, longest = 40): string {
  if (key.length <= longest) return key;
  const tail = Math.min(12, Math.floor(longest / 3));
  return `${key.slice(0, longest - tail - 1)}…${key.slice(-tail)}`;
}

/** A task's name, of which the key is cut short if it is in there: `inc-5f3a91c2`. */
export function taskName(name: string, key: string): string {
  return key.length > 8 && name.endsWith(`-${key}`) ? `${name.slice(0, -key.length)}${key.slice(0, 8)}` : name;
}

/** `1 task`, `2 tasks`. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function digits(value: number): string {
  const size = Math.abs(value);
  const places = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  // Three digits everywhere, so that columns stay aligned; what is whole is shown so.
  return Number.isInteger(value) ? String(value) : value.toFixed(places);
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
