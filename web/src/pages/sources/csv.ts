/** The head of a table, and a proposal of what its columns mean. */

import type { Measure } from "../../lib/api";

export const HEAD_BYTES = 128 << 10;
const ROWS_LOOKED = 200;
const DELIMITERS = [",", ";", "\t", "|"] as const;
const EMPTY = new Set(["", "-", "–", "—", "na", "n/a", "nan", "null", "none"]);

/** Cells of a text, of at most so many rows; quotes as RFC 4180 has them. */
export function cells(text: string, delimiter: string, most = ROWS_LOOKED + 1): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length && rows.length < most; i += 1) {
    const c = text[i] as string;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i += 1;
      } else quoted = false;
    } else if (c === '"' && cell === "") quoted = true;
    else if (c === delimiter) {
      row.push(cell);
      cell = "";
    } else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") i += 1;
      row.push(cell);
      if (row.some((x) => x.trim() !== "")) rows.push(row);
      row = [];
      cell = "";
    } else cell += c;
  }
  if (rows.length < most && (cell !== "" || row.length > 0)) {
    row.push(cell);
    if (row.some((x) => x.trim() !== "")) rows.push(row);
  }
  return rows;
}

/** The delimiter under which most rows have as many cells as the first. */
export function delimiterOf(text: string): string {
  let best: [number, number, string] = [0, 0, ","];
  for (const delimiter of DELIMITERS) {
    const rows = cells(text, delimiter);
    const width = rows[0]?.length ?? 0;
    if (width < 2) continue;
    const same = rows.filter((r) => r.length === width).length;
    if (same > best[0] || (same === best[0] && width > best[1])) best = [same, width, delimiter];
  }
  return best[2];
}

export interface DateFormat {
  format: string;
  label: string;
}

/** Dates as tables write them, in the words of strptime; the likelier of two readings first. */
export const DATE_FORMATS: readonly (DateFormat & { like: RegExp; day?: number; month?: number })[] = [
  { format: "%Y-%m-%d", label: "2026-03-31", like: /^\d{4}-\d\d-\d\d$/ },
  { format: "%d.%m.%Y", label: "31.03.2026", like: /^\d{1,2}\.\d{1,2}\.\d{4}$/ },
  { format: "%d/%m/%Y", label: "31/03/2026 (day first)", like: /^\d{1,2}\/\d{1,2}\/\d{4}$/, day: 0, month: 1 },
  { format: "%m/%d/%Y", label: "03/31/2026 (month first)", like: /^\d{1,2}\/\d{1,2}\/\d{4}$/, day: 1, month: 0 },
  { format: "%d-%m-%Y", label: "31-03-2026 (day first)", like: /^\d{1,2}-\d{1,2}-\d{4}$/, day: 0, month: 1 },
  { format: "%m-%d-%Y", label: "03-31-2026 (month first)", like: /^\d{1,2}-\d{1,2}-\d{4}$/, day: 1, month: 0 },
  { format: "%Y/%m/%d", label: "2026/03/31", like: /^\d{4}\/\d\d?\/\d\d?$/ },
  { format: "%Y%m%d", label: "20260331", like: /^\d{8}$/ },
  { format: "%d.%m.%y", label: "31.03.26", like: /^\d{1,2}\.\d{1,2}\.\d{2}$/ },
  { format: "%d/%m/%y", label: "31/03/26 (day first)", like: /^\d{1,2}\/\d{1,2}\/\d{2}$/, day: 0, month: 1 },
  { format: "%m/%d/%y", label: "03/31/26 (month first)", like: /^\d{1,2}\/\d{1,2}\/\d{2}$/, day: 1, month: 0 },
];

const CLOCKS: readonly { format: string; like: RegExp; label: string }[] = [
  { format: "", like: /^$/, label: "" },
  { format: " %H:%M", like: /^ \d{1,2}:\d\d$/, label: " 14:05" },
  { format: " %H:%M:%S", like: /^ \d{1,2}:\d\d:\d\d$/, label: " 14:05:09" },
  { format: "T%H:%M:%S", like: /^T\d\d:\d\d:\d\d$/, label: "T14:05:09" },
  { format: "T%H:%M:%S%z", like: /^T\d\d:\d\d:\d\d(Z|[+-]\d\d:?\d\d)$/, label: "T14:05:09+01:00" },
  { format: "T%H:%M:%S.%f%z", like: /^T\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:?\d\d)$/, label: "T14:05:09.5+01:00" },
  { format: " %H:%M:%S %z", like: /^ \d\d:\d\d:\d\d [+-]\d\d:?\d\d$/, label: " 14:05:09 +0100" },
];

/** The formats that fit nearly all of a column's cells. */
export function dateFormats(column: readonly string[], dayFirst: boolean): DateFormat[] {
  const said = column.map((c) => c.trim()).filter(Boolean);
  if (said.length === 0) return [];
  const found: (DateFormat & { misses: number })[] = [];
  for (const date of DATE_FORMATS) {
    for (const clock of CLOCKS) {
      const fits = said.filter((cell) => {
        const at = /[ T]/.exec(cell)?.index ?? cell.length;
        const [head, tail] = [cell.slice(0, at), cell.slice(at)];
        if (!date.like.test(head) || !clock.like.test(tail)) return false;
        const parts = head.split(/[/-]/).map(Number);
        return date.month === undefined || ((parts[date.month] ?? 0) <= 12 && (parts[date.day ?? 0] ?? 0) <= 31);
      }).length;
      if (fits * 10 >= said.length * 9) {
        found.push({ format: date.format + clock.format, label: date.label + clock.label, misses: said.length - fits });
      }
    }
  }
  const first = (f: DateFormat) => (f.format.startsWith("%m") ? (dayFirst ? 1 : 0) : dayFirst ? 0 : 1);
  return found.sort((a, b) => a.misses - b.misses || first(a) - first(b)).map(({ format, label }) => ({ format, label }));
}

