import { describe, expect, it } from "vitest";
import { bytes, clock, count, figure, percent, plural, rate, seconds, shortKey, taskName } from "../src/format";

describe("figures", () => {
  it.each([
    [0, "0 B"], [1, "1 B"], [999, "999 B"], [1000, "0.98 KiB"], [1024, "1 KiB"], [1536, "1.50 KiB"],
    [3.2 * 2 ** 30, "3.20 GiB"], [4 * 2 ** 30, "4 GiB"], [700_000_000, "668 MiB"], [1e18, "888 PiB"], [NaN, "–"],
  ])("%d bytes are %s", (value, text) => expect(bytes(value)).toBe(text));

  it.each([
    [0, "0 s"], [14e-9, "14 ns"], [820e-6, "820 µs"], [0.014, "14 ms"], [0.01449, "14.5 ms"], [0.9996, "1.00 s"], [2.4, "2.40 s"],
    [59.96, "1 min 00 s"], [192, "3 min 12 s"], [3599.7, "1 h 00 min"], [7500, "2 h 05 min"], [200_000, "2 d 8 h"], [Infinity, "–"],
  ])("%d seconds are %s", (value, text) => expect(seconds(value)).toBe(text));

  it("groups thousands, and counts many in millions", () => {
    expect([count(0), count(1234), count(9_999_999), count(12_345_678), count(3.2e10)]).toEqual(["0", "1,234", "9,999,999", "12.3 M", "32 G"]);
    expect([rate(0), rate(2.5), rate(1240.4)]).toEqual(["0 /s", "2.50 /s", "1,240 /s"]);
    expect([plural(1, "task"), plural(2, "task")]).toEqual(["1 task", "2 tasks"]);
  });

  it("shows parts of a whole", () => {
    expect([percent(1, 3), percent(1, 1000), percent(0, 5), percent(1, 0)]).toEqual(["33 %", "<1 %", "0 %", "–"]);
  });

  it("shows axes' numbers as short as they are", () => {
    expect([figure(0.1 + 0.2), figure(2420), figure(1.5e-5), figure(-3e9)]).toEqual(["0.3", "2420", "1.50e−5", "−3.00e9"]);
    expect([figure(288.6605, 0.0005), figure(288.66, 0.0005), figure(12, 0.5), figure(0, 0.1)]).toEqual(["288.6605", "288.66", "12", "0"]);
    expect(figure(1_000_000.25, 0.25)).not.toBe(figure(1_000_000.5, 0.25));
  });

  it("shows the clock as finely as its steps", () => {
    expect([clock(12, 5), clock(12.5, 0.5), clock(75, 5), clock(3725.25, 0.05)]).toEqual(["12 s", "12.5 s", "1:15", "1:02:05.25"]);
    expect([clock(1e-5, 2e-6), clock(119.9999, 1)]).toEqual(["0.000010 s", "2:00"]);
  });

  it("keeps both ends of a key", () => {
    expect(shortKey("inc-5f3a")).toBe("inc-5f3a");
    const cut = shortKey("a".repeat(100) + "0123456789ab");
    expect(cut).toHaveLength(40);
    expect(cut.endsWith("…0123456789ab")).toBe(true);
    const key = "0123456789abcdef0123456789abcdef";
    expect([taskName(`inc-${key}`, key), taskName("chosen", key), taskName("a", "a")]).toEqual(["inc-01234567", "chosen", "a"]);
  });
});
