import { describe, expect, it } from "vitest";
import { type Preview, dateLabel, mapping, missing, planOf } from "../src/pages/sources/csv";
import { contested, gather, moved, ordered, said } from "../src/pages/sources/facts";
import { counts, left, leftWords, sampled, share, wantsMapping } from "../src/pages/sources/progress";
import { PIECE_MAX, PIECE_MIN, adapt, match, offsetOf, pause, piece, remember, remembered } from "../src/pages/sources/resume";
import { bytes } from "../src/lib/sizes";

describe("uploads that resume", () => {
  it("sends piece after piece to the last byte", () => {
    let at = 0;
    const sent: number[] = [];
    for (let next = piece(at, 2_500, 1_000); next !== null; next = piece(at, 2_500, 1_000)) {
      sent.push(next[1] - next[0]);
      at = next[1];
    }
    expect(sent).toEqual([1_000, 1_000, 500]);
  });

  it("goes on where the server is, also when it knows better", () => {
    expect(piece(700, 1_000, 1_000)).toEqual([700, 1_000]);
    expect(offsetOf({ offset: 700 })).toBe(700);
    expect(offsetOf({ offset: "700" })).toBeUndefined();
    expect(offsetOf({})).toBeUndefined();
  });

  it("finds the upload of a file that was picked again", () => {
    const kept = (id: string, modified: number) => ({ id, name: "export.zip", size: 10, modified, dryRun: false });
    const all = [kept("a", 1), kept("b", 2)];
    expect(match(all, { name: "export.zip", size: 10, lastModified: 2 })?.id).toBe("b");
    expect(match(all, { name: "export.zip", size: 10, lastModified: 9 })?.id).toBe("a");
    expect(match(all, { name: "export.zip", size: 11, lastModified: 2 })).toBeUndefined();
  });

  it("waits longer each time, but never long", () => {
    expect([1, 2, 3, 10].map((n) => pause(n))).toEqual([1_000, 2_000, 4_000, 60_000]);
    expect(pause(1, 5)).toBe(5_000);
  });

  it("fits pieces to the line", () => {
    expect(adapt(PIECE_MIN, 0.01)).toBe(PIECE_MIN * 2);
    expect(adapt(PIECE_MAX, 0.5)).toBe(PIECE_MAX);
    expect(adapt(PIECE_MIN * 4, 60)).toBe(PIECE_MIN * 2);
    expect(adapt(PIECE_MIN, 60)).toBe(PIECE_MIN);
  });

  it("remembers through a reload, each account its own, and survives rubbish", () => {
    const held = new Map<string, string>();
    const store = { getItem: (k: string) => held.get(k) ?? null, setItem: (k: string, v: string) => void held.set(k, v) };
    remember(store, "ann", [{ id: "u", name: "n", size: 1, modified: 2, dryRun: true }]);
    expect(remembered(store, "ann")[0]?.id).toBe("u");
    expect(remembered(store, "ben")).toEqual([]);
    held.set("diurnal.uploads.ann", "{");
    expect(remembered(store, "ann")).toEqual([]);
    expect([bytes(5), bytes(1_500), bytes(2_500_000_000)]).toEqual(["5 bytes", "1.5 kB", "2.5 GB"]);
  });
});

describe("progress", () => {
  it("says how long a phase still takes at the pace of late", () => {
    let samples = sampled([], { at: 0, phase: "reading", done: 0 });
    samples = sampled(samples, { at: 5, phase: "reading", done: 500 });
    expect(left(samples, 1_500)).toBe(10);
    expect(leftWords(10)).toBe("about 10 s left");
    expect(leftWords(150)).toBe("about 3 min left");
    samples = sampled(samples, { at: 6, phase: "nights", done: 0 });
    expect(left(samples, 10)).toBeUndefined();
  });

  it("never goes back from phase to phase", () => {
    const phases = [
      { phase: "recognising" }, { phase: "reading", done: 0, total: 10 }, { phase: "reading", done: 10, total: 10 },
      { phase: "nights", done: 0, total: 2 }, { phase: "dating", done: 1, total: 2 }, { phase: "done" },
    ].map((p) => share(p) ?? 0);
    expect([...phases].sort((a, b) => a - b)).toEqual(phases);
  });

  it("counts in words", () => {
    expect(counts({ read: 27_187, new: 27_000, same: 187, set_aside: 3 })).toBe("27,187 read: 27,000 new, 187 known already; 3 set aside");
    expect(counts({ read: 5, new: 5 }, true)).toBe("5 read: 5 would be new");
    expect(wantsMapping({ id: 1, name: "", state: "failed", created: 0, progress: {}, result: {}, error: "t.csv needs a mapping: say" })).toBe(true);
  });
});

