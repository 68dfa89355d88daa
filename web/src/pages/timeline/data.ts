/** What the timeline reads of the API. */

import { get } from "../../lib/api";

export interface Attachment {
  id: string;
  fileName: string;
  type: string;
  size: number;
}

export interface Event {
  id: string;
  streamIds: string[];
  streamId: string;
  time: number;
  type: string;
  tags: string[];
  created: number;
  createdBy: string;
  modified: number;
  modifiedBy: string;
  seq: number;
  localDate: string;
  offset: number;
  source: string;
  /** Absent for an instant, null while it runs. */
  duration?: number | null;
  content?: unknown;
  description?: string;
  clientData?: Record<string, unknown>;
  trashed?: boolean;
  timezone?: string;
  measure?: string;
  value?: number;
  sourceId?: string;
  batch?: number;
  attachments?: Attachment[];
}

export interface Page {
  events: Event[];
  next?: string;
}

export interface Listed {
  measure: string;
  source: string;
  unit: string;
  n: number;
  from: number;
  to: number;
}

export interface Buckets {
  source: string;
  t: number[];
  end: number;
  n: number[];
  min: (number | null)[];
  max: (number | null)[];
  mean: (number | null)[];
}

export interface Points {
  source: string;
  t: number[];
  v: number[];
  e?: number[];
  o?: (number | null)[];
}

export const EVENTS_MAX = 10_000;

const part = encodeURIComponent;

export const timeline = {
  events: (from: number, to: number, state: "default" | "trashed", cursor?: string, signal?: AbortSignal) =>
    get<Page>("/events", { from, to, state, sort: "ascending", limit: EVENTS_MAX, cursor }, signal),
  event: (id: string, signal?: AbortSignal) => get<Event>(`/events/${part(id)}`, {}, signal),
  series: (signal?: AbortSignal) => get<{ series: Listed[] }>("/series", {}, signal).then((a) => a.series),
  buckets: (measure: string, from: number, to: number, width: number, signal?: AbortSignal) =>
    get<{ series: Buckets[] }>(`/series/${part(measure)}`, { from, to, width }, signal).then((a) => a.series),
  points: (measure: string, from: number, to: number, signal?: AbortSignal) =>
    get<{ series: Points[] }>(`/series/${part(measure)}`, { from, to }, signal).then((a) => a.series),
  filePath: (event: string, file: string) => `/api/v1/events/${part(event)}/files/${part(file)}`,
};

/** When an event ends: now while it runs. */
export function endOf(event: Event, now: number): number {
  return event.duration === null ? Math.max(now, event.time) : event.time + (event.duration ?? 0);
}

/** Pixels and sums of a bucketed series: what of a bucket's points lies in it. */
export function sums(of: Buckets): (number | null)[] {
  return of.mean.map((mean, i) => (mean === null ? null : mean * (of.n[i] as number)));
}

/** Where a time lies among buckets: the place of the one that holds it, else -1. */
export function bucketAt(of: Buckets, at: number): number {
  if (at < (of.t[0] ?? Infinity) || at >= of.end) return -1;
  let low = 0;
  let high = of.t.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((of.t[middle] as number) <= at) low = middle;
    else high = middle;
  }
  return low;
}
