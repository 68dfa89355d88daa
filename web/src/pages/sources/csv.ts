/** What the columns of a table mean: proposed by the server, settled by the person. */

import { request } from "../../lib/api";

/** As much of a file as the server looks at. */
export const HEAD_BYTES = 64 << 10;

interface Guess {
  filled: number;
  measure?: string;
  unit?: string;
  name?: string;
  zone?: boolean;
}

/** What the server says of the head of a table. */
export interface Preview {
  selfExplanatory: boolean;
  delimiter: string;
  decimal: "." | ",";
  encoding: string;
  date?: string;
  dateFormat: string;
  dateFormats: string[];
  time?: string;
  columns: Record<string, Guess>;
  /** The header and the first rows. */
  rows: string[][];
}

/** Have the server look at the beginning of a file, or at what has been uploaded of it. */
export async function preview(of: File | { uploadId: string }): Promise<Preview> {
  if (!(of instanceof File)) return request<Preview>("POST", "/imports/preview", { query: { uploadId: of.uploadId } });
  return request<Preview>("POST", "/imports/preview", {
    query: { name: of.name, size: of.size },
    body: of.slice(0, HEAD_BYTES),
    headers: { "Content-Type": "application/octet-stream" },
  });
}

export interface ColumnPlan {
  header: string;
  /** Leave it, keep it as an own measure, or as one of the catalog; or it tells the time zone. */
  as: "leave" | "own" | "measure" | "zone";
  measure: string;
  unit: string;
  name: string;
}

export interface Plan {
  delimiter: string;
  decimal: "." | ",";
  encoding: string;
  date: string;
  dateFormat: string;
  time: string;
  timezone: string;
  source: string;
  columns: ColumnPlan[];
}

export function planOf(told: Preview, zone: string, name: string): Plan {
  const taken = new Set<string>();
  const columns = Object.entries(told.columns).map(([header, guess]): ColumnPlan => {
    const measure = guess.measure !== undefined && !taken.has(guess.measure) ? guess.measure : "";
    if (measure !== "") taken.add(measure);
    const as = guess.zone ? "zone" : measure !== "" ? "measure" : guess.filled === 0 ? "leave" : "own";
    return { header, as, measure, unit: measure === "" ? "" : (guess.unit ?? ""), name: guess.name ?? header };
  });
  return {
    delimiter: told.delimiter,
    decimal: told.decimal,
    encoding: told.encoding,
    date: told.date ?? "",
    dateFormat: told.dateFormat,
    time: told.time ?? "",
    timezone: zone,
    source: name.replace(/\.[a-z]{3}$/i, ""),
    columns,
  };
}

const SAMPLE: Record<string, string> = {
  "%Y": "2026",
  "%y": "26",
  "%m": "03",
  "%d": "31",
  "%H": "14",
  "%M": "05",
  "%S": "09",
  "%f": "5",
  "%z": "+01:00",
};

/** A way to write dates, by the example of one: "31/03/2026 (day first)". */
export function dateLabel(format: string): string {
  const example = format.replace(/%[A-Za-z]/g, (part) => SAMPLE[part] ?? part);
  if (/^%d[/-]%m/.test(format)) return `${example} (day first)`;
  return /^%m[/-]%d/.test(format) ? `${example} (month first)` : example;
}

/** The mapping as the API takes it. */
export function mapping(plan: Plan): Record<string, unknown> {
  const columns: Record<string, unknown> = {};
  for (const column of plan.columns) {
    if ([plan.date, plan.time].includes(column.header)) continue;
    if (column.as === "zone") columns[column.header] = { zone: true };
    else if (column.as === "measure" && column.measure !== "") {
      columns[column.header] = { measure: column.measure, ...(column.unit === "" ? {} : { unit: column.unit }) };
    } else if (column.as === "own") columns[column.header] = { name: column.name.trim() || column.header };
  }
  return {
    date: plan.date,
    date_format: plan.dateFormat,
    ...(plan.time === "" ? {} : { time: plan.time }),
    timezone: plan.timezone,
    delimiter: plan.delimiter,
    decimal: plan.decimal,
    encoding: plan.encoding,
    layout: "wide",
    columns,
    ...(plan.source.trim() === "" ? {} : { source: plan.source.trim() }),
  };
}

/** What keeps a plan from being used, in a sentence; "" when nothing does. */
export function missing(plan: Plan): string {
  if (plan.date === "") return "Choose the column that holds the dates.";
  const used = plan.columns.filter((c) => c.as !== "leave" && c.as !== "zone" && ![plan.date, plan.time].includes(c.header));
  if (used.length === 0) return "Choose at least one column to read.";
  const open = used.find((c) => c.as === "measure" && c.measure === "");
  if (open !== undefined) return `Choose a measure for “${open.header}”, or keep it as one of your own.`;
  const seen = new Set<string>();
  for (const column of used) {
    const key = column.as === "measure" ? column.measure : `own ${column.name.trim().toLowerCase()}`;
    if (seen.has(key)) return `Two columns are the same: see “${column.header}”.`;
    seen.add(key);
  }
  return "";
}
