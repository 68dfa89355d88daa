/** Webhooks, as the API has them. */

export interface Webhook {
  id: string;
  api: string;
  name: string;
  url: string;
  kinds: string[];
  state: "active" | "inactive";
  rev: number;
  calls: number;
  failures?: number;
  retries?: number;
  created: number;
  modified: number;
  access?: string;
  problem?: string;
}

export type WebhookMade = Webhook & { secret: string };

export interface Delivery {
  id: string;
  state: "waiting" | "sent";
  tries?: number;
  created: number;
  body: string;
  tried?: number;
  status?: number;
  error?: string;
}

export interface Trial {
  taken?: boolean;
  status?: number;
  error?: string;
}

/** Kinds of changes that are worth an address of one's own; the API knows more. */
export const KINDS = [
  { kind: "event", label: "Events" },
  { kind: "day", label: "Values of days" },
  { kind: "series", label: "Series" },
  { kind: "measure", label: "Measures" },
  { kind: "stream", label: "Streams" },
  { kind: "finding", label: "Findings" },
  { kind: "access", label: "Accesses" },
  { kind: "share", label: "Shares" },
  { kind: "batch", label: "Imports" },
  { kind: "connection", label: "Connections" },
] as const;

export const kindName = (kind: string): string => KINDS.find((one) => one.kind === kind)?.label ?? kind;

/** What stands for a webhook where it has no name. */
export const title = (of: Pick<Webhook, "name" | "url">): string => of.name || of.url.replace(/^https?:\/\//, "");

/** How an address does, in a sentence. */
export function health(of: Webhook): { words: string; tone: "good" | "warn" | "muted" } {
  if (of.state === "inactive") return { words: of.problem ? `given up: ${of.problem}` : "stopped", tone: of.problem ? "warn" : "muted" };
  if ((of.retries ?? 0) > 0) return { words: `tried ${of.retries === 1 ? "once" : `${of.retries} times`} in vain: ${of.problem ?? "no answer"}`, tone: "warn" };
  return { words: of.calls === 0 ? "has not been told anything yet" : "hears", tone: of.calls === 0 ? "muted" : "good" };
}
