/** What one may add, found by what was typed. */

import type { Measure } from "../../lib/api";

export type Choice =
  | { what: "measure"; measure: Measure }
  | { what: "note" | "photo" }
  | { what: "make"; label: string };

export function label(choice: Choice): string {
  switch (choice.what) {
    case "measure":
      return choice.measure.label;
    case "note":
      return "Note";
    case "photo":
      return "Photo";
    default:
      return `Make “${choice.label}” a measure of your own`;
  }
}

/** What stands first before anything is typed. */
const FIRST = ["mood", "weight", "water", "coffees", "energy_level", "stress_level"];

/** Made of others, or of what no hand types. */
export function addable(measure: Measure): boolean {
  if (measure.key === "note" || measure.key === "photo") return false;
  return measure.value !== "object" || measure.daily === "count";
}

export function choices(typed: string, measures: Iterable<Measure>, recent: readonly string[], most = 9): Choice[] {
  const all = [...measures].filter(addable);
  const asked = typed.trim().toLowerCase();
  if (asked === "") {
    const order = [...recent, ...FIRST];
    const first = [...new Set(order)].flatMap((key) => all.find((m) => m.key === key) ?? []);
    const own = all.filter((m) => m.own && !first.includes(m));
    return [
      { what: "note" } as const,
      { what: "photo" } as const,
      ...[...first, ...own].map((measure) => ({ what: "measure", measure }) as const),
    ].slice(0, most);
  }
  const rank = (name: string) => {
    const at = name.toLowerCase().indexOf(asked);
    return at < 0 ? -1 : at === 0 ? 0 : name[at - 1] === " " ? 1 : 2;
  };
  const found: { choice: Choice; rank: number; name: string }[] = [];
  for (const choice of [{ what: "note" }, { what: "photo" }] as const) {
    const at = rank(label(choice));
    if (at >= 0) found.push({ choice, rank: at, name: label(choice) });
  }
  for (const measure of all) {
    const by = [rank(measure.label), rank(measure.key.replaceAll("_", " "))].filter((r) => r >= 0);
    if (by.length > 0) found.push({ choice: { what: "measure", measure }, rank: Math.min(...by), name: measure.label });
  }
  found.sort((a, b) => a.rank - b.rank || a.name.length - b.name.length || (a.name < b.name ? -1 : 1));
  const exact = found.some((f) => f.name.toLowerCase() === asked);
  const made: Choice[] = exact ? [] : [{ what: "make", label: typed.trim() }];
  return [...found.slice(0, most - made.length).map((f) => f.choice), ...made];
}
