/** Days are texts like "2026-11-21"; they have no zone and no hours. */

const DAY_MS = 86_400_000;

export type Day = string;

function ms(day: Day): number {
  return Date.parse(`${day}T00:00:00Z`);
}

/** The local day of an instant in a zone. */
export function dayIn(zone: string, instant: Date = new Date()): Day {
  // Sweden writes dates as ISO 8601 does.
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short" }).format(instant);
}

export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(ms(text)) && fromMs(ms(text)) === text;
}

function fromMs(at: number): Day {
  return new Date(at).toISOString().slice(0, 10);
}

export function addDays(day: Day, n: number): Day {
  return fromMs(ms(day) + n * DAY_MS);
}

/** The same date in another year; 29 February becomes 28 where there is none. */
export function addYears(day: Day, n: number): Day {
  const year = String(Number(day.slice(0, 4)) + n).padStart(4, "0");
  const same = `${year}${day.slice(4)}`;
  return isDay(same) ? same : `${year}-02-28`;
}

/** Days from `a` to `b`. */
export function between(a: Day, b: Day): number {
  return Math.round((ms(b) - ms(a)) / DAY_MS);
}

/** 0 Monday … 6 Sunday. */
export function weekday(day: Day): number {
  return (new Date(ms(day)).getUTCDay() + 6) % 7;
}

/** Seconds since 1970 of a day's midnight, as if it were UTC: a place on an axis. */
export function axis(day: Day): number {
  return ms(day) / 1000;
}

export function fromAxis(at: number): Day {
  return fromMs(Math.round(at / 86_400) * DAY_MS);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify(options);
  let found = formats.get(key);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(locale(), { hourCycle: "h23", ...options });
    formats.set(key, found);
  }
  return found;
}

let chosen: string | undefined;

/** The locale of dates and numbers: the browser's, or 24 hours and day first in English. */
export function locale(): string {
  if (chosen === undefined) {
    const told = typeof navigator === "undefined" ? "en-GB" : navigator.language;
    // The pages are in English; American order beside 24 hours would be neither.
    chosen = told.startsWith("en") ? (told === "en-US" || told === "en" ? "en-GB" : told) : "en-GB";
  }
  return chosen;
}

/** "Saturday, 21 November". */
export function longDay(day: Day): string {
  const at = new Date(ms(day));
  const name = format({ weekday: "long", timeZone: "UTC" }).format(at);
  return `${name}, ${format({ day: "numeric", month: "long", timeZone: "UTC" }).format(at)}`;
}

/** "Sat 21 Nov 2026". */
export function shortDay(day: Day): string {
  const at = new Date(ms(day));
  const name = format({ weekday: "short", timeZone: "UTC" }).format(at);
  return `${name} ${format({ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(at)}`;
}

/** "21 Nov 2026". */
export function plainDay(day: Day): string {
  return format({ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(new Date(ms(day)));
}

/** "21 Nov". */
export function tinyDay(day: Day): string {
  return format({ day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(ms(day)));
}

export function weekdayName(day: Day): string {
  return format({ weekday: "long", timeZone: "UTC" }).format(new Date(ms(day)));
}

export function monthName(month: number, width: "short" | "long" = "short"): string {
  return format({ month: width, timeZone: "UTC" }).format(new Date(Date.UTC(2024, month, 15)));
}

/** Date and time of an instant (Unix seconds) in a zone: "21 Nov 2026, 14:02". */
export function moment(seconds: number, zone?: string): string {
  return format({
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    ...(zone === undefined ? {} : { timeZone: zone }),
  }).format(new Date(seconds * 1000));
}

/** "3 minutes ago", "in 2 days". */
export function ago(seconds: number, now: number = Date.now() / 1000): string {
  const off = seconds - now;
  const size = Math.abs(off);
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  if (size < 45) return "just now";
  if (size < 2_700) return relative.format(Math.round(off / 60), "minute");
  if (size < 79_200) return relative.format(Math.round(off / 3_600), "hour");
  if (size < 2_160_000) return relative.format(Math.round(off / 86_400), "day");
  if (size < 28_000_000) return relative.format(Math.round(off / 2_629_800), "month");
  return relative.format(Math.round(off / 31_557_600), "year");
}

/** The instant (Unix seconds) at which a day begins in a zone. */
export function midnight(day: Day, zone: string): number {
  let at = ms(day);
  // Twice: the first guess may lie on the other side of a clock change.
  for (let i = 0; i < 2; i += 1) at = ms(day) - offset(at, zone);
  return at / 1000;
}

/** How far a zone's clocks are ahead of UTC at an instant, in milliseconds. */
function offset(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(new Date(at));
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const local = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return local - Math.floor(at / 1000) * 1000;
}

/** The browser's own zone. */
export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
