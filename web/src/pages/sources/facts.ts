/** Which sources said what: put together from series and from how day values came to be. */

import type { Days } from "../../lib/api";
import type { Listed } from "../timeline/data";
import type { Lineage } from "../timeline/words";

export interface Fact {
  measure: string;
  /** Points of a series; absent for events and day values. */
  n?: number;
  first?: number;
  last?: number;
}

export interface SourceFacts {
  name: string;
  facts: Fact[];
  first?: number;
  last?: number;
}

/** Sources with their measures, the latest first; those known from days only come last. */
export function gather(series: readonly Listed[], days: Days | undefined): SourceFacts[] {
  const found = new Map<string, Map<string, Fact>>();
  const of = (source: string) => {
    let facts = found.get(source);
    if (facts === undefined) found.set(source, (facts = new Map()));
    return facts;
  };
  for (const one of series) {
    of(one.source).set(one.measure, { measure: one.measure, n: one.n, first: one.from, last: one.to });
  }
  for (const [measure, sources] of Object.entries(said(days))) {
    for (const source of sources) {
      const facts = of(source);
      if (!facts.has(measure)) facts.set(measure, { measure });
    }
  }
  return [...found]
    .map(([name, facts]) => {
      const all = [...facts.values()].sort((a, b) => (b.n ?? 0) - (a.n ?? 0) || (a.measure < b.measure ? -1 : 1));
      const firsts = all.flatMap((f) => f.first ?? []);
      const lasts = all.flatMap((f) => f.last ?? []);
      const made: SourceFacts = { name, facts: all };
      if (firsts.length > 0) made.first = Math.min(...firsts);
      if (lasts.length > 0) made.last = Math.max(...lasts);
      return made;
    })
    .sort((a, b) => (b.last ?? 0) - (a.last ?? 0) || (a.name < b.name ? -1 : 1));
}

/** Sources that had a word on each measure, whether it counted or not. */
export function said(days: Days | undefined): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [measure, cells] of Object.entries(days?.lineage ?? {})) {
    const names = new Set<string>();
    for (const cell of cells as (Lineage | null)[]) {
      for (const [name] of cell?.parts ?? []) names.add(name);
      for (const [name] of cell?.rejected ?? []) names.add(name);
    }
    names.delete("manual"); // the person's own word needs no place: it is always first
    if (names.size > 0) found[measure] = [...names];
  }
  return found;
}

/** Measures of which more than one source speaks, with those sources. */
export function contested(sources: readonly SourceFacts[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const source of sources) {
    for (const fact of source.facts) found.set(fact.measure, [...(found.get(fact.measure) ?? []), source.name]);
  }
  return new Map([...found].filter(([, names]) => names.length > 1));
}

/** The order in force: what the person wished first, then the others as they come. */
export function ordered(names: readonly string[], wished: readonly string[]): string[] {
  return [...wished.filter((name) => names.includes(name)), ...names.filter((name) => !wished.includes(name))];
}

/** A list with one of its items a place up (-1) or down (1). */
export function moved<T>(list: readonly T[], at: number, by: -1 | 1): T[] {
  const to = at + by;
  if (to < 0 || to >= list.length) return [...list];
  const changed = [...list];
  [changed[at], changed[to]] = [changed[to] as T, changed[at] as T];
  return changed;
}
