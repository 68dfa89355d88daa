/** Follow changes: by server-sent events, else by asking every half minute. */

import { address } from "./api";

const POLL_MS = 30_000;
const GATHER_MS = 150;

class Live {
  /** Goes up whenever something may have changed; what reads it is fetched anew. */
  rev = $state(0);
  /** Whether the server answers, as far as we know. */
  online = $state(true);
  #source: EventSource | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;
  #gather: ReturnType<typeof setTimeout> | undefined;
  #tag: string | null = null;
  onback: () => void = () => {};

  start(): void {
    if (this.#source !== undefined || this.#poll !== undefined) return;
    this.#source = new EventSource(address("/live"));
    this.#source.addEventListener("change", () => this.changed());
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

  /** Several changes in a row are one. */
  changed(): void {
    clearTimeout(this.#gather);
    this.#gather = setTimeout(() => (this.rev += 1), GATHER_MS);
  }
}

export const live = new Live();
