/** Follow changes: by server-sent events, else by asking every half minute. */

import { address } from "./api";

const POLL_MS = 30_000;
const GATHER_MS = 150;

/** What a change may be of; the server tells which. */
const KINDS = ["access", "account", "attribute", "batch", "client", "connection", "day", "event", "experiment", "finding", "measure", "record", "series", "share", "stream"] as const;
export type Kind = (typeof KINDS)[number];

/** What day values are made of: data, and the settings that say which of them counts when. */
export const OF_DAYS: readonly Kind[] = ["account", "day", "event", "measure", "series", "stream"];

class Live {
  /** How often each kind may have changed; "" counts what may have changed anything. */
  #counts = $state<Record<string, number>>(Object.fromEntries(["", ...KINDS].map((kind) => [kind, 0])));
  /** Whether the server answers, as far as we know. */
  online = $state(true);
  #source: EventSource | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #gather: ReturnType<typeof setTimeout> | undefined;
  #tag: string | null = null;
  #waiting = new Set<string>();
  onback: () => void = () => {};

  start(): void {
    if (this.#source !== undefined || this.#poll !== undefined) return;
    this.#source = new EventSource(address("/live"));
    this.#source.addEventListener("change", (event) => this.changed(kindsOf(event)));
    this.#source.onopen = () => this.#heard();
    this.#source.onerror = () => {
      // Closed for good: the server has no such door. Else the browser connects again by itself.
      if (this.#source?.readyState === EventSource.CLOSED) {
        this.#source = undefined;
        this.#startPolling();
      } else {
        this.online = false;
      }
    };
    window.addEventListener("online", () => this.#heard());
    window.addEventListener("offline", () => (this.online = false));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#poll !== undefined) void this.#ask();
    });
  }

  #startPolling(): void {
    void this.#ask();
    this.#poll = setInterval(() => {
      if (!document.hidden) void this.#ask();
    }, POLL_MS);
  }

  async #ask(): Promise<void> {
    try {
      // The ETag names the account's last change; the body is small.
      const answer = await fetch(address("/account"), { method: "GET" });
      const tag = answer.headers.get("etag");
      if (tag !== null && this.#tag !== null && tag !== this.#tag) this.changed();
      this.#tag = tag;
      this.#heard();
    } catch {
      this.online = false;
    }
  }

  #heard(): void {
    const back = !this.online;
    this.online = true;
    if (back) {
      this.changed();
      this.onback();
    }
  }

  /** A number that goes up whenever one of these kinds may have changed; reading it follows them. */
  rev(kinds: readonly Kind[]): number {
    return kinds.reduce((sum, kind) => sum + (this.#counts[kind] ?? 0), this.#counts[""] ?? 0);
  }

  /** Something changed: of these kinds, or of any. Several changes in a row are one. */
  changed(kinds: readonly string[] = [""]): void {
    for (const kind of kinds) this.#waiting.add(kind);
    clearTimeout(this.#gather);
    this.#gather = setTimeout(() => {
      for (const kind of this.#waiting) this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
      this.#waiting.clear();
    }, GATHER_MS);
  }
}

function kindsOf(event: MessageEvent<string>): readonly string[] {
  try {
    const { kinds } = JSON.parse(event.data) as { kinds?: string[] };
    return kinds !== undefined && kinds.length > 0 ? kinds : [""];
  } catch {
    return [""];
  }
}

export const live = new Live();
