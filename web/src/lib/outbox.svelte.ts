/**
 * Writes that outlive a server that is away.
 *
 * What the person did is kept in this browser until the server has taken it. Requests that the
 * server may take later are sent again; what it refuses stays, with its words, until the person
 * decides.
 */

import { request } from "./api";
import { Problem, asProblem } from "./errors";

export interface Kept {
  id: string;
  method: "PUT" | "POST" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  /** What it is, for the person: "Mood of 21 Nov". */
  label: string;
  at: number;
  refused?: string;
}

export type Fate = "sent" | "kept" | "refused";

const FIRST_WAIT_MS = 2_000;
const WAIT_MAX_MS = 60_000;

/** An older write of the same path still waits. */
class Behind extends Error {}

export class Outbox {
  items = $state.raw<Kept[]>([]);
  #key = "";
  #wait = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending = false;
  /** What is on its way, by id: nothing goes out twice at once. */
  #flying = new Map<string, Promise<unknown>>();
  /** The end of the newest write of each path: two at once could arrive in the other order. */
  #ends = new Map<string, Promise<unknown>>();
  #store: Pick<Storage, "getItem" | "setItem"> | undefined;
  #send: typeof request;
  /** Called with the path that was written; without one after several. */
  onsent: (path?: string) => void = () => {};
  onsignedout: () => void = () => {};

  constructor(store?: Pick<Storage, "getItem" | "setItem">, send: typeof request = request) {
    this.#store = store;
    this.#send = send;
  }

  /** Take up what was left, of this account only. */
  open(username: string): void {
    this.#key = `diurnal.outbox.${username}`;
    try {
      this.items = JSON.parse(this.#store?.getItem(this.#key) ?? "[]") as Kept[];
    } catch {
      this.items = [];
    }
    if (this.waiting > 0) void this.flush();
  }

  get waiting(): number {
    return this.items.filter((item) => item.refused === undefined).length;
  }

  get refused(): Kept[] {
    return this.items.filter((item) => item.refused !== undefined);
  }

  /**
   * Send a write, or keep it. A PUT or DELETE takes the place of what waits for the same path; a
   * PATCH goes out behind it.
   *
   * @throws Problem: the server refuses it, and the caller has the person's words before it.
   */
  async send(
    method: Kept["method"],
    path: string,
    body: unknown,
    label: string,
  ): Promise<{ fate: "sent"; answer: unknown } | { fate: "kept" }> {
    const item: Kept = { id: crypto.randomUUID(), method, path, label, at: Date.now() };
    if (body !== undefined) item.body = body;
    const whole = method === "PUT" || method === "DELETE";
    this.#keep([...this.items.filter((i) => !(whole && i.path === path && i.method !== "POST")), item]);
    try {
      const answer = await this.#one(item);
      this.#wait = FIRST_WAIT_MS;
      this.onsent(path);
      return { fate: "sent", answer };
    } catch (error) {
      if (error instanceof Behind) {
        void this.flush();
        return { fate: "kept" };
      }
      const problem = asProblem(error);
      if (problem.passing || problem.status === 401) {
        if (problem.status === 401) this.onsignedout();
        this.#later();
        return { fate: "kept" };
      }
      this.drop(item.id);
      throw problem;
    }
  }

  /** Send one when its turn has come; what the server took waits no longer. */
  #one(item: Kept): Promise<unknown> {
    const flying = this.#flying.get(item.id);
    if (flying !== undefined) return flying;
    const sent = (this.#ends.get(item.path) ?? Promise.resolve()).then(async () => {
      if (this.#behind(item)) throw new Behind();
      const answer = await this.#request(item);
      this.drop(item.id);
      return answer;
    });
    const end = sent
      .catch(() => undefined)
      .finally(() => {
        this.#flying.delete(item.id);
        if (this.#ends.get(item.path) === end) this.#ends.delete(item.path);
      });
    this.#flying.set(item.id, sent);
    this.#ends.set(item.path, end);
    return sent;
  }

  #behind(item: Kept): boolean {
    if (item.method === "POST") return false;
    const oldest = this.items.find((i) => i.path === item.path && i.method !== "POST" && i.refused === undefined);
    return oldest !== undefined && oldest.id !== item.id;
  }

  #request(item: Kept): Promise<unknown> {
    const headers: Record<string, string> = {};
    // A repeated POST is answered with the first one's result.
    if (item.method === "POST") headers["Idempotency-Key"] = item.id;
    return this.#send(item.method, item.path, {
      ...(item.body === undefined ? {} : { body: item.body }),
      headers,
    });
  }

  /** Send what waits, oldest first. */
  async flush(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#timer);
    let sent = 0;
    const tried = new Set<string>();
    const next = () => this.items.find((item) => item.refused === undefined && !tried.has(item.id));
    try {
      for (let item = next(); item !== undefined; item = next()) {
        tried.add(item.id);
        try {
          await this.#one(item);
          sent += 1;
        } catch (error) {
          if (error instanceof Behind) continue;
          const problem = asProblem(error);
          if (problem.status === 401) {
            this.onsignedout();
            return;
          }
          if (problem.passing) {
            this.#later();
            return;
          }
          this.#refuse(item, problem);
        }
      }
      this.#wait = FIRST_WAIT_MS;
    } finally {
      this.#sending = false;
      if (sent > 0) this.onsent();
    }
  }

  #refuse(item: Kept, problem: Problem): void {
    if (item.method === "DELETE" && problem.status === 404) {
      this.drop(item.id); // gone already, as wished
      return;
    }
    this.#keep(this.items.map((i) => (i.id === item.id ? { ...i, refused: problem.message } : i)));
  }

  drop(id: string): void {
    this.#keep(this.items.filter((item) => item.id !== id));
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, WAIT_MAX_MS);
  }

  #keep(items: Kept[]): void {
    this.items = items;
    try {
      this.#store?.setItem(this.#key, JSON.stringify(items));
    } catch {
      // Storage is full or off: what waits lives as long as the page.
    }
  }
}

export const outbox = new Outbox(typeof localStorage === "undefined" ? undefined : localStorage);
