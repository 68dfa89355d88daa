/** Events and day values in the words of a person. */

import type { Measure } from "../../lib/api";
import { duration, type Units, text } from "../../lib/units";
import type { Event } from "./data";

const NAMED = ["title", "name", "track", "activity", "summary", "subject", "text", "message", "url", "type"];

/** What an event is: "Sleep", "Running", the title of a track. */
export function titleOf(event: Event, measure: Measure | undefined): string {
  const named = nameIn(event.content);
  if (named !== "" && measure?.value !== "text") return capital(named);
  if (measure !== undefined) return measure.label;
  if (event.type === "activity/plain" && event.tags.length > 0) return event.tags.map((tag) => `#${tag}`).join(" ");
  return capital((event.type.split("/")[0] ?? event.type).replace(/-/g, " "));
}

function nameIn(content: unknown): string {
  if (typeof content !== "object" || content === null) return "";
  const map = content as Record<string, unknown>;
  for (const key of NAMED) {
    const found = map[key];
    if (typeof found === "string" && found.trim() !== "") return found.trim().replace(/_/g, " ");
  }
  return "";
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What an event says: its value with unit, its words, its place. */
export function valueOf(event: Event, measure: Measure | undefined, units: Units): string {
  const parts: string[] = [];
  const long = typeof event.duration === "number" && event.duration > 0;
  if (event.duration === null) parts.push("still running");
  const session = measure === undefined ? long : measure.shape === "session";
  if (session && long) parts.push(duration((event.duration as number) / 60));
  if (typeof event.value === "number" && measure !== undefined && ["integer", "number", "boolean"].includes(measure.value)) {
    if (!session) parts.push(text(event.value, measure, units));
  } else if (typeof event.content === "string") {
    parts.push(event.content);
  } else if (typeof event.content === "number" || typeof event.content === "boolean") {
    if (!session) parts.push(String(event.content));
  } else if (typeof event.content === "object" && event.content !== null) {
    parts.push(...ofMap(event.content as Record<string, unknown>, units));
  }
  if (event.description) parts.push(event.description);
  return parts.join(" · ");
}

const METRES: Measure = {
  key: "distance", label: "Distance", group: "", unit: "m", shape: "event", daily: "sum", value: "number", stream: "", type: "",
};
const RATE: Measure = { ...METRES, key: "heart_rate", unit: "/min" };

function ofMap(map: Record<string, unknown>, units: Units): string[] {
  const parts: string[] = [];
  for (const key of ["artist", "album", "address", "place", "author"]) {
    if (typeof map[key] === "string") parts.push(map[key]);
  }
  if (typeof map["distance"] === "number") parts.push(text(map["distance"], METRES, units));
  if (typeof map["heart_rate"] === "number") parts.push(`${text(Math.round(map["heart_rate"]), RATE, units)} on average`);
  if (typeof map["systolic"] === "number" && typeof map["diastolic"] === "number") {
    parts.push(`${map["systolic"]}/${map["diastolic"]} mmHg`);
  }
  if (typeof map["latitude"] === "number" && typeof map["longitude"] === "number" && nameIn(map) === "") {
    parts.push(`${map["latitude"].toFixed(4)}, ${map["longitude"].toFixed(4)}`);
  }
  return parts;
}

/** Why what a source said of a day does not count. */
const REASONS: Record<string, (winner: string) => string> = {
  person: () => "your own entry counts before all else",
  owner: () => "the entry of the service that keeps this measure counts",
  equal: (w) => `${w} is of the same kind and comes first; the two are never added`,
  better: (w) => `${w} measures this better`,
  covered: (w) => `${w} already covers the same time`,
  same: () => "the same data came another way",
  finer: (w) => `finer data (${w}) cover the day`,
  smaller: () => "it covers less of the day than what counts",
  overlap: () => "another session covers more than half of the same time",
  in_bed: () => "time in bed alone is not sleep",
  range: () => "it lies outside of what this measure can be",
};

export function reason(code: string, winner: string | null): string {
  return REASONS[code]?.(winner ?? "another source") ?? code;
}

export interface Lineage {
  by: "person" | "owner" | "total" | "data" | null;
  n: number;
  parts: [string, number | string, number][];
  rejected: [string, number | string | null, string, number][];
  rows: string[];
}

/** How a value came to be, in one sentence. */
export function because(lineage: Lineage, source: string | null, measure: Measure): string {
  const who = source ?? "nobody";
  switch (lineage.by) {
    case "person":
      return "You said so yourself, and your own word counts before what any source says.";
    case "owner":
      return `${who} keeps this measure, so its value for the day counts.`;
    case "total":
      return `${who} gave one total for the whole day.`;
    case "data": {
      const n = lineage.n === 1 ? "one datum" : `${lineage.n.toLocaleString("en-GB")} data`;
      const how = HOW[measure.daily] ?? "made from";
      if (lineage.parts.length > 1) {
        const each = lineage.parts.map(([name]) => name);
        return `${capital(how)} ${n} of ${each.slice(0, -1).join(", ")} and ${each.at(-1)}; where they cover the same time, only one of them counts.`;
      }
      return `${capital(how)} ${n} of ${who}.`;
    }
    default:
      return "Nothing that was said of this day counts.";
  }
}

const HOW: Record<string, string> = {
  sum: "added up from",
  mean: "the mean over time of",
  last: "the last of",
  max: "the highest of",
  min: "the lowest of",
  count: "counted from",
  duration: "the time covered by",
  join: "put together from",
  any: "told by",
  sleep_start: "when the night began, by",
  sleep_end: "when the night ended, by",
};
