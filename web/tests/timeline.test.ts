import { describe, expect, it } from "vitest";
import type { Measure } from "../src/lib/api";
import { WorldClock } from "../src/lib/zoned";
import { changesOf, formOf } from "../src/pages/timeline/change";
import { type Buckets, type Event, bucketAt, sums } from "../src/pages/timeline/data";
import { dense, density, laneOf, pack } from "../src/pages/timeline/lanes";
import { band, dots, extent, line, nearest, runs } from "../src/pages/timeline/shape";
import { rowsInView, scrollTo } from "../src/pages/timeline/virtual";
import { because, reason, titleOf, valueOf } from "../src/pages/timeline/words";
import { ZOOMS, bucketWidth, daysOf, move, step, ticks, title, view } from "../src/pages/timeline/zoom";

const clock = new WorldClock("Europe/Berlin");
const measure = (more: Partial<Measure>): Measure => ({
  key: "k", label: "K", group: "custom", unit: "1", shape: "event", daily: "last", value: "number", stream: "s", type: "t/t", ...more,
});
const event = (more: Partial<Event>): Event => ({
  id: "c1", streamIds: ["s"], streamId: "s", time: 1_772_370_000, type: "note/txt", tags: [], created: 0, createdBy: "",
  modified: 0, modifiedBy: "", seq: 1, localDate: "2026-03-01", offset: 60, source: "me", ...more,
});

