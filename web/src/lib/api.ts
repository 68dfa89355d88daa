/** The public native API, as this app uses it: shapes and calls. */

import type { Token, TokenMade } from "./access";
import { Problem, problemOf } from "./errors";

const ROOT = "/api/v1";

export interface Session {
  username: string;
  id: string;
  name: string;
  kind: string;
  api: string;
  expires?: number;
}

export interface Account {
  username: string;
  timezone?: string;
  email?: string;
  admin?: boolean;
  settings?: Record<string, unknown>;
  created?: number;
}

export interface ZoneChange {
  from: number;
  timezone: string;
  batch?: number;
}

export interface Zones {
  home: string;
  zones: ZoneChange[];
}

export interface Measure {
  key: string;
  label: string;
  group: string;
  unit: string;
  shape: "event" | "series" | "session" | "day";
  daily: string;
  value: "integer" | "number" | "text" | "boolean" | "object";
  stream: string;
  type: string;
  own?: boolean;
  low?: number;
  high?: number;
}

export type Value = number | string | null;

/** Columns: `values[measure][i]` is of the day `days[i]`. */
export interface Days {
  days: string[];
  values: Record<string, Value[]>;
  sources: Record<string, (string | null)[]>;
  lineage?: Record<string, (Record<string, unknown> | null)[]>;
}

export interface Extent {
  from: string;
  to: string;
}

type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

export function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) params.set(name, value.join(","));
    else params.set(name, String(value));
  }
  const text = params.toString();
  return ROOT + path + (text === "" ? "" : `?${text}`);
}

interface Options {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/**
 * Ask the server.
 *
 * @throws Problem: its answer, or that there was none.
 */
export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const init: RequestInit = { method, headers: { Accept: "application/json", ...options.headers } };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) {
    const raw = options.body instanceof Blob || options.body instanceof FormData;
    if (!raw) (init.headers as Record<string, string>)["Content-Type"] = "application/json";
    init.body = raw ? (options.body as Blob | FormData) : JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(address(path, options.query), init);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0);
  }
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return request<T>("GET", path, { query, signal });
}

const segment = encodeURIComponent;

export const api = {
  session: (signal?: AbortSignal) => get<Session>("/session", {}, signal),
  signOut: () => request<unknown>("DELETE", "/session"),
  account: (signal?: AbortSignal) => get<Account>("/account", {}, signal),
  updateAccount: (body: Record<string, unknown>) => request<Account>("PATCH", "/account", { body }),
  zones: (signal?: AbortSignal) => get<Zones>("/account/zones", {}, signal),
  setZones: (zones: { from: number; timezone: string }[]) =>
    request<Zones>("PUT", "/account/zones", { body: { zones } }),
  measures: (signal?: AbortSignal) =>
    get<{ measures: Measure[] }>("/measures", {}, signal).then((answer) => answer.measures),
  days: (
    query: { from?: string; to?: string; measures?: readonly string[]; lineage?: boolean },
    signal?: AbortSignal,
  ) => get<Days>("/days", query, signal),
  extent: (signal?: AbortSignal) =>
    get<{ measures: Record<string, Extent> }>("/days/extent", {}, signal).then((a) => a.measures),
  tokens: (signal?: AbortSignal) =>
    get<{ tokens: Token[] }>("/tokens", {}, signal).then((answer) => answer.tokens),
  createToken: (body: Record<string, unknown>) => request<TokenMade>("POST", "/tokens", { body }),
  revokeToken: (id: string) => request<unknown>("DELETE", `/tokens/${segment(id)}`),
  dayPath: (measure: string, date: string) => `/days/${segment(measure)}/${segment(date)}`,
};
