import { expect, test } from "vitest";
import { match } from "../src/lib/match";

test("addresses lead to their pages, with a last slash too", () => {
  expect(match("/", "/")).toEqual({});
  expect(match("/", "/settings")).toBeNull();
  expect(match("/settings", "/settings/")).toEqual({});
  expect(match("/day/:date", "/day/2026-11-21")).toEqual({ date: "2026-11-21" });
  expect(match("/day/:date", "/day")).toBeNull();
  expect(match("/day/:date", "/day/%E0%A4%A")).toBeNull();
});
