/** Imports in words: the phase, how far, how long yet, what came of it. */

export interface Import {
  id: number;
  name: string;
  state: "waiting" | "running" | "done" | "failed" | "undoing" | "undone";
  dryRun?: boolean;
  created: number;
  progress: Partial<Progress>;
  result: Partial<Result>;
  source?: string;
  error?: string;
  uploadId?: string;
  finished?: number;
}

export interface Progress {
  phase: string;
  done: number;
  total: number;
  file: string;
  read: number;
  new: number;
  same: number;
  changed: number;
  set_aside: number;
  measures: Record<string, number>;
  first: string | null;
  last: string | null;
}

export interface Result {
  read: number;
  new: number;
  same: number;
  changed: number;
  set_aside: number;
  kinds: Record<string, number>;
  unknown: string[];
  unmapped: string[];
}

export const moving = (one: Import) => one.state === "waiting" || one.state === "running" || one.state === "undoing";

const PHASES: Record<string, string> = {
  recognising: "finding out what it is",
  looking: "looking at its columns",
  reading: "reading and writing",
  nights: "putting nights together",
  routes: "reading routes",
  dating: "dating by your time zones",
  done: "done",
};

export function phase(name: string): string {
  return PHASES[name] ?? name;
}

/** How far along the whole is: reading is nearly all of it. */
export function share(progress: Partial<Progress>): number | undefined {
  const { phase: name, done = 0, total = 0 } = progress;
  if (name === "done") return 1;
  const part = total > 0 ? Math.min(done / total, 1) : 0;
  if (name === "reading") return 0.02 + part * 0.86;
  if (name === "nights" || name === "routes") return 0.88 + part * 0.06;
  if (name === "dating") return 0.94 + part * 0.06;
  return name === undefined ? undefined : 0.01;
}

export interface Sample {
  at: number;
  phase: string;
  done: number;
}

const LOOK_BACK_S = 30;

/** Add what was seen now; samples of another phase, or long ago, say nothing any more. */
export function sampled(before: readonly Sample[], now: Sample): Sample[] {
  const kept = before.filter((s) => s.phase === now.phase && s.at > now.at - LOOK_BACK_S && s.done <= now.done);
  return kept.at(-1)?.done === now.done && kept.length > 1 ? [...kept.slice(0, -1), now] : [...kept, now];
}

/** Seconds that a phase still takes at the pace of late; undefined while that cannot be said. */
export function left(samples: readonly Sample[], total: number): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < 2 || last.done <= first.done) return undefined;
  const pace = (last.done - first.done) / (last.at - first.at);
  return Math.max(0, (total - last.done) / pace);
}

export function leftWords(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  if (seconds < 8) return "a few seconds left";
  if (seconds < 55) return `about ${Math.ceil(seconds / 10) * 10} s left`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `about ${minutes} min left` : `about ${Math.round(minutes / 60)} h left`;
}

const number = (n: number) => n.toLocaleString("en-GB");

/** "27,187 read: 27,000 new, 100 known, 87 changed; 3 set aside". */
export function counts(of: Partial<Result> | Partial<Progress>, dry = false): string {
  const { read = 0, new: fresh = 0, same = 0, changed = 0, set_aside: aside = 0 } = of;
  const would = dry ? "would be " : "";
  const parts = [
    ...(fresh > 0 || read === 0 ? [`${number(fresh)} ${would}new`] : []),
    ...(same > 0 ? [`${number(same)} known already`] : []),
    ...(changed > 0 ? [`${number(changed)} ${would}changed`] : []),
  ];
  return `${number(read)} read: ${parts.join(", ")}${aside > 0 ? `; ${number(aside)} set aside` : ""}`;
}

/** The kind of file in words. */
const KINDS: Record<string, string> = { apple_health: "Apple Health", csv_file: "Table (CSV)" };

export function kind(name: string): string {
  return KINDS[name] ?? name.split("_").map((w) => w.charAt(0).toUpperCase() + w.slice(1)).join(" ");
}

/** Whether an import failed for want of a mapping. */
export const wantsMapping = (one: Import) => one.state === "failed" && /mapping/.test(one.error ?? "");
