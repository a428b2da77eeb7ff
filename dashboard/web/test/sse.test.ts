import { expect, it } from "vitest";
import { backoff } from "../src/data/backoff";
import { EventParser } from "../src/data/sse";

const STREAM = ": here\n\nevent: snapshot\ndata: {\"a\":1}\n\nevent: delta\r\ndata: one\r\ndata:two\r\nid: 7\r\n\r\ndata: plain\r\rdata\n\n";
const EVENTS = [
  { event: "snapshot", data: '{"a":1}' },
  { event: "delta", data: "one\ntwo" },
  { event: "message", data: "plain" },
  { event: "message", data: "" },
];

it("gives the same events wherever the text is cut", () => {
  expect(new EventParser().push(STREAM)).toEqual(EVENTS);
  for (let cut = 1; cut < STREAM.length; cut++) {
    const parser = new EventParser();
    expect([...parser.push(STREAM.slice(0, cut)), ...parser.push(""), ...parser.push(STREAM.slice(cut))]).toEqual(EVENTS);
  }
  const parser = new EventParser();
  expect([...STREAM].flatMap((letter) => parser.push(letter))).toEqual(EVENTS);
});

it("gives nothing of an event that has not ended", () => {
  const parser = new EventParser();
  expect(parser.push("event: delta\ndata: x\n")).toEqual([]);
  expect(parser.push("\n")).toEqual([{ event: "delta", data: "x" }]);
});

it("refuses what never ends, and bears comments that do not", () => {
  const piece = "x".repeat(16 * 1024 * 1024);
  const parser = new EventParser();
  expect(() => {
    for (let i = 0; i < 9; i++) parser.push(piece);
  }).toThrow(/too long/);
  const idle = new EventParser();
  for (let i = 0; i < 20; i++) expect(idle.push(`:${"x".repeat(10_000_000)}\n`)).toEqual([]);
});

it("waits longer each time, up to a limit, and never as long as another page", () => {
  const middle = [1, 2, 3, 4, 5, 6, 50].map((tries) => backoff(tries, 0.5));
  expect(middle).toEqual([0.5, 1, 2, 4, 8, 10, 10]);
  expect(backoff(3, 0)).toBeCloseTo(1.6);
  expect(backoff(3, 1)).toBeCloseTo(2.4);
});
