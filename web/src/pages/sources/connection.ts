/** Connections to sources, as the API has them. */

export interface Setting {
  key: string;
  label: string;
  kind: "text" | "number" | "boolean" | "secret" | "url" | "list";
  help?: string;
  required?: boolean;
  default?: unknown;
  choices?: string[];
  low?: number;
  high?: number;
}

export interface Connector {
  name: string;
  title: string;
  docs?: string;
  file?: boolean;
  pull?: boolean;
  push?: boolean;
  auth: "none" | "key" | "oauth2";
  app?: boolean;
  settings: Setting[];
  keyLabel?: string;
  keyOptional?: boolean;
  help?: string;
  emits?: string[];
}

export interface Push {
  token: string;
  url: string;
  urlWithToken: string;
}

export interface Connection {
  id: string;
  connector: string;
  title: string;
  name: string;
  state: "new" | "active" | "running" | "paused" | "reconnect";
  words: string;
  settings: Record<string, unknown>;
  has: string[];
  pulls?: boolean;
  pushes?: boolean;
  created: number;
  waiting?: number;
  setAside?: number;
  last?: number;
  next?: number;
  problem?: string;
  batch?: number;
  push?: Push;
}

export interface Strip {
  pull: string;
  first: string;
  days: string;
  stretches: { from: number; to: number; state: string; reason?: string }[];
}

/** What was typed, as the API takes it: fields left empty are not sent. */
export function settingsOf(form: readonly Setting[], typed: Record<string, unknown>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const one of form) {
    const value = typed[one.key];
    if (value === undefined || value === null || value === "") continue;
    if (one.kind === "number") found[one.key] = Number(value);
    else if (one.kind === "list") found[one.key] = Array.isArray(value) ? value : String(value).split(/[\n,]+/).map((w) => w.trim()).filter(Boolean);
    else found[one.key] = value;
  }
  return found;
}

/** Runs of the same letter: what a strip is drawn of. */
export function runs(days: string): { letter: string; start: number; length: number }[] {
  const found: { letter: string; start: number; length: number }[] = [];
  for (let i = 0; i < days.length; i++) {
    const letter = days[i] as string;
    const last = found.at(-1);
    if (last?.letter === letter) last.length += 1;
    else found.push({ letter, start: i, length: 1 });
  }
  return found;
}
