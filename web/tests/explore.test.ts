import { describe, expect, it } from "vitest";
import { clustered, rate, signed, strength } from "../src/lib/findings";
import { asCall, asPython, against, gathered, pairs, parted, read, summary, write } from "../src/pages/explore/explore";

const TODAY = "2026-11-22";
const at = (query: string) => read(new URLSearchParams(query), TODAY, ["steps"]);

describe("a view is an address", () => {
  it("reads defaults, and writes only what differs from them", () => {
    const view = at("");
    expect(view).toMatchObject({ measures: ["steps"], range: 90, from: "2026-08-25", to: TODAY, by: "day", compare: "none", split: "" });
    expect(write(view)).toBe("?m=steps");
    for (const query of ["?m=steps,mood&range=365&by=week&compare=year&split=weekday", "?m=mood&from=2026-01-01&to=2026-02-01"]) {
      expect(write(at(query.slice(1)))).toBe(query);
    }
  });

  it("takes nothing that cannot be", () => {
    const view = at("m=a,b,c,d,e,f,g,a&range=0&by=hour&compare=x&from=2026-02-02&to=2026-01-01");
    expect(view).toMatchObject({ range: 90, by: "day", compare: "none" });
    expect(view.measures).toEqual(["a", "b", "c", "d", "e", "f"]);
    expect(at("around=2026-11-20")).toMatchObject({ from: "2026-08-22", to: TODAY, range: undefined });
  });

  it("is held against the time before, or a year earlier", () => {
    expect(against(at("range=30"))).toBeUndefined();
    expect(against(at("range=30&compare=before"))).toEqual({ from: "2026-09-24", to: "2026-10-23" });
    expect(against(at("range=30&compare=year"))).toEqual({ from: "2025-10-24", to: "2025-11-22" });
  });

  it("becomes a call and a program that ask for the same", () => {
    const view = at("m=steps,mood&from=2026-01-01&to=2026-01-31&split=coffee");
    expect(asCall(view, "http://h")).toContain("http://h/api/v1/days?from=2026-01-01&to=2026-01-31&measures=steps,mood,coffee");
    expect(asPython(view, "http://h")).toContain('steps = dict(zip(days, values["steps"]))');
  });
});

describe("days in groups", () => {
  const days = ["2026-11-16", "2026-11-17", "2026-11-22", "2026-11-23"];

  it("are means of the days that have data", () => {
    expect(gathered(days, [1, null, 3, 8], "week")).toMatchObject({ days: ["2026-11-16", "2026-11-23"], values: [2, 8] });
    expect(gathered(days, [null, null, null, null], "month").values).toEqual([null]);
    expect(summary([1, null, 3])).toEqual({ n: 2, mean: 2, middle: 2 });
  });

  it("leave out days on which a tag is unknown", () => {
    const parts = parted(days, [1, 2, 3, 4], [1, 0, null, 1], ["with", "without"]);
    expect(parts.map((p) => [p.name, p.n, p.middle])).toEqual([["with", 2, 2.5], ["without", 1, 2]]);
    const names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
    expect(parted(days, [1, 2, 3, null], "weekday", names).map((p) => p.name)).toEqual(["Mo", "Tu", "Su"]);
    expect(pairs([1, null, 3], [4, 5, null])).toEqual([{ x: 1, y: 4, at: 0 }]);
  });
});

describe("links in words", () => {
  it("write signs, and never a chance of nothing", () => {
    expect([signed(0.5), signed(-0.31), signed(0)]).toEqual(["+.50", "−.31", "+.00"]);
    expect([rate(0.0000001), rate(0.0034), rate(0.04)]).toEqual(["q < 0.001", "q 0.003", "q 0.04"]);
    expect([0.7, -0.4, 0.25, 0.1].map(strength)).toEqual(["strong", "clear", "weak", "faint"]);
  });

  it("bring alike measures together", () => {
    const like = (a: string, b: string) => (a[0] === b[0] ? 0.9 : 0.1);
    expect(clustered(["a1", "b1", "a2", "b2"], like).map((k) => k[0]).join("")).toMatch(/aabb|bbaa/);
    expect(clustered([], like)).toEqual([]);
  });
});