describe("tables", () => {
  const told: Preview = {
    selfExplanatory: false,
    delimiter: ";",
    decimal: ",",
    encoding: "utf-8",
    date: "Datum",
    dateFormat: "%d.%m.%Y",
    dateFormats: ["%d.%m.%Y"],
    columns: {
      "Weight (lb)": { measure: "weight", unit: "[lb_av]", name: "Weight", filled: 2 },
      Weight2: { measure: "weight", unit: "kg", name: "Weight2", filled: 2 },
      Stimmung: { name: "Stimmung", filled: 2 },
      Leer: { name: "Leer", filled: 0 },
      Zone: { zone: true, filled: 2 },
    },
    rows: [],
  };

  it("shows a way to write dates by an example", () => {
    expect(dateLabel("%d/%m/%Y")).toBe("31/03/2026 (day first)");
    expect(dateLabel("%m/%d/%Y %H:%M")).toBe("03/31/2026 14:05 (month first)");
    expect(dateLabel("%Y-%m-%dT%H:%M:%S%z")).toBe("2026-03-31T14:05:09+01:00");
  });

  it("makes a mapping of what the server proposes, each measure once", () => {
    const plan = planOf(told, "Europe/Berlin", "log.csv");
    expect(plan).toMatchObject({ delimiter: ";", decimal: ",", date: "Datum", dateFormat: "%d.%m.%Y", source: "log" });
    expect(mapping(plan)["columns"]).toEqual({
      "Weight (lb)": { measure: "weight", unit: "[lb_av]" },
      Weight2: { name: "Weight2" },
      Stimmung: { name: "Stimmung" },
      Zone: { zone: true },
    });
    expect(missing(plan)).toBe("");
  });

  it("says what is missing", () => {
    const plan = planOf(told, "UTC", "log.csv");
    expect(missing({ ...plan, date: "" })).toMatch(/dates/);
    expect(missing({ ...plan, columns: plan.columns.map((c) => ({ ...c, as: "leave" as const })) })).toMatch(/at least one/);
    expect(missing({ ...plan, columns: plan.columns.map((c) => ({ ...c, as: "own" as const, name: "x" })) })).toMatch(/the same/);
    expect(missing({ ...plan, columns: plan.columns.map((c) => ({ ...c, as: "measure" as const, measure: "" })) })).toMatch(/Choose a measure/);
  });
});

describe("whose word comes first", () => {
  const days = {
    days: ["2026-03-01"], values: {}, sources: {},
    lineage: { steps: [{ parts: [["Watch", 1, 1]], rejected: [["Phone", 1, "covered", 1]] }], mood: [{ parts: [["manual", 7, 1]], rejected: [] }] },
  };
  const series = [{ measure: "heart_rate", source: "Watch", unit: "/min", n: 10, from: 5, to: 9 }];

  it("gathers sources from series and from how days came to be", () => {
    const found = gather(series, days);
    expect(found.map((s) => s.name)).toEqual(["Watch", "Phone"]);
    expect(found[0]).toMatchObject({ first: 5, last: 9 });
    expect(contested(found)).toEqual(new Map([["steps", ["Watch", "Phone"]]]));
    expect(said(days)["mood"]).toBeUndefined();
  });

  it("moves one up or down, and stays at the ends", () => {
    expect(moved(["a", "b", "c"], 2, -1)).toEqual(["a", "c", "b"]);
    expect(moved(["a", "b"], 0, -1)).toEqual(["a", "b"]);
    expect(ordered(["a", "b", "c"], ["c", "gone"])).toEqual(["c", "a", "b"]);
  });
});
