import { describe, expect, it } from "vitest";
import { WorldClock, fromLocal, instantIn, toLocal } from "../src/lib/zoned";

const at = (text: string) => Date.parse(text) / 1000;
const berlin = new WorldClock("Europe/Berlin");

describe("days by the person's clock", () => {
  it("has 25 hours when clocks go back and 23 when they go forward", () => {
    const length = (day: string) => {
      const [from, to] = berlin.bounds(day);
      return (to - from) / 3600;
    };
    expect(length("2025-10-26")).toBe(25);
    expect(length("2026-03-29")).toBe(23);
    expect(length("2026-03-30")).toBe(24);
    expect(berlin.note("2025-10-26")).toBe("The clocks went back; this day has 25 hours.");
    expect(berlin.note("2026-03-29")).toBe("The clocks went forward; this day has 23 hours.");
    expect(berlin.note("2026-03-30")).toBe("");
  });

  it("begins a day at the first instant that a skipped midnight leaves", () => {
    // Santiago goes forward at midnight: 6 September 2026 begins at 01:00.
    const there = new WorldClock("America/Santiago");
    expect(there.start("2026-09-06")).toBe(at("2026-09-06T04:00:00Z"));
    expect(there.time(there.start("2026-09-06"))).toBe("01:00");
  });

  it("takes the first of two hours that clocks show twice", () => {
    expect(instantIn("Europe/Berlin", at("2025-10-26T02:30:00Z"))).toBe(at("2025-10-26T00:30:00Z"));
  });

  it("makes a day longer by travel, and says so", () => {
    const clock = new WorldClock("Europe/Berlin", [{ from: at("2026-05-10T12:00:00Z"), timezone: "America/New_York" }]);
    const [from, to] = clock.bounds("2026-05-10");
    expect((to - from) / 3600).toBe(30);
    expect(clock.note("2026-05-10")).toBe(
      "You travelled from Europe/Berlin to America/New_York at 08:00; this day has 30 hours.",
    );
    expect(clock.bounds("2026-05-11")[0]).toBe(to);
    expect(clock.dayAt(at("2026-05-11T02:00:00Z"))).toBe("2026-05-10");
  });

  it("says that a day was left out at the date line", () => {
    const clock = new WorldClock("Pacific/Honolulu", [{ from: at("2026-05-11T10:00:00Z"), timezone: "Pacific/Kiritimati" }]);
    const [from, to] = clock.bounds("2026-05-11");
    expect(to).toBeLessThanOrEqual(from);
    expect(clock.note("2026-05-11")).toMatch(/left this day out/);
  });

  it("reads and writes local texts", () => {
    expect(fromLocal(at("2026-03-01T14:05:09Z"))).toBe("2026-03-01T14:05:09");
    expect(toLocal("2026-03-01T14:05")).toBe(at("2026-03-01T14:05:00Z"));
    expect(toLocal("tomorrow")).toBeUndefined();
  });
});
