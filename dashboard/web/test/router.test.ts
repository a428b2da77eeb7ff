import { expect, it } from "vitest";
import { href, parse, type Route, tokenOf } from "../src/router";

it("finds every page again from its own link", () => {
  const routes: Exclude<Route, { page: "unknown" }>[] = [
    { page: "status" }, { page: "workers" }, { page: "worker", id: 12 }, { page: "graph" }, { page: "errors" }, { page: "plots" },
    { page: "task", key: "a/b <script>%#?é" }, { page: "plot", name: "loss/train" },
  ];
  for (const route of routes) expect(parse(href(route))).toEqual(route);
});

it("takes what is no page for none", () => {
  for (const hash of ["#/nowhere", "#/workers/x", "#/task/", "#/workers/-1"]) expect(parse(hash).page).toBe("unknown");
  expect(parse("#/task/50%")).toEqual({ page: "task", key: "50%" });
  expect([parse("").page, parse("#/").page]).toEqual(["status", "status"]);
});

it("tells tokens from pages", () => {
  expect([tokenOf("#abc=="), tokenOf("#/errors"), tokenOf(""), tokenOf("#")]).toEqual(["abc==", null, null, null]);
});