export interface ColumnPlan {
  header: string;
  /** Leave it, keep it as an own measure, or as one of the catalog. */
  as: "leave" | "own" | "measure";
  measure: string;
  unit: string;
  name: string;
}

export interface Plan {
  delimiter: string;
  decimal: "." | ",";
  date: string;
  dateFormat: string;
  time: string;
  timezone: string;
  source: string;
  columns: ColumnPlan[];
}

export interface Table {
  headers: string[];
  rows: string[][];
  formats: DateFormat[];
  plan: Plan;
}

const DATE_NAMES = /^(date|day|datum|tag|fecha|data|timestamp|datetime|date ?time|zeitpunkt|start|when|jour)$/i;
const TIME_NAMES = /^(time|uhrzeit|zeit|hora|heure|ora|tijd)$/i;

/** Whether the server reads this table without questions. */
export function explainsItself(headers: readonly string[], rows: readonly string[][]): boolean {
  return (headers[0] ?? "").trim().toLowerCase() === "date" && rows.every((r) => /^\d{4}-\d\d-\d\d$/.test((r[0] ?? "").trim()));
}

/** Look at the head of a table and propose a mapping; undefined where there is no table. */
export function look(text: string, measures: Iterable<Measure>, zone: string, name: string): Table | undefined {
  const bare = text.replace(/^\ufeff/, "");
  const delimiter = delimiterOf(bare);
  const [head, ...rows] = cells(bare, delimiter);
  if (head === undefined || head.length < 2) return undefined;
  const headers = head.map((h) => h.trim());
  let commas = 0;
  let points = 0;
  for (const row of rows) {
    for (const cell of row) {
      if (/^[+-]?\d+,\d+$/.test(cell.trim())) commas += 1;
      if (/^[+-]?\d+\.\d+$/.test(cell.trim())) points += 1;
    }
  }
  const decimal = commas > points ? "," : ".";
  const column = (i: number) => rows.slice(0, 100).map((r) => r[i] ?? "");
  const order = headers.map((_, i) => i).sort((a, b) => Number(DATE_NAMES.test(headers[b] ?? "")) - Number(DATE_NAMES.test(headers[a] ?? "")) || a - b);
  const at = order.find((i) => headers[i] !== "" && dateFormats(column(i), decimal === ",").length > 0) ?? -1;
  const formats = at < 0 ? [] : dateFormats(column(at), decimal === ",");
  const timed = /%H/.test(formats[0]?.format ?? "");
  const clock = timed
    ? -1
    : headers.findIndex((h, i) => i !== at && TIME_NAMES.test(h) && column(i).filter(Boolean).every((c) => /^\d{1,2}:\d\d(:\d\d)?$/.test(c.trim())));
  const known = byName(measures);
  const taken = new Set<string>();
  const columns = headers.flatMap<ColumnPlan>((header, i) => {
    if (header === "" || i === at || i === clock) return [];
    const { bare: plain, unit } = partUnit(header);
    const found = known.get(folded(plain));
    const filled = column(i).filter((c) => !EMPTY.has(c.trim().toLowerCase()));
    const measure = found !== undefined && !taken.has(found.key) ? found : undefined;
    if (measure !== undefined) taken.add(measure.key);
    return [
      {
        header,
        as: measure !== undefined ? "measure" : filled.length === 0 ? "leave" : "own",
        measure: measure?.key ?? "",
        unit: measure === undefined ? "" : unit,
        name: plain,
      },
    ];
  });
  return {
    headers,
    rows: rows.slice(0, 8),
    formats,
    plan: {
      delimiter,
      decimal,
      date: at < 0 ? "" : (headers[at] ?? ""),
      dateFormat: formats[0]?.format ?? "%Y-%m-%d",
      time: clock < 0 ? "" : (headers[clock] ?? ""),
      timezone: zone,
      source: name.replace(/\.[a-z]{3}$/i, ""),
      columns,
    },
  };
}

function folded(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

function byName(measures: Iterable<Measure>): Map<string, Measure> {
  const known = new Map<string, Measure>();
  for (const m of measures) {
    if (m.own) continue;
    known.set(folded(m.label), m);
    known.set(folded(m.key), m);
  }
  return known;
}

/** "Weight (lb)" is Weight in lb. */
export function partUnit(header: string): { bare: string; unit: string } {
  const found = /^(.+?)\s*[([]\s*([^()[\]]{1,20}?)\s*[)\]]$/.exec(header.trim());
  return found === null ? { bare: header.trim(), unit: "" } : { bare: found[1] as string, unit: found[2] as string };
}

/** The mapping as the API takes it. */
export function mapping(plan: Plan): Record<string, unknown> {
  const columns: Record<string, unknown> = {};
  for (const column of plan.columns) {
    if (column.as === "measure" && column.measure !== "") {
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
    layout: "wide",
    columns,
    ...(plan.source.trim() === "" ? {} : { source: plan.source.trim() }),
  };
}

/** What keeps a plan from being used, in a sentence; "" when nothing does. */
export function missing(plan: Plan): string {
  if (plan.date === "") return "Choose the column that holds the dates.";
  const used = plan.columns.filter((c) => c.as !== "leave");
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
