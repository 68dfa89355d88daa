import { expect, test } from "vitest";
import { addDays, addYears, ago, axis, between, dayIn, fromAxis, isDay, longDay, midnight, weekday } from "../src/lib/dates";

test("the day is that of the zone, not of the browser", () => {
  const instant = new Date("2026-11-21T23:30:00Z");
  expect(dayIn("Asia/Tokyo", instant)).toBe("2026-11-22");
  expect(dayIn("America/New_York", instant)).toBe("2026-11-21");
});

test("days pass months, years and leap days", () => {
  expect(addDays("2024-02-28", 1)).toBe("2024-02-29");
  expect(addDays("2026-01-01", -1)).toBe("2025-12-31");
  expect(between("2025-12-31", "2026-03-01")).toBe(60);
  expect(fromAxis(axis("2026-11-21"))).toBe("2026-11-21");
});

test("a leap day has its neighbour in other years", () => {
  expect(addYears("2024-02-29", -1)).toBe("2023-02-28");
  expect(addYears("2026-11-21", -5)).toBe("2021-11-21");
});

test("weeks begin on Monday", () => {
  expect(weekday("2026-11-21")).toBe(5);
  expect(weekday("2026-11-23")).toBe(0);
});

test("what is no day is none", () => {
  for (const text of ["2026-02-30", "2026-1-1", "x", ""]) expect(isDay(text)).toBe(false);
  expect(isDay("2026-11-21")).toBe(true);
});

test("dates are said in words", () => {
  expect(longDay("2026-11-21")).toBe("Saturday, 21 November");
  expect(ago(1_000, 1_010)).toBe("just now");
  expect(ago(0, 7_200)).toBe("2 hours ago");
});

test("a day begins when its zone says so, on days of clock changes too", () => {
  const at = (day: string, zone: string) => new Date(midnight(day, zone) * 1000).toISOString();
  expect(at("2026-11-21", "Europe/Berlin")).toBe("2026-11-20T23:00:00.000Z");
  expect(at("2026-03-29", "Europe/Berlin")).toBe("2026-03-28T23:00:00.000Z");
  expect(at("2026-03-30", "Europe/Berlin")).toBe("2026-03-29T22:00:00.000Z");
  expect(at("2026-11-21", "America/New_York")).toBe("2026-11-21T05:00:00.000Z");
});
