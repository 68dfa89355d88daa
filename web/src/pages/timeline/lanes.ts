/** Which lane an event belongs to, and where its mark stands there. */

import type { Measure } from "../../lib/api";
import type { Event } from "./data";

export type LaneKey =
  | "sleep"
  | "activity"
  | "places"
  | "media"
  | "posts"
  | "photos"
  | "notes"
  | "tags"
  | "calendar"
  | "work"
  | "measured";

export const LANES: readonly { key: LaneKey; label: string; colour: string }[] = [
  { key: "sleep", label: "Sleep", colour: "var(--c5)" },
  { key: "activity", label: "Activity", colour: "var(--c3)" },
  { key: "places", label: "Places", colour: "var(--c6)" },
  { key: "calendar", label: "Calendar", colour: "var(--c2)" },
  { key: "work", label: "Work", colour: "var(--c1)" },
  { key: "media", label: "Media", colour: "var(--c4)" },
  { key: "posts", label: "Posts", colour: "var(--c1)" },
  { key: "photos", label: "Photos", colour: "var(--c2)" },
  { key: "tags", label: "Tags", colour: "var(--c3)" },
  { key: "notes", label: "Notes", colour: "var(--c5)" },
  { key: "measured", label: "Measured", colour: "var(--c4)" },
];

const BY_GROUP: Record<string, LaneKey> = {
  sleep: "sleep",
  workouts: "activity",
  activity: "activity",
  location: "places",
  media: "media",
  social: "posts",
  events: "calendar",
  productivity: "work",
  notes: "notes",
};

const BY_CLASS: Record<string, LaneKey> = {
  sleep: "sleep",
  activity: "activity",
  position: "places",
  location: "places",
  picture: "photos",
  message: "posts",
  note: "notes",
  music: "media",
  audio: "media",
  video: "media",
};

export function laneOf(event: Event, measure: Measure | undefined): LaneKey {
  if (event.attachments?.some((file) => file.type.startsWith("image/"))) return "photos";
  if (measure !== undefined) {
    if (measure.key === "photo") return "photos";
    if (measure.key === "tags" || measure.value === "boolean") return "tags";
    // A workout has a length; a count of floors or a fitness estimate is a measurement.
    if (measure.group === "activity" && measure.shape !== "session") return "measured";
    if (measure.value === "text" && !(measure.group in BY_GROUP)) return "notes";
    return BY_GROUP[measure.group] ?? "measured";
  }
  const lane = BY_CLASS[event.type.split("/")[0] ?? ""];
  if (lane !== undefined && !(event.type === "activity/plain" && event.tags.length > 0)) return lane;
  return event.tags.length > 0 ? "tags" : "measured";
}

export interface Item {
  from: number;
  to: number;
}

/** A bar or a dot; `items` are the places of what it stands for. */
export interface Mark {
  x: number;
  width: number;
  row: number;
  items: number[];
}

interface Options {
  from: number;
  to: number;
  across: number;
  least?: number;
  rowsMax?: number;
}

/**
 * Pack items (sorted by their beginning) into rows without overlap.
 *
 * What is too small to be told apart becomes one mark, and what finds no row joins the last one,
 * so a lane never has more marks than it has room.
 */
export function pack(items: readonly Item[], { from, to, across, least = 6, rowsMax = 3 }: Options): Mark[] {
  const scale = across / (to - from);
  const marks: Mark[] = [];
  const ends: number[] = [];
  const latest: (Mark | undefined)[] = [];
  items.forEach((item, i) => {
    if (item.to < from || item.from >= to) return;
    const x = Math.max(0, (item.from - from) * scale);
    const right = Math.min(across, (item.to - from) * scale);
    const width = Math.max(least, right - x);
    const small = right - x < least;
    let row = ends.findIndex((end) => end <= x);
    if (row === -1 && ends.length < rowsMax) row = ends.length;
    const near = small || row === -1 ? latest[row === -1 ? rowsMax - 1 : 0] : undefined;
    if (near !== undefined && (row === -1 || (near.width < least * 2 && x < near.x + near.width))) {
      near.items.push(i);
      if (row === -1) {
        near.width = Math.max(near.width, right - near.x);
        ends[rowsMax - 1] = near.x + near.width + 1;
      }
      return;
    }
    if (row === -1) return;
    const mark = { x: Math.min(x, across - least), width, row, items: [i] };
    marks.push(mark);
    latest[row] = mark;
    ends[row] = x + width + 1;
  });
  return marks;
}

/** More items than this per pixel cannot be told apart: they are drawn as how many there are. */
const DENSE = 1 / 12;

export function dense(count: number, across: number): boolean {
  return count > across * DENSE;
}

/** Count items (sorted by their beginning) in cells of equal width: one mark for each with any. */
export function density(items: readonly Item[], { from, to, across }: Options, cell = 8): Mark[] {
  const n = Math.max(1, Math.floor(across / cell));
  const width = across / n;
  const cells: number[][] = Array.from({ length: n }, () => []);
  items.forEach((item, i) => {
    if (item.to < from || item.from >= to) return;
    const at = Math.floor(((Math.max(item.from, from) - from) / (to - from)) * n);
    cells[Math.min(at, n - 1)]?.push(i);
  });
  return cells.flatMap((held, i) => (held.length === 0 ? [] : [{ x: i * width, width: width - 1, row: 0, items: held }]));
}
