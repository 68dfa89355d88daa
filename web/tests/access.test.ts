import { describe, expect, it } from "vitest";
import { type Permission, flat, held, reduced, words } from "../src/lib/access";
import { runs, settingsOf } from "../src/pages/sources/connection";

const say = (of: Permission) => words(of, (id) => (id === "body" ? "Body" : id), (key) => key);

describe("permissions in words", () => {
  it("say what is seen, of what, and what is held back", () => {
    expect(say({ level: "read", stream: "*" })).toBe("See everything");
    expect(say({ level: "contribute", stream: "body", measures: ["weight"], tags: ["a"] })).toBe("See, add and change weight in “Body” tagged a");
    expect(say({ level: "read", stream: "*", daysOnly: true, place: "near", delay: 1 })).toBe(
      "See everything, only one value a day, places to about 1 km, 1 day later",
    );
    expect(say({ level: "contribute", stream: "*", rights: ["create", "update"] })).toBe("Add to and change everything");
    expect(say({ level: "none", stream: "body", delay: 3 })).toBe("Never see “Body”");
  });
});

describe("reduced detail", () => {
  it("parts what is written from what is read, and can be taken back", () => {
    const all: Permission[] = [{ level: "contribute", stream: "*" }, { level: "none", stream: "body" }];
    const less = reduced(all, { daysOnly: true, place: "exact", delay: 0 });
    expect(less).toEqual([
      { level: "read", stream: "*", daysOnly: true, place: "exact", delay: 0 },
      { level: "contribute", stream: "*", rights: ["create", "update", "delete"] },
      { level: "none", stream: "body" },
    ]);
    expect(held(less)).toEqual({ daysOnly: true, place: "exact", delay: 0 });
    expect(reduced(less, { daysOnly: false, place: "exact", delay: 0 })[0]).toEqual({ level: "read", stream: "*" });
    expect(reduced(less, { daysOnly: true, place: "exact", delay: 0 })).toHaveLength(3);
  });
});

describe("forms", () => {
  it("send what was typed as its kind", () => {
    const form = [
      { key: "n", label: "", kind: "number" },
      { key: "l", label: "", kind: "list" },
      { key: "t", label: "", kind: "text" },
    ] as const;
    expect(settingsOf(form, { n: "2.5", l: "a\nb, c", t: "" })).toEqual({ n: 2.5, l: ["a", "b", "c"] });
  });
  it("list a tree with its depth, and a strip by its runs", () => {
    const tree = [{ id: "a", name: "A" }, { id: "b", name: "B", parentId: "a" }];
    expect(flat(tree).map((one) => one.label)).toEqual(["A", "\u2003B"]);
    expect(runs("ddmf")).toEqual([
      { letter: "d", start: 0, length: 2 },
      { letter: "m", start: 2, length: 1 },
      { letter: "f", start: 3, length: 1 },
    ]);
  });
});
