/** Who may see what, in plain words. */

import { plainDay } from "./dates";

export interface Permission {
  level: string;
  stream: string;
  measures?: string[];
  tags?: string[];
  from?: number;
  to?: number;
  rights?: string[];
  daysOnly?: boolean;
  place?: "exact" | "near" | "area" | "none";
  delay?: number;
}

export interface Token {
  id: string;
  name: string;
  kind: "app" | "shared" | "personal" | "public";
  api: string;
  permissions: Permission[];
  created: number;
  calls: number;
  device?: string;
  clientId?: string;
  expires?: number;
  used?: number;
  createdBy?: string;
  scopes?: string[];
}

export type TokenMade = Token & { token: string };

export interface Stream {
  id: string;
  name: string;
  parentId?: string;
}

export const LEVELS = [
  { level: "read", label: "See" },
  { level: "contribute", label: "See, add and change" },
  { level: "create-only", label: "Add, without seeing" },
] as const;

export const PLACES = [
  { place: "exact", label: "Exact" },
  { place: "near", label: "To about 1 km" },
  { place: "area", label: "To about 10 km" },
  { place: "none", label: "None" },
] as const;

const DOES: Record<string, string> = {
  read: "See",
  contribute: "See, add and change",
  manage: "See, add, change and arrange",
  "create-only": "Add to, without seeing,",
  none: "Never see",
};
const PLACE_WORDS: Record<string, string> = { near: "places to about 1 km", area: "places to about 10 km", none: "no places" };

const dateOf = (at: number): string => plainDay(new Date(at * 1000).toISOString().slice(0, 10));

/** "See Body, only one value a day". */
export function words(of: Permission, stream: (id: string) => string, measure: (key: string) => string): string {
  const node = stream(of.stream);
  let what = of.stream === "*" ? "everything" : `“${node}”`;
  if (of.measures !== undefined) what = of.measures.map(measure).join(", ") + (of.stream === "*" ? "" : ` in ${what}`);
  if (of.tags !== undefined) what += ` tagged ${of.tags.join(", ")}`;
  const parts = [`${doing(of)} ${what}`];
  if (of.from !== undefined) parts.push(`from ${dateOf(of.from)}`);
  if (of.to !== undefined) parts.push(`up to ${dateOf(of.to)}`);
  if (of.level !== "none") parts.push(...detail(of));
  return parts.join(", ");
}

function doing(of: Permission): string {
  if (of.rights === undefined) return DOES[of.level] ?? of.level;
  const names: Record<string, string> = { read: "see", create: "add to", update: "change", delete: "delete from" };
  const told = new Intl.ListFormat("en-GB").format(of.rights.map((right) => names[right] ?? right));
  return told.charAt(0).toUpperCase() + told.slice(1);
}

/** What is held back: "only one value a day", "1 day later". */
export function detail(of: Permission): string[] {
  const found: string[] = [];
  if (of.daysOnly) found.push("only one value a day");
  const place = PLACE_WORDS[of.place ?? "exact"];
  if (place !== undefined) found.push(place);
  if (of.delay) found.push(`${of.delay} day${of.delay === 1 ? "" : "s"} later`);
  return found;
}

const READS = new Set(["read", "contribute", "manage"]);

/**
 * Permissions that show less: `daysOnly`, `place` and `delay` put in place of what reading ones have.
 *
 * What may be written stays; where it was part of the same permission it is told by itself.
 */
export function reduced(all: readonly Permission[], to: Pick<Permission, "daysOnly" | "place" | "delay">): Permission[] {
  const less = Boolean(to.daysOnly) || (to.place ?? "exact") !== "exact" || Boolean(to.delay);
  return all.flatMap((one) => {
    const { daysOnly: _d, place: _p, delay: _l, ...plain } = one;
    const reads = READS.has(one.level) && (one.rights === undefined || one.rights.includes("read"));
    if (!reads) return [one];
    if (!less) return [plain];
    const seen: Permission = { ...plain, level: "read", ...to };
    delete seen.rights;
    if (one.level === "read") return [seen];
    const rights = (one.rights ?? ["create", "update", "delete"]).filter((right) => right !== "read");
    return rights.length === 0 ? [seen] : [seen, { ...plain, level: "contribute", rights }];
  });
}

/** What of the detail is held back by all that is read. */
export function held(all: readonly Permission[]): { daysOnly: boolean; place: NonNullable<Permission["place"]>; delay: number } {
  const reading = all.filter((one) => READS.has(one.level) && (one.rights === undefined || one.rights.includes("read")));
  const first = reading[0];
  return { daysOnly: first?.daysOnly ?? false, place: first?.place ?? "exact", delay: first?.delay ?? 0 };
}

/** The tree as a list for a select: names with their depth. */
export function flat(streams: readonly Stream[]): { id: string; label: string }[] {
  const depth = new Map<string, number>();
  return streams.map((one) => {
    const at = one.parentId === undefined ? 0 : (depth.get(one.parentId) ?? 0) + 1;
    depth.set(one.id, at);
    return { id: one.id, label: "\u2003".repeat(at) + one.name };
  });
}

const DAY_S = 86_400;

export const LASTS = [
  { days: 1, label: "One day" },
  { days: 7, label: "A week" },
  { days: 30, label: "30 days" },
  { days: 365, label: "A year" },
  { days: 0, label: "Until it is taken back" },
] as const;

/** The end of what lasts some days from now; null for none. */
export const ends = (days: number): number | null => (days === 0 ? null : Math.round(Date.now() / 1000) + days * DAY_S);
