// Draws the task stream: a row for each run at a time on a worker, a colour for each function.
"use strict";
const { took, functions, workers, runs } = JSON.parse(document.getElementById("runs").textContent);
const canvas = document.getElementById("stream");
const tip = document.getElementById("tip");
const ROW = 18, GAP = 2, LEFT = 110, BOTTOM = 20;

// Okabe and Ito's colours, which colour-blind eyes can tell apart.
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"];

// Runs that overlap on a worker get rows of their own.
const ends = workers.map(() => []);
const lanes = runs.map(([, worker, begun, ended]) => {
  const lane = ends[worker].findIndex((end) => end <= begun);
  if (lane < 0) { ends[worker].push(ended); return ends[worker].length - 1; }
  ends[worker][lane] = ended;
  return lane;
});
const tops = [];
let rows = 0;
for (const lanes of ends) { tops.push(rows); rows += Math.max(1, lanes.length); }

let from = 0, span = Math.max(took, 1);

function draw() {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = Math.max(rows, 1) * (ROW + GAP) + BOTTOM;
  canvas.style.height = height + "px";
  canvas.width = width * ratio; canvas.height = height * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const ink = getComputedStyle(document.body).color;
  const scale = (width - LEFT) / span;
  context.font = "12px sans-serif"; context.textBaseline = "middle"; context.fillStyle = ink;
  workers.forEach((name, n) => context.fillText(name.slice(0, 16), 4, tops[n] * (ROW + GAP) + ROW / 2));
  context.save();
  context.beginPath(); context.rect(LEFT, 0, width - LEFT, height); context.clip();
  runs.forEach(([fn, worker, begun, ended, failed], n) => {
    const x = LEFT + (begun - from) * scale, wide = Math.max((ended - begun) * scale, 1);
    if (x + wide < LEFT || x > width) return;
    const y = (tops[worker] + lanes[n]) * (ROW + GAP);
    context.fillStyle = COLOURS[fn % COLOURS.length];
    context.fillRect(x, y, wide, ROW);
    if (failed) { context.strokeStyle = ink; context.lineWidth = 2; context.strokeRect(x + 1, y + 1, Math.max(wide - 2, 1), ROW - 2); }
  });
  context.restore();
  context.fillStyle = ink;
  for (let n = 0; n <= 4; n++) {
    const at = from + (span * n) / 4;
    context.textAlign = n === 4 ? "right" : n === 0 ? "left" : "center";
    context.fillText(time(at), LEFT + ((width - LEFT) * n) / 4, height - BOTTOM / 2);
  }
}

function time(micros) {
  return micros >= 1e6 ? (micros / 1e6).toFixed(2) + " s" : micros >= 1e3 ? (micros / 1e3).toFixed(2) + " ms" : Math.round(micros) + " µs";
}

function at(event) {
  const box = canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width - LEFT };
}

function zoom(factor, place) {
  const middle = from + span * place;
  span = Math.min(Math.max(span * factor, 10), Math.max(took, 10));
  from = Math.min(Math.max(middle - span * place, 0), Math.max(took - span, 0));
  draw();
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const { x, width } = at(event);
  zoom(event.deltaY > 0 ? 1.25 : 0.8, Math.min(Math.max((x - LEFT) / width, 0), 1));
}, { passive: false });
canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
canvas.addEventListener("pointermove", (event) => {
  const { x, y, width } = at(event);
  if (event.buttons) {
    from = Math.min(Math.max(from - (event.movementX * span) / width, 0), Math.max(took - span, 0));
    return draw();
  }
  const row = Math.floor(y / (ROW + GAP)), moment = from + ((x - LEFT) * span) / width;
  const near = (span / width) * 2;
  const hit = runs.findIndex(([, worker, begun, ended], n) => tops[worker] + lanes[n] === row && begun - near <= moment && moment <= ended + near);
  if (hit < 0) { tip.textContent = ""; return; }
  const [fn, worker, begun, ended, failed, name] = runs[hit];
  tip.textContent = `${name} (${functions[fn]}) on ${workers[worker]}: ${time(ended - begun)}, from ${time(begun)}${failed ? ", failed" : ""}`;
});
canvas.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -0.1, ArrowRight: 0.1 }[event.key];
  if (event.key === "+") zoom(0.8, 0.5);
  else if (event.key === "-") zoom(1.25, 0.5);
  else if (step) { from = Math.min(Math.max(from + step * span, 0), Math.max(took - span, 0)); draw(); }
});
for (const cell of document.querySelectorAll("#functions td:first-child")) {
  cell.style.borderLeft = `.8rem solid ${COLOURS[functions.indexOf(cell.textContent) % COLOURS.length]}`;
}
window.addEventListener("resize", draw);
draw();
