import { describe, expect, it } from "vitest";
import { RunStore } from "../src/data/runs";
import { runsOf } from "./made";

describe("runs", () => {
  it("are found by time in their lane", () => {
    const runs = new RunStore(100);
    runs.add(runsOf([0, 1, 0, 1, 0]));
    const lane = runs.lanes.get("0/0")!;
    expect(runs.get(runs.at(lane, 2.5, 0)!)).toEqual({ worker: 0, lane: 0, start: 2, end: 3, function: 2, key: "key-2", bytes: 8, ok: false });
    expect(runs.at(lane, 1.5, 0.4)).toBeNull();
    expect(runs.get(runs.at(lane, 1.4, 0.5)!)!.key).toBe("key-0");
    expect(runs.get(runs.at(lane, 1.7, 0.5)!)!.key).toBe("key-2");
    expect([runs.earliest(), runs.latest, runs.size]).toEqual([0, 5, 5]);
  });

  it("are dropped oldest first, in lanes too", () => {
    const runs = new RunStore(10);
    for (let i = 0; i < 30; i++) runs.add(runsOf([i % 2], i));
    expect([runs.size, runs.oldest, runs.earliest(), runs.latest]).toEqual([10, 20, 20, 30]);
    expect(runs.get(19)).toBeNull();
    expect(runs.get(20)!.key).toBe("key-20");
    expect(runs.at(runs.lanes.get("0/0")!, 5.5, 100)).toBe(20);
    expect(runs.at(runs.lanes.get("0/1")!, 5.5, 1)).toBeNull();
  });

  it("keep lanes' lists as short as the ring, whatever passes through", () => {
    const runs = new RunStore(1000);
    for (let i = 0; i < 100; i++) runs.add(runsOf(new Array<number>(500).fill(0), i * 500));
    expect(runs.lanes.get("0/0")!.numbers.length).toBeLessThan(4000);
    expect(runs.earliest()).toBe(49_000);
  });

  it("of which more come than there is room keep the newest", () => {
    const runs = new RunStore(4);
    runs.add(runsOf([0, 0, 0, 0, 0, 0, 0]));
    expect([runs.size, runs.get(runs.oldest)!.key]).toEqual([4, "key-3"]);
  });

  it("that come late are put where they belong", () => {
    const runs = new RunStore(10);
    runs.add(runsOf([0], 5));
    runs.add(runsOf([0], 1));
    runs.add(runsOf([0], 9));
    runs.add(runsOf([0], 3));
    const lane = runs.lanes.get("0/0")!;
    expect(lane.numbers.map((number) => runs.get(number)!.start)).toEqual([1, 3, 5, 9]);
    expect(runs.get(runs.at(lane, 3.5, 0)!)!.key).toBe("key-3");
  });

  it("are found by key, the newest of a task, while they are there", () => {
    const runs = new RunStore(3);
    runs.add(runsOf([0, 0, 0, 0]));
    runs.add({ ...runsOf([1], 7), key: ["key-2"] });
    expect([runs.find("key-2")?.start, runs.find("key-0"), runs.find("none")]).toEqual([7, null, null]);
  });

  it("with columns of unequal length are cut, and none ends before it began", () => {
    const runs = new RunStore(10);
    const odd = runsOf([0, 0, 0]);
    odd.key.pop();
    odd.end[0] = -5;
    runs.add(odd);
    expect([runs.size, runs.get(0)!.end]).toEqual([2, 0]);
  });
});