describe("lanes", () => {
  const options = { from: 0, to: 100, across: 1000, least: 6 };

  it("puts bars that overlap into rows, and others into the first", () => {
    const marks = pack([{ from: 0, to: 30 }, { from: 10, to: 40 }, { from: 50, to: 60 }], options);
    expect(marks.map((m) => m.row)).toEqual([0, 1, 0]);
    expect(marks[0]).toMatchObject({ x: 0, width: 300 });
  });

  it("keeps every item of thousands in a lane with few marks", () => {
    const items = Array.from({ length: 10_000 }, (_, i) => ({ from: i / 100, to: i / 100 }));
    const marks = pack(items, options);
    expect(marks.length).toBeLessThan(400);
    expect(marks.flatMap((m) => m.items).length).toBe(10_000);
    expect(Math.max(...marks.map((m) => m.row))).toBeLessThan(3);
  });

  it("loses none of those that find no row", () => {
    const marks = pack(Array.from({ length: 9 }, () => ({ from: 10, to: 60 })), { ...options, rowsMax: 2 });
    expect(marks.flatMap((m) => m.items).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("cuts at the edges and leaves out what is elsewhere", () => {
    const marks = pack([{ from: -50, to: -1 }, { from: -50, to: 10 }, { from: 95, to: 300 }, { from: 100, to: 120 }], options);
    expect(marks.map((m) => [m.x, m.width])).toEqual([[0, 100], [950, 50]]);
  });

  it("counts in cells where there are too many to tell apart", () => {
    expect(dense(500, 1000)).toBe(true);
    expect(dense(20, 1000)).toBe(false);
    const marks = density([{ from: 1, to: 2 }, { from: 1, to: 2 }, { from: 99.9, to: 150 }], options, 10);
    expect(marks.map((m) => m.items)).toEqual([[0, 1], [2]]);
  });

  it("knows where an event belongs", () => {
    expect(laneOf(event({}), undefined)).toBe("notes");
    expect(laneOf(event({ type: "sleep/night" }), measure({ group: "sleep", shape: "session" }))).toBe("sleep");
    expect(laneOf(event({ attachments: [{ id: "a", fileName: "a.jpg", type: "image/jpeg", size: 1 }] }), undefined)).toBe("photos");
    expect(laneOf(event({}), measure({ value: "boolean" }))).toBe("tags");
    expect(laneOf(event({}), measure({ group: "activity", shape: "event" }))).toBe("measured");
    expect(laneOf(event({}), measure({ group: "workouts", shape: "session" }))).toBe("activity");
    expect(laneOf(event({ type: "position/wgs84" }), undefined)).toBe("places");
    expect(laneOf(event({ type: "count/generic" }), undefined)).toBe("measured");
  });
});

describe("how much time is shown", () => {
  it("asks for buckets that have a few pixels each, whatever the stretch", () => {
    for (const days of [366, 31, 7, 1, 0.25, 1 / 24, 1 / 1440]) {
      const width = bucketWidth(days * 86_400, 960, 2);
      expect((days * 86_400) / width).toBeLessThanOrEqual(480);
      expect(width).toBeGreaterThanOrEqual(1);
    }
    expect(bucketWidth(86_400, 960, 2)).toBe(300);
    expect(bucketWidth(60, 960, 2)).toBe(1);
  });

  it("begins and ends with the person's days", () => {
    expect(daysOf("2026-03-01", "week")).toEqual(["2026-02-23", "2026-03-01"]);
    expect(daysOf("2026-02-11", "month")).toEqual(["2026-02-01", "2026-02-28"]);
    const { from, to } = view("2025-10-26", "day", undefined, clock);
    expect((to - from) / 3600).toBe(25);
    const minute = view("2026-03-01", "minute", 1_772_370_011.4, clock);
    expect(minute.to - minute.from).toBe(60);
  });

  it("goes from month to month by the calendar", () => {
    expect(move("2026-01-31", "month", undefined, 1, clock).day).toBe("2026-02-28");
    expect(move("2024-02-29", "year", undefined, 1, clock).day).toBe("2025-02-28");
    expect(move("2026-01-01", "week", undefined, -1, clock).day).toBe("2025-12-25");
    const hour = move("2026-03-01", "hour", clock.start("2026-03-02") - 1800, 1, clock);
    expect(hour.day).toBe("2026-03-02");
  });

  it("stays at its ends", () => {
    expect(step("year", -1)).toBe("year");
    expect(step("minute", 1)).toBe("minute");
    expect(ZOOMS.map((z) => z.key)).toContain(step("day", 1));
    expect(title("2026-03-01", "month")).toBe("March 2026");
  });

  it("marks hours by the clock, also when it jumps", () => {
    const day = view("2025-10-26", "day", undefined, clock);
    const labels = ticks(day, 1400, clock).map((t) => t.label);
    expect(labels.filter((l) => l === "02:00").length).toBe(2);
    const shown = ticks(view("2026-03-01", "day", undefined, clock), 960, clock).map((t) => t.label);
    expect(shown).toContain("12:00");
    expect(shown.length).toBeLessThan(16);
  });
});

describe("a course over time", () => {
  const buckets: Buckets = {
    source: "w", t: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90], end: 100,
    n: [1, 2, 0, 0, 0, 0, 0, 1, 1, 1],
    min: [5, 4, null, null, null, null, null, 7, 8, 9], max: [5, 8, null, null, null, null, null, 7, 8, 9],
    mean: [5, 6, null, null, null, null, null, 7, 8, 9],
  };

  it("leaves a gap where nothing was measured for long", () => {
    expect(runs(dots(buckets), 10).map((run) => run.map((d) => d.mean))).toEqual([[5, 6], [7, 8, 9]]);
  });

  it("joins points that always come that seldom", () => {
    const all = [0, 60, 120, 180].map((t) => ({ at: t, min: 1, max: 1, mean: 1 }));
    expect(runs(all, 5).length).toBe(1);
  });

  it("draws the line at the mean and the band from lowest to highest", () => {
    const [run = []] = runs(dots(buckets), 10);
    const scale = { x: (t: number) => t, y: (v: number) => v };
    expect(line(run, scale)).toBe("M5.0 5.0L15.0 6.0");
    expect(band(run, scale)).toBe("M5.0 5.0L15.0 8.0L15.0 4.0L5.0 5.0Z");
    expect(extent(10, 20, true)).toEqual([0, 20]);
    expect(extent(5, 5, false)).toEqual([4, 6]);
  });

  it("finds what is nearest, and nothing where nothing is near", () => {
    expect(nearest(dots(buckets), 12, 5)?.mean).toBe(6);
    expect(nearest(dots(buckets), 45, 5)).toBeUndefined();
    expect(nearest([], 45, 5)).toBeUndefined();
    expect(bucketAt(buckets, 79)).toBe(7);
    expect(bucketAt(buckets, 100)).toBe(-1);
    expect(sums(buckets)[1]).toBe(12);
  });
});

describe("a list of ten thousand", () => {
  it("draws those in view and a few more, and is as long as the whole", () => {
    const shown = rowsInView(26_000, 468, 52, 10_000);
    expect(shown.first).toBe(492);
    expect(shown.last).toBe(517);
    expect(shown.before + (shown.last - shown.first) * 52 + shown.after).toBe(520_000);
  });

  it("survives a list that became shorter than where it was scrolled to", () => {
    const shown = rowsInView(26_000, 468, 52, 3);
    expect([shown.first, shown.last, shown.before, shown.after]).toEqual([0, 3, 0, 0]);
  });

  it("scrolls no further than needed", () => {
    expect(scrollTo(5, 0, 468, 52)).toBeUndefined();
    expect(scrollTo(9, 0, 468, 52)).toBe(52);
    expect(scrollTo(0, 100, 468, 52)).toBe(0);
  });
});

describe("words", () => {
  const steps = measure({ key: "steps", label: "Steps", daily: "sum", value: "integer" });

  it("says why in a sentence", () => {
    const lineage = { by: "data", n: 18, parts: [["Watch", 8123, 18]], rejected: [], rows: [] } as const;
    expect(because({ ...lineage, parts: [["Watch", 8123, 18]], rejected: [], rows: [] }, "Watch", steps)).toBe("Added up from 18 data of Watch.");
    expect(because({ by: "person", n: 1, parts: [], rejected: [], rows: [] }, "manual", steps)).toMatch(/your own word counts/);
    expect(reason("covered", "Watch")).toBe("Watch already covers the same time");
    expect(reason("in_bed", null)).toMatch(/not sleep/);
  });

  it("names events by what they are about", () => {
    const workout = event({ type: "activity/workout", duration: 2880, content: { activity: "running", distance: 8421.1, heart_rate: 157.5 } });
    const of = measure({ key: "workout", label: "Workouts", group: "workouts", shape: "session", daily: "count" });
    expect(titleOf(workout, of)).toBe("Running");
    expect(valueOf(workout, of, {})).toBe("48 min · 8.42\u00a0km · 158\u00a0bpm on average");
    expect(valueOf(event({ content: "Hello" }), measure({ value: "text" }), {})).toBe("Hello");
    expect(valueOf(event({ duration: null }), undefined, {})).toBe("still running");
  });
});

describe("editing an event", () => {
  it("sends only what was changed", () => {
    const old = event({ content: "Hello", tags: ["a"], time: 1_772_370_000.25 });
    const form = formOf(old);
    expect(form.when).toBe("2026-03-01T14:00:00");
    expect(changesOf(old, form)).toEqual({ body: {} });
    expect(changesOf(old, { ...form, content: "Bye", tags: "a, #b ,a" })).toEqual({ body: { content: "Bye", tags: ["a", "b"] } });
    expect(changesOf(old, { ...form, when: "2026-03-01T14:05:00" })).toEqual({ body: { time: 1_772_370_300.25 } });
    expect(changesOf(old, { ...form, minutes: "1,5" })).toEqual({ body: { duration: 90 } });
  });

  it("says what to correct and in which field", () => {
    const old = event({ content: { a: 1 } });
    expect(changesOf(old, { ...formOf(old), content: "{a" })).toMatchObject({ field: "content" });
    expect(changesOf(old, { ...formOf(old), when: "" })).toMatchObject({ field: "when" });
    const number = event({ content: 5 });
    expect(changesOf(number, { ...formOf(number), content: "five" })).toMatchObject({ field: "content" });
    expect(changesOf(number, { ...formOf(number), content: "5,5" })).toEqual({ body: { content: 5.5 } });
  });
});
