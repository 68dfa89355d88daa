/** What the analyses found, as the API tells it. */

import { get, request } from "./api";
import type { Kind } from "./live.svelte";

export type Opinion = "useful" | "obvious" | "not";

export interface Link {
  id: string;
  a: string;
  b: string;
  /** Days by which `b` follows `a`. */
  lag: number;
  sign: -1 | 0 | 1;
  shape: "line" | "valley" | "hill";
  sentence: string;
  r: number;
  n: number;
  effective: number;
  p: number;
  q: number;
  course: string;
  lagSure: boolean;
  through?: string;
  folded?: [string, string][];
  from: string;
  to: string;
  feedback?: Opinion;
}

export interface Insight {
  name: string;
  measure: string;
  period: number;
  date: string;
  targetDate?: string;
  text: string;
  surprise: number;
  shown: boolean;
}

export interface Trend {
  measure: string;
  perDay: number;
  low: number;
  high: number;
  change: number;
  n: number;
  q: number;
  from: string;
  to: string;
}

export interface Change {
  measure: string;
  date: string;
  kind: "level" | "course";
  before: number;
  after: number;
  q: number;
}

export interface Anomaly {
  measure: string;
  kind: "typo" | "glitch" | "day" | "stretch";
  from: string;
  to: string;
  value: number;
  usual: number;
  instead?: number;
  z: number;
  excluded: boolean;
}

export interface PastAverage {
  measure: string;
  date: string;
  n: number;
  overall: number;
  weekdays: (number | null)[];
}

export interface Average extends PastAverage {
  steady: { value: number; low: number; high: number }[];
  around: { value: number; low: number; high: number };
}

export interface Goal {
  measure: string;
  date: string;
  goal?: number;
  end?: number;
  value?: number;
  share?: number;
  reached?: boolean;
  streak: number;
  best: number;
  bestDate?: string;
}

export interface Run {
  created: number;
  from: string;
  to: string;
  measures: number;
  found: Record<string, number>;
}

export interface Work {
  id: string;
  state: "waiting" | "running" | "done" | "failed";
  error?: string;
}

export const OF_FINDINGS: readonly Kind[] = ["finding", "account"];
/** The lags of every run, and the most that may be asked for. */
export const LAGS = 2;
export const LAGS_MAX = 7;

const part = encodeURIComponent;

export const findings = {
  links: (lags: number, signal?: AbortSignal) => get<{ links: Link[]; looked: boolean }>("/links", lags > LAGS ? { lags } : {}, signal),
  say: (id: string) => `/links/${part(id)}/feedback`,
  insights: (signal?: AbortSignal) => get<{ insights: Insight[] }>("/insights", {}, signal).then((a) => a.insights),
  trends: (signal?: AbortSignal) => get<{ trends: Trend[]; changes: Change[] }>("/trends", {}, signal),
  anomalies: (signal?: AbortSignal) => get<{ anomalies: Anomaly[] }>("/anomalies", {}, signal).then((a) => a.anomalies),
  averages: (measures: readonly string[], signal?: AbortSignal) =>
    get<{ averages: Average[] }>("/averages", { measures }, signal).then((a) => a.averages),
  past: (measures: readonly string[], signal?: AbortSignal) =>
    get<{ averages: PastAverage[] }>("/averages/history", { measures }, signal).then((a) => a.averages),
  goals: (measures: readonly string[], signal?: AbortSignal) =>
    get<{ goals: Goal[] }>("/goals", measures.length === 0 ? {} : { measures }, signal).then((a) => a.goals),
  goalPath: (measure: string) => `/goals/${part(measure)}`,
  runs: (signal?: AbortSignal) => get<{ analyses: Run[] }>("/analyses", {}, signal).then((a) => a.analyses),
  analyse: (lags: number) => request<Work>("POST", "/analyses", { query: lags > LAGS ? { lags } : {} }),
  work: (id: string) => get<Work>(`/analyses/${part(id)}`),
};

/** How strong a link is, in a word; r is what ranks say after season, weekday and trend. */
export function strength(r: number): string {
  const size = Math.abs(r);
  return size >= 0.6 ? "strong" : size >= 0.35 ? "clear" : size >= 0.2 ? "weak" : "faint";
}

/** "+.41", as tables of correlations have it. */
export function signed(r: number): string {
  const text = Math.abs(r).toFixed(2).replace(/^0/, "");
  return `${r < 0 ? "−" : "+"}${text}`;
}

/** "q 0.003", never a false 0. */
export function rate(q: number): string {
  if (q < 0.001) return "q < 0.001";
  return `q ${q.toFixed(q < 0.01 ? 3 : 2)}`;
}

export const COURSE: Record<string, string> = {
  steady: "steady over the whole time",
  new: "new: only in the newer half",
  faded: "used to be true: only in the older half",
  unsteady: "unsteady: the halves differ",
};

/** Measures in an order that brings alike ones together: each next is the one most like the last. */
export function clustered(keys: readonly string[], like: (a: string, b: string) => number): string[] {
  const left = new Set(keys);
  const made: string[] = [];
  const weight = (key: string) => keys.reduce((sum, other) => sum + (other === key ? 0 : Math.abs(like(key, other))), 0);
  let next = [...keys].sort((a, b) => weight(b) - weight(a))[0];
  while (next !== undefined) {
    made.push(next);
    left.delete(next);
    const last = next;
    next = [...left].sort((a, b) => Math.abs(like(last, b)) - Math.abs(like(last, a)) || weight(b) - weight(a))[0];
  }
  return made;
}
