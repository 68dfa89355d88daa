/** Experiments with oneself, as the API tells them. */

import { get } from "./api";
import type { Kind } from "./live.svelte";

export type Arm = "a" | "b";

export interface Block {
  arm: Arm;
  from: string;
  to: string;
  countedFrom: string;
}

export interface Verdict {
  measure: string;
  word: "early" | "higher" | "lower" | "alike";
  difference?: number;
  low?: number;
  high?: number;
  pairs: number;
  p?: number;
  daysA: number;
  daysB: number;
  meanA?: number;
  meanB?: number;
  to: string;
  final: boolean;
}

export interface Experiment {
  id: string;
  name: string;
  a: string;
  b: string;
  measures: string[];
  from: string;
  to: string;
  pairs: number;
  blockDays: number;
  washoutDays: number;
  seed: number;
  state: "drawing" | "planned" | "running" | "done" | "cancelled";
  blocks: Block[];
  today?: { arm: Arm; begins: boolean; washout: boolean; until: string };
  verdicts: Verdict[];
  looked?: number;
  created: number;
}

export const OF_EXPERIMENTS: readonly Kind[] = ["experiment"];

export const experiments = {
  list: (signal?: AbortSignal) => get<{ experiments: Experiment[] }>("/experiments", {}, signal).then((a) => a.experiments),
  path: (id: string) => `/experiments/${encodeURIComponent(id)}`,
};

/** What today asks, in a sentence. */
export function asks(one: Experiment): string {
  const turn = one.today;
  if (turn === undefined) return "";
  const what = turn.arm === "a" ? one.a : one.b;
  return `${turn.begins ? "From today" : "Today"}: ${what}`;
}

/** A proposal: half a week is too short for habits, two weeks for patience. */
export const FIRST = { pairs: 4, blockDays: 7, washoutDays: 1 };
