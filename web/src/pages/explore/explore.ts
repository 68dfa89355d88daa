/** What Explore shows, from its address: the address is the view, and a saved view is an address. */

import type { Value } from "../../lib/api";
import { type Day, addDays, addYears, axis, between, isDay, weekday } from "../../lib/dates";
import { type Cell, median, numbers } from "../../lib/stats";

export const MEASURES_MAX = 6;
export const BY = ["day", "week", "month"] as const;
export const COMPARE = ["none", "before", "year"] as const;
export type By = (typeof BY)[number];
export type Compare = (typeof COMPARE)[number];
const AROUND_DAYS = 90;
export const RANGES = [30, 90, 365, 1826];
const RANGE_FIRST = 90;
const DAYS_MAX = 3_660;

export interface View {
  measures: string[];
  from: Day;
  to: Day;
  /** Days back from today; undefined where both ends are chosen. */
  range: number | undefined;
  by: By;
  compare: Compare;
  /** "" for none, "weekday", or the key of a tag. */
  split: string;
}

/** Read a view from an address; what cannot be is left at its default. */
export function read(query: URLSearchParams, today: Day, fallback: readonly string[]): View {
  const asked = (query.get("m") ?? "").split(",").filter(Boolean);
  const measures = [...new Set(asked.length > 0 ? asked : fallback)].slice(0, MEASURES_MAX);
  const one = <T extends string>(name: string, of: readonly T[]): T => of.find((x) => x === query.get(name)) ?? (of[0] as T);
  const rest = { by: one("by", BY), compare: one("compare", COMPARE), split: query.get("split") ?? "", measures };
  const around = query.get("around") ?? "";
  if (isDay(around)) {
    const to = addDays(around, AROUND_DAYS);
    return { ...rest, from: addDays(around, -AROUND_DAYS), to: to > today ? today : to, range: undefined };
  }
  const from = query.get("from") ?? "";
  const to = query.get("to") ?? "";
  if (isDay(from) && isDay(to) && from <= to) {
    const first = between(from, to) >= DAYS_MAX ? addDays(to, 1 - DAYS_MAX) : from;
    return { ...rest, from: first, to, range: undefined };
  }
  const told = Number(query.get("range"));
  const range = Number.isInteger(told) && told >= 7 && told <= DAYS_MAX ? told : RANGE_FIRST;
  return { ...rest, from: addDays(today, 1 - range), to: today, range };
}

/** The address of a view. */
export function write(view: View): string {
  const query = new URLSearchParams({ m: view.measures.join(",") });
  if (view.range === undefined) {
    query.set("from", view.from);
    query.set("to", view.to);
  } else if (view.range !== RANGE_FIRST) query.set("range", String(view.range));
  if (view.by !== "day") query.set("by", view.by);
  if (view.compare !== "none") query.set("compare", view.compare);
  if (view.split !== "") query.set("split", view.split);
  return `?${query.toString().replaceAll("%2C", ",")}`;
}

/** The days that a view is held against. */
export function against(view: View): { from: Day; to: Day } | undefined {
  if (view.compare === "none") return undefined;
  if (view.compare === "year") return { from: addYears(view.from, -1), to: addYears(view.to, -1) };
  const n = between(view.from, view.to) + 1;
  return { from: addDays(view.from, -n), to: addDays(view.from, -1) };
}

export function dayRange(from: Day, to: Day): Day[] {
  return Array.from({ length: between(from, to) + 1 }, (_, i) => addDays(from, i));
}

export interface Line {
  /** First days of the stretches. */
  days: Day[];
  x: number[];
  values: Cell[];
}

/** Means of the days that have data, by stretch. */
export function gathered(days: readonly Day[], values: readonly Cell[], by: By): Line {
  const sums = new Map<Day, { sum: number; n: number }>();
  days.forEach((day, i) => {
    const start = by === "day" ? day : by === "month" ? `${day.slice(0, 7)}-01` : addDays(day, -weekday(day));
    const of = sums.get(start) ?? { sum: 0, n: 0 };
    const value = values[i];
    if (typeof value === "number") {
      of.sum += value;
      of.n += 1;
    }
    sums.set(start, of);
  });
  const starts = [...sums.keys()];
  return {
    days: starts,
    x: starts.map(axis),
    values: starts.map((start) => {
      const of = sums.get(start) as { sum: number; n: number };
      return of.n === 0 ? null : of.sum / of.n;
    }),
  };
}

/** The values of another period, put to the places of this one. */
export function aligned(values: readonly Cell[], length: number): Cell[] {
  return Array.from({ length }, (_, i) => values[i] ?? null);
}

export interface Spread {
  name: string;
  n: number;
  low: number;
  middle: number;
  high: number;
}

function spread(name: string, values: readonly number[]): Spread[] {
  const middle = median(values);
  if (middle === null) return [];
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const low = Math.floor(place);
    const a = sorted[low] as number;
    return a + (place - low) * ((sorted[low + 1] ?? a) - a);
  };
  return [{ name, n: values.length, low: at(0.25), middle, high: at(0.75) }];
}

/** A measure by weekday, or by whether a tag was there; days on which the tag is unknown count nowhere. */
export function parted(days: readonly Day[], values: readonly Cell[], by: "weekday" | readonly Cell[], names: readonly string[]): Spread[] {
  const groups: number[][] = names.map(() => []);
  days.forEach((day, i) => {
    const value = values[i];
    const tag = by === "weekday" ? weekday(day) : by[i];
    if (typeof value !== "number" || typeof tag !== "number") return;
    groups[by === "weekday" ? tag : tag > 0 ? 0 : 1]?.push(value);
  });
  return groups.flatMap((group, i) => spread(names[i] as string, group));
}

export interface Summary {
  n: number;
  mean: number | null;
  middle: number | null;
}

export function summary(values: readonly Cell[]): Summary {
  const known = numbers(values);
  const mean = known.length === 0 ? null : known.reduce((sum, v) => sum + v, 0) / known.length;
  return { n: known.length, mean, middle: median(known) };
}

/** Days on which two measures are both known. */
export function pairs(a: readonly Cell[], b: readonly Cell[]): { x: number; y: number; at: number }[] {
  return a.flatMap((x, at) => {
    const y = b[at];
    return typeof x === "number" && typeof y === "number" ? [{ x, y, at }] : [];
  });
}

/** Yes and no as 1 and 0, so that a tag can part the days. */
export function marks(values: readonly Value[] | undefined): Cell[] {
  return (values ?? []).map((v) => (typeof v === "number" ? v : null));
}

function query(view: View): string {
  const keys = view.split === "" || view.split === "weekday" ? view.measures : [...new Set([...view.measures, view.split])];
  return `from=${view.from}&to=${view.to}&measures=${keys.join(",")}`;
}

/** The same data for a shell. */
export function asCall(view: View, origin: string): string {
  return `curl -H "Authorization: Bearer $DIURNAL_TOKEN" \\\n  "${origin}/api/v1/days?${query(view)}"`;
}

/** The same data for Python, without anything to install. */
export function asPython(view: View, origin: string): string {
  return [
    "import json, os, urllib.request",
    "",
    `url = "${origin}/api/v1/days?${query(view)}"`,
    'headers = {"Authorization": "Bearer " + os.environ["DIURNAL_TOKEN"]}',
    "with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:",
    "    told = json.load(answer)",
    'days, values = told["days"], told["values"]',
    ...view.measures.map((key) => `${key.replace(/\W/g, "_")} = dict(zip(days, values["${key}"]))`),
    "",
  ].join("\n");
}
