import { describe, expect, it } from "vitest";
import { functionColour, isLight, rgb } from "../src/colour";
import tokens from "../src/styles/tokens.css?raw";

/** The variables of a block of the style sheet. */
function variables(selector: string): Map<string, string> {
  const block = tokens.slice(tokens.indexOf(selector)).split("}")[0]!;
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((match) => [match[1]!, match[2]!]));
}

function luminance(colour: string): number {
  const [r, g, b] = rgb(colour).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

describe.each([["light", ":root {"], ["dark", ':root[data-theme="dark"]'], ["dark by the system", ':root:not([data-theme="light"])']])("%s", (_, selector) => {
  const at = variables(selector);

  it("has text that can be read: 4.5 to 1", () => {
    for (const ground of ["page", "panel", "raised", "hover"]) {
      for (const text of ["text", "muted", "accent"]) {
        expect(contrast(at.get(text)!, at.get(ground)!), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(contrast(at.get("erred")!, at.get("panel")!)).toBeGreaterThanOrEqual(4.4);
    expect(contrast(at.get("text")!, at.get("warn")!)).toBeGreaterThanOrEqual(4.5);
  });

  it("has states that stand out from the panel, and failures from what is done", () => {
    for (const state of ["waiting", "queued", "processing", "memory", "erred"]) {
      expect(contrast(at.get(state)!, at.get("panel")!), state).toBeGreaterThanOrEqual(2.5);
    }
  });
});

it("has the same dark colours, whoever chose them", () => {
  expect(variables(':root:not([data-theme="light"])')).toEqual(variables(':root[data-theme="dark"]'));
});

it("gives each function a colour, in turn, and text on it that can be read", () => {
  expect(new Set(Array.from({ length: 12 }, (_, id) => functionColour(id))).size).toBe(12);
  expect([functionColour(12), functionColour(-1)]).toEqual([functionColour(0), functionColour(11)]);
  for (let id = 0; id < 12; id++) {
    const colour = functionColour(id);
    expect(contrast(colour, isLight(colour) ? "#14161a" : "#ffffff"), colour).toBeGreaterThanOrEqual(3.5);
  }
});
