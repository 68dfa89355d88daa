import { describe, expect, it } from "vitest";
import type { Measure } from "../src/lib/api";
import { cells, dateFormats, delimiterOf, explainsItself, look, mapping, missing, partUnit } from "../src/pages/sources/csv";
import { contested, gather, moved, ordered, said } from "../src/pages/sources/facts";
import { counts, left, leftWords, sampled, share, wantsMapping } from "../src/pages/sources/progress";
import { PIECE_MAX, PIECE_MIN, adapt, bytes, match, offsetOf, pause, piece, remember, remembered } from "../src/pages/sources/resume";

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
  const weight: Measure = { key: "weight", label: "Weight", group: "body", unit: "kg", shape: "event", daily: "last", value: "number", stream: "", type: "" };

  it("reads quotes, breaks in cells and every line end", () => {
    expect(cells('a,"b, ""c""\nd"\r\n1,2\n\n3,4', ",")).toEqual([["a", 'b, "c"\nd'], ["1", "2"], ["3", "4"]]);
    expect(delimiterOf("a;b\n1,5;2\n3,5;4")).toBe(";");
  });

  it("tells which way a date is written, and asks where it cannot", () => {
    expect(dateFormats(["31/12/2025", "01/02/2026"], false).map((f) => f.format)).toEqual(["%d/%m/%Y"]);
    expect(dateFormats(["01/02/2026"], false)[0]?.format).toBe("%m/%d/%Y");
    expect(dateFormats(["01/02/2026"], true)[0]?.format).toBe("%d/%m/%Y");
    expect(dateFormats(["2026-03-01T14:05:09+01:00"], false)[0]?.format).toBe("%Y-%m-%dT%H:%M:%S%z");
    expect(dateFormats(["hello"], false)).toEqual([]);
  });

  it("proposes a mapping from headers with units", () => {
    const table = look("Datum;Weight (lb);Stimmung\n01.03.2026;180,5;7\n02.03.2026;181,0;6\n", [weight], "Europe/Berlin", "log.csv");
    expect(table?.plan).toMatchObject({ delimiter: ";", decimal: ",", date: "Datum", dateFormat: "%d.%m.%Y", source: "log" });
    const plan = table?.plan;
    if (plan === undefined) throw new Error("no plan");
    expect(mapping(plan)["columns"]).toEqual({ "Weight (lb)": { measure: "weight", unit: "lb" }, Stimmung: { name: "Stimmung" } });
    expect(missing(plan)).toBe("");
    expect(missing({ ...plan, date: "" })).toMatch(/dates/);
    expect(missing({ ...plan, columns: plan.columns.map((c) => ({ ...c, as: "leave" as const })) })).toMatch(/at least one/);
    expect(partUnit("Distance [km]")).toEqual({ bare: "Distance", unit: "km" });
  });

  it("knows a table that needs no questions, and a text that is no table", () => {
    expect(explainsItself(["date", "mood"], [["2026-03-01", "7"]])).toBe(true);
    expect(explainsItself(["day", "mood"], [["2026-03-01", "7"]])).toBe(false);
    expect(look("just words", [], "UTC", "a.txt")).toBeUndefined();
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
