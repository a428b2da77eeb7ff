// Tasks a second over the last minutes.

import { useMemo } from "preact/hooks";
import { model, useModel } from "../app";
import { clock, count } from "../format";
import { Lines } from "./lines";

export function Rate() {
  useModel(1000);
  const samples = model.history.samples;
  const newest = samples.at(-1)?.time;
  const data = useMemo((): [number[], (number | null)[]] => [samples.map((at) => at.time), samples.map((at) => at.rate)], [newest, samples.length]);
  if (samples.length < 3) return <p class="muted note">Two more seconds, and there is a line.</p>;
  return (
    <Lines label={`Tasks a second, now ${count(model.history.rate)}`} lines={[{ name: "tasks a second", colour: "#0a7fc0" }]}
      data={data} x={clock} y={count} fromZero />
  );
}
