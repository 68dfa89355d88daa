/** Between instants (Unix seconds) and what the person's calendar and clock showed then. */

import { type Day, addDays, axis, fromAxis } from "./dates";

export interface ZoneStep {
  from: number;
  timezone: string;
}

const QUARTER = 900;
/** No zone is further from UTC. */
const REACH = 18 * 3600;

const clocks = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

function clock(zone: string): Intl.DateTimeFormat {
  let found = clocks.get(zone);
  if (found === undefined) {
    const options: Intl.DateTimeFormatOptions = { dateStyle: "short", timeStyle: "medium" };
    try {
      found = new Intl.DateTimeFormat("sv-SE", { ...options, timeZone: zone });
    } catch {
      found = new Intl.DateTimeFormat("sv-SE", { ...options, timeZone: "UTC" }); // unknown to this browser
    }
    clocks.set(zone, found);
  }
  return found;
}

/** Seconds that a zone's clock is before UTC's. */
export function offsetOf(zone: string, at: number): number {
  // Offsets change on a quarter of an hour, so one answer holds for all of it.
  const quarter = Math.floor(at / QUARTER);
  const key = `${zone} ${quarter}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  const shown = clock(zone).format(new Date(quarter * QUARTER * 1000)).replace(" ", "T");
  const offset = Math.round(Date.parse(`${shown}Z`) / 1000) - quarter * QUARTER;
  if (offsets.size > 50_000) offsets.clear();
  offsets.set(key, offset);
  return offset;
}

/** The first instant at which a zone's clock shows this local second, or a later one. */
export function instantIn(zone: string, local: number): number {
  const before = offsetOf(zone, local - REACH);
  const after = offsetOf(zone, local + REACH);
  // A clock put back shows the hour twice, with the larger offset first.
  for (const offset of before >= after ? [before, after] : [after, before]) {
    if (offsetOf(zone, local - offset) === offset) return local - offset;
  }
  // The clock skipped it: the instant of the jump.
  let low = local - Math.max(before, after) - QUARTER;
  let high = local - Math.min(before, after) + QUARTER;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (middle + offsetOf(zone, middle) >= local) high = middle;
    else low = middle;
  }
  return high;
}

/** Where the person was: the zone of every instant, and so the bounds of every day. */
export class WorldClock {
  readonly home: string;
  readonly steps: readonly ZoneStep[];

  constructor(home: string, steps: readonly ZoneStep[] = []) {
    this.home = home;
    this.steps = [...steps].sort((a, b) => a.from - b.from);
  }

  zoneAt(at: number): string {
    return this.steps.findLast((step) => step.from <= at)?.timezone ?? this.home;
  }

  offsetAt(at: number): number {
    return offsetOf(this.zoneAt(at), at);
  }

  /** What the clock showed, in seconds as if it were UTC. */
  localOf(at: number): number {
    return at + this.offsetAt(at);
  }

  dayAt(at: number): Day {
    return fromAxis(Math.floor(this.localOf(at) / 86_400) * 86_400);
  }

  /** The first instant at which the calendar showed this day or a later one. */
  start(day: Day): number {
    return this.instant(axis(day));
  }

  /** The first instant at which the person's clock showed this local second or a later one. */
  instant(local: number): number {
    let i = this.steps.findLastIndex((step) => step.from <= local - REACH);
    for (;;) {
      const step = this.steps[i];
      const zone = step?.timezone ?? this.home;
      const reached = Math.max(step?.from ?? -Infinity, instantIn(zone, local));
      i += 1;
      const next = this.steps[i];
      if (next === undefined || reached < next.from) return reached;
    }
  }

  bounds(day: Day): [number, number] {
    return [this.start(day), this.start(addDays(day, 1))];
  }

  /** "14:05", or "14:05:09". */
  time(at: number, seconds = false): string {
    return fromLocal(this.localOf(at)).slice(11, seconds ? 19 : 16);
  }

  /** What is unusual about a day's clock, in a sentence; "" for a day of 24 hours in one zone. */
  note(day: Day): string {
    const [from, to] = this.bounds(day);
    if (to <= from) return "Your calendar left this day out: you crossed the date line.";
    const hours = (to - from) / 3600;
    const length = Number.isInteger(hours) ? String(hours) : hours.toFixed(1);
    const moved = this.steps.filter(
      (step) => step.from > from && step.from < to && this.zoneAt(step.from - 1) !== step.timezone,
    );
    if (moved.length > 0) {
      const ways = moved.map(
        (step) => `${this.zoneAt(step.from - 1)} to ${step.timezone} at ${this.time(step.from)}`,
      );
      return `You travelled from ${ways.join(", then ")}; this day has ${length} hours.`;
    }
    if (hours === 24) return "";
    return hours > 24
      ? `The clocks went back; this day has ${length} hours.`
      : `The clocks went forward; this day has ${length} hours.`;
  }
}

/** "2026-03-01T14:05:09" of local seconds. */
export function fromLocal(local: number): string {
  return new Date(Math.floor(local) * 1000).toISOString().slice(0, 19);
}

/** Local seconds of "2026-03-01T14:05" or "…:09"; undefined where it is none. */
export function toLocal(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?/.test(text)) return undefined;
  const at = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`);
  return Number.isNaN(at) ? undefined : at / 1000;
}
