/** What Today shows, from columns of days. */

import type { Measure, Value } from "./api";
import { type Cell, percent, usual } from "./stats";
import { type Units, ratio, show, text } from "./units";

export const TILES = [
  "steps",
  "sleep",
  "heart_rate_resting",
  "productive_time",
  "weight",
  "energy_active",
  "screen_time",
  "active_time",
];
export const TILES_FIRST = 4;
export const TILES_MAX = 12;
/** A tile looks so far back for its last value. */
const BACK_MAX = 30;

export function numeric(measure: Measure): boolean {
  return measure.daily !== "none" && (measure.value === "integer" || measure.value === "number" || measure.value === "boolean");
}

/** Without a choice: the best known that have data, then whatever has some. */
export function firstTiles(known: readonly Measure[]): string[] {
  const keys = known.filter((m) => numeric(m) && m.key !== "mood").map((m) => m.key);
  const liked = TILES.filter((key) => keys.includes(key));
  return [...liked, ...keys.filter((key) => !liked.includes(key))].slice(0, TILES_FIRST);
}

export interface Tile {
  /** Place of the shown value; -1 when there is none in a month. */
  at: number;
  value: number | null;
  usual: number | null;
  /** "31 %", "25 min", "2.1 °C"; null without something to compare with, or when it is the same. */
  off: string | null;
  direction: -1 | 0 | 1;
}

export function cells(values: readonly Value[] | undefined): Cell[] {
  return (values ?? []).map((v) => (typeof v === "number" ? v : null));
}

export function tile(values: readonly Cell[], measure: Measure, units: Units): Tile {
  let at = values.length - 1;
  while (at >= 0 && values[at] === null && values.length - at <= BACK_MAX) at -= 1;
  const value = values[at] ?? null;
  const normal = usual(values, value === null ? values.length - 1 : at);
  const made: Tile = { at: value === null ? -1 : at, value, usual: normal, off: null, direction: 0 };
  if (value === null || normal === null || measure.value === "boolean") return made;
  if (ratio(measure)) {
    const off = percent(value, normal);
    if (off === null) return made;
    return { ...made, off: `${Math.abs(off)}\u00a0%`, direction: Math.sign(off) as -1 | 0 | 1 };
  }
  const direction = Math.sign(value - normal) as -1 | 0 | 1;
  return { ...made, off: difference(value, normal, measure, units), direction };
}

/** How far apart two values are, where per cent say nothing. */
function difference(value: number, than: number, measure: Measure, units: Units): string {
  const size = Math.abs(value - than);
  if (measure.unit.startsWith("min:")) return text(size, { ...measure, unit: "min" });
  if (measure.unit === "Cel" || measure.unit === "delta:Cel") {
    return text(size, { ...measure, unit: "delta:Cel" }, units).replace("+", "");
  }
  return show(size, measure, units).text;
}

/** Colour and words stay with data: a text of several lines is its first one here. */
export function firstLine(words: string): string {
  const line = words.split("\n", 1)[0] ?? "";
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
