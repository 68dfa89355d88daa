/** How much of time is on the page, and how finely. */

import { type Day, addDays, axis, fromAxis, isDay, monthName, longDay, shortDay, tinyDay, weekday } from "../../lib/dates";
import { type WorldClock, fromLocal } from "../../lib/zoned";

export type Zoom = "year" | "month" | "week" | "day" | "6h" | "hour" | "10m" | "minute";

/** From the widest in; below a day with their seconds. */
export const ZOOMS: readonly { key: Zoom; label: string; seconds?: number }[] = [
  { key: "year", label: "Year" },
  { key: "month", label: "Month" },
  { key: "week", label: "Week" },
  { key: "day", label: "Day" },
  { key: "6h", label: "6 hours", seconds: 21_600 },
  { key: "hour", label: "Hour", seconds: 3_600 },
  { key: "10m", label: "10 min", seconds: 600 },
  { key: "minute", label: "Minute", seconds: 60 },
];

export function zoomOf(text: string | null): Zoom {
  return ZOOMS.find((z) => z.key === text)?.key ?? "day";
}

/** The next zoom in (1) or out (-1); the last one stays. */
export function step(zoom: Zoom, by: 1 | -1): Zoom {
  const at = ZOOMS.findIndex((z) => z.key === zoom) + by;
  return (ZOOMS[Math.min(Math.max(at, 0), ZOOMS.length - 1)] as { key: Zoom }).key;
}

export function within(zoom: Zoom): number | undefined {
  return ZOOMS.find((z) => z.key === zoom)?.seconds;
}

/** First and last day of the stretch of days around a day; of a single one below. */
export function daysOf(day: Day, zoom: Zoom): [Day, Day] {
  switch (zoom) {
    case "year":
      return [`${day.slice(0, 4)}-01-01`, `${day.slice(0, 4)}-12-31`];
    case "month": {
      const first = `${day.slice(0, 7)}-01`;
      return [first, addDays(nextMonth(first, 1), -1)];
    }
    case "week": {
      const first = addDays(day, -weekday(day));
      return [first, addDays(first, 6)];
    }
    default:
      return [day, day];
  }
}

function nextMonth(first: Day, by: number): Day {
  const months = Number(first.slice(0, 4)) * 12 + Number(first.slice(5, 7)) - 1 + by;
  const year = String(Math.floor(months / 12)).padStart(4, "0");
  return `${year}-${String((((months % 12) + 12) % 12) + 1).padStart(2, "0")}-01`;
}

export interface View {
  from: number;
  to: number;
}

/** The stretch of time on the page; `at` is where a stretch within a day has its middle. */
export function view(day: Day, zoom: Zoom, at: number | undefined, clock: WorldClock): View {
  const seconds = within(zoom);
  if (seconds === undefined) {
    const [first, last] = daysOf(day, zoom);
    const [from, to] = [clock.start(first), clock.start(addDays(last, 1))];
    return { from, to: Math.max(to, from + 60) };
  }
  const [from, to] = clock.bounds(day);
  const middle = at ?? (from + to) / 2;
  const begin = Math.floor((middle - seconds / 2) / (seconds / 60)) * (seconds / 60);
  return { from: begin, to: begin + seconds };
}

/** The day (and middle) one stretch on (1) or back (-1). */
export function move(day: Day, zoom: Zoom, at: number | undefined, by: 1 | -1, clock: WorldClock): { day: Day; at?: number } {
  const seconds = within(zoom);
  if (seconds !== undefined) {
    const shown = view(day, zoom, at, clock);
    const middle = (shown.from + shown.to) / 2 + by * seconds;
    return { day: clock.dayAt(middle), at: middle };
  }
  if (zoom === "day") return { day: addDays(day, by) };
  if (zoom === "week") return { day: addDays(day, by * 7) };
  const first = `${day.slice(0, 7)}-01`;
  const wanted = nextMonth(first, zoom === "year" ? by * 12 : by);
  const same = `${wanted.slice(0, 7)}-${day.slice(8)}`;
  return { day: isDay(same) ? same : addDays(nextMonth(wanted, 1), -1) };
}

/** What the page is called. */
export function title(day: Day, zoom: Zoom): string {
  switch (zoom) {
    case "year":
      return day.slice(0, 4);
    case "month":
      return `${monthName(Number(day.slice(5, 7)) - 1, "long")} ${day.slice(0, 4)}`;
    case "week": {
      const [first, last] = daysOf(day, "week");
      return `${tinyDay(first)} – ${tinyDay(last)} ${last.slice(0, 4)}`;
    }
    default:
      return `${longDay(day)} ${day.slice(0, 4)}`;
  }
}

const WIDTHS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
  172_800, 604_800,
];

/** The width of buckets in seconds, so that each has at least `pixels` of its own. */
export function bucketWidth(seconds: number, across: number, pixels: number): number {
  const least = (seconds * pixels) / Math.max(across, 1);
  return WIDTHS.find((width) => width >= least) ?? 604_800;
}

export interface Tick {
  at: number;
  label: string;
  /** A new day, month or year begins here. */
  strong: boolean;
}

const TICKS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200];

/** Where the axis has its marks, by the person's own clock. */
export function ticks(shown: View, across: number, clock: WorldClock): Tick[] {
  const span = shown.to - shown.from;
  const wanted = (span * 74) / Math.max(across, 1);
  const width = TICKS.find((w) => w >= wanted);
  if (width === undefined || span > 4 * 86_400) return dayTicks(shown, across, clock);
  const made: Tick[] = [];
  // Local time can jump by half an hour: each step is looked at on its own.
  const stride = Math.min(width, 1_800);
  for (let at = Math.ceil(shown.from / stride) * stride; at < shown.to; at += stride) {
    const local = clock.localOf(at);
    if (local % width !== 0) continue;
    const text = fromLocal(local);
    const midnight = local % 86_400 === 0;
    made.push({
      at,
      label: midnight && span > 86_400 ? tinyDay(text.slice(0, 10)) : text.slice(11, width < 60 ? 19 : 16),
      strong: midnight,
    });
  }
  return made;
}

function dayTicks(shown: View, across: number, clock: WorldClock): Tick[] {
  const first = clock.dayAt(shown.from);
  const last = clock.dayAt(shown.to - 1);
  const n = Math.round((axis(last) - axis(first)) / 86_400) + 1;
  const room = Math.max(1, Math.floor(across / 62));
  const made: Tick[] = [];
  if (n > 62) {
    const every = Math.ceil(12 / room) > 2 ? 3 : Math.ceil(12 / room);
    for (let month: Day = `${first.slice(0, 7)}-01`; month <= last; month = nextMonth(month, 1)) {
      const number = Number(month.slice(5, 7)) - 1;
      if (month < first || number % every !== 0) continue;
      made.push({ at: clock.start(month), label: monthName(number), strong: number === 0 });
    }
    return made;
  }
  const every = n <= room ? 1 : n <= room * 2 ? 2 : 7;
  for (let i = 0; i < n; i += 1) {
    const day = fromAxis(axis(first) + i * 86_400);
    const take = every === 7 ? weekday(day) === 0 : i % every === 0;
    const label = n <= 7 && across > 500 ? shortDay(day).replace(/ \d{4}$/, "") : tinyDay(day);
    if (take) made.push({ at: clock.start(day), label, strong: weekday(day) === 0 });
  }
  return made;
}
