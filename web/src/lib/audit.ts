/** The audit as the API has it, and what assistants asked in plain words. */

import { isDay, moment, plainDay } from "./dates";

export interface Line {
  seq: number;
  time: number;
  access?: string;
  door: string;
  action: string;
  allowed?: boolean;
  n?: number;
  target?: string;
  error?: string;
  address?: string;
}

/** Whose lines have this id. */
export interface Who {
  id: string;
  name: string;
  kind: string;
  api: string;
  clientId?: string;
  ended?: number;
}

export interface Page {
  lines: Line[];
  accesses: Who[];
  next?: number;
}

const TOOLS: Record<string, string> = {
  overview: "What there is",
  days: "Values of days",
  series: "Points",
  events: "What happened",
  findings: "Findings",
  compare: "Two stretches beside each other",
  add_note: "Wrote a note",
};
const REFUSALS: Record<string, string> = {
  "invalid-input": "the question could not be right",
  "unknown-reference": "there is none that it may see",
  "not-found": "there is none that it may see",
  forbidden: "it may not",
  unauthenticated: "its token opens nothing",
  "too-many": "too many questions at once",
};
const CHOICES: Record<string, string> = { by: "by", kind: "of the kind", search: "with the text" };

/** What a line of an assistant's call was for. */
export function tool(line: Line): string {
  const name = line.action.replace(/^tools\./, "");
  return TOOLS[name] ?? name.replaceAll("_", " ");
}

/** Whether a line gives an answer: agreeing on how to speak is none. */
export const asks = (line: Line): boolean => line.action.startsWith("tools.") && line.action !== "tools.list";

/** "Steps, Sleep · 5 Jan 2026 to 11 Jan 2026 · by week". */
export function asked(line: Line, label: (key: string) => string | undefined): string {
  const measures: string[] = [];
  const stretches: string[] = [];
  const choices: string[] = [];
  for (const part of (line.target ?? "").split(",")) {
    const [from = "", to = ""] = part.split("/");
    const choice = /^(by|kind|search):(.+)$/.exec(part);
    if ((isDay(from) || from === "..") && (isDay(to) || to === "..")) stretches.push(stretch(from, to));
    else if (choice?.[1] !== undefined) choices.push(`${CHOICES[choice[1]] ?? choice[1]} ${choice[1] === "search" ? `“${choice[2]}”` : choice[2]}`);
    else if (part !== "" && line.action !== "tools.add_note") measures.push(label(part) ?? part);
  }
  return [measures.join(", "), stretches.join(" and "), ...choices].filter((text) => text !== "").join(" · ");
}

function stretch(from: string, to: string): string {
  if (from === "..") return `up to ${plainDay(to)}`;
  if (to === "..") return `from ${plainDay(from)} on`;
  return from === to ? plainDay(from) : `${plainDay(from)} to ${plainDay(to)}`;
}

/** "30 values", "refused: it may not". */
export function given(line: Line): string {
  if (!line.allowed) return `refused: ${REFUSALS[line.error ?? ""] ?? line.error ?? "an error"}`;
  const n = line.n ?? 0;
  if (n === 0) return "nothing";
  return `${n.toLocaleString("en-GB")} ${n === 1 ? "datum" : "data"}`;
}

/** What checking the whole chain said. */
export interface Checked {
  intact?: boolean;
  lines?: number;
  hash: string;
  since?: number;
  proven?: boolean;
  broken?: number;
  pruned?: number;
}

/** What that means, in words; not even a chain that holds is good where its beginning is gone. */
export function verdict(checked: Checked, zone: string): { good: boolean; title: string; text: string } {
  const count = (n: number | undefined): string => (n ?? 0).toLocaleString("en-GB");
  if (!checked.intact)
    return {
      good: false,
      title: `Line ${count(checked.broken)} is not as it was written.`,
      text: "Somebody changed the log behind the server’s back. The hash now:",
    };
  if (checked.proven === false)
    return {
      good: false,
      title: "Its beginning is gone.",
      text: `The lines before ${count(checked.since)} were taken away, and not by this server: no signature of its own says what they were. The hash now:`,
    };
  const held =
    checked.pruned === undefined
      ? `All ${count(checked.lines)} lines are as they were written.`
      : `Lines ${count(checked.since)} to ${count(checked.lines)} are as they were written. Those before them this server let go, last on ${moment(checked.pruned, zone)}, and signed what they were.`;
  return { good: true, title: "Nobody has changed it.", text: `${held} Keep this number and hash to check later that none was cut off:` };
}
