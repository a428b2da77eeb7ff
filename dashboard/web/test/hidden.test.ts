import { expect, it, vi } from "vitest";
import { PATIENCE, sleepWhileHidden } from "../src/data/hidden";

it("lets the connection go while nobody looks for long, and only then", () => {
  vi.useFakeTimers();
  const sight = Object.assign(new EventTarget(), { hidden: false });
  const said: string[] = [];
  const end = sleepWhileHidden(sight, { start: () => said.push("start"), stop: () => said.push("stop") });
  const turn = (hidden: boolean, wait: number) => {
    sight.hidden = hidden;
    sight.dispatchEvent(new Event("visibilitychange"));
    vi.advanceTimersByTime(wait);
  };
  turn(true, PATIENCE - 1);
  turn(false, PATIENCE * 2);
  expect(said).toEqual([]);
  turn(true, PATIENCE);
  expect(said).toEqual(["stop"]);
  turn(false, 0);
  turn(false, 0);
  expect(said).toEqual(["stop", "start"]);
  turn(true, 0);
  end();
  turn(true, PATIENCE * 2);
  expect(said).toEqual(["stop", "start"]);
  vi.useRealTimers();
});
