/** The files being sent: they go on while other pages are open, and resume after a reload. */

import { request } from "../../lib/api";
import { Problem, asProblem } from "../../lib/errors";
import { live } from "../../lib/live.svelte";
import { me } from "../../lib/me.svelte";
import type { Import } from "./progress";
import { type Kept, PIECE_MIN, adapt, match, offsetOf, pause, piece, remember, remembered } from "./resume";

interface Answer {
  id: string;
  name: string;
  size: number;
  received: number;
  complete: boolean;
}

export type State = "queued" | "sending" | "waiting" | "mapping" | "starting" | "lost" | "failed";

export interface Sending {
  key: number;
  name: string;
  size: number;
  received: number;
  state: State;
  /** Until when it waits for the server, in milliseconds. */
  again?: number;
  problem?: Problem;
  file?: File;
  kept?: Kept;
  dryRun: boolean;
  options?: Record<string, unknown>;
  /** Asked before it is sent on to be imported: the table needs a mapping. */
  ask?: boolean;
  speed?: number;
}

const UNREADABLE = "the browser cannot read this file any more: it was moved or changed; choose it again";

class Uploads {
  list = $state.raw<Sending[]>([]);
  #next = 1;
  #busy = false;
  #opened = "";
  #wake: (() => void) | undefined;

  #change(key: number, changes: Partial<Sending>): void {
    this.list = this.list.map((one) => (one.key === key ? { ...one, ...changes } : one));
  }
  #get(key: number): Sending | undefined {
    return this.list.find((one) => one.key === key);
  }
  #remember(): void {
    remember(localStorage, this.#opened, this.list.flatMap((one) => (one.kept === undefined ? [] : [one.kept])));
  }

  /** Take up what an earlier page was sending: the server says how far it came. */
  async open(): Promise<void> {
    const username = me.account?.username ?? "";
    if (username === "" || this.#opened === username) return;
    this.#opened = username;
    for (const kept of remembered(localStorage, username)) {
      const key = this.#next++;
      const one: Sending = { key, name: kept.name, size: kept.size, received: 0, state: "lost", kept, dryRun: kept.dryRun };
      if (kept.options !== undefined) one.options = kept.options;
      this.list = [...this.list, one];
      try {
        const told = await request<Answer>("GET", `/uploads/${encodeURIComponent(kept.id)}`);
        this.#change(key, { received: told.received, state: told.complete ? "queued" : "lost" });
      } catch (error) {
        const problem = asProblem(error);
        if (problem.status === 404) this.#forget(key);
        else this.#change(key, { problem });
      }
    }
    void this.#run();
  }

  /** Files that were dropped or picked; one that is known goes on where it stopped. */
  add(files: readonly File[], dryRun: boolean, needsMapping: (file: File) => boolean): void {
    for (const file of files) {
      const lost = this.list.filter((one) => one.state === "lost" && one.kept !== undefined);
      const found = match(lost.map((one) => one.kept as Kept), file);
      const known = lost.find((one) => one.kept === found);
      if (found !== undefined && known !== undefined) {
        this.#change(known.key, { file, state: "queued" });
        continue;
      }
      const ask = needsMapping(file);
      this.list = [...this.list, { key: this.#next++, name: file.name, size: file.size, received: 0, state: "queued", file, dryRun, ask }];
    }
    void this.#run();
  }

  /** The person said what the columns mean. */
  map(key: number, options: Record<string, unknown>): void {
    const one = this.#get(key);
    if (one === undefined) return;
    const kept = one.kept === undefined ? {} : { kept: { ...one.kept, options } };
    this.#change(key, { options, ask: false, state: one.state === "mapping" ? "queued" : one.state, ...kept });
    this.#remember();
    void this.#run();
  }

  retry(key: number): void {
    this.#wake?.();
    const one = this.#get(key);
    if (one === undefined || one.state === "sending") return;
    if (one.state === "failed") {
      const { problem: _, ...rest } = one;
      this.list = this.list.map((o) => (o.key === key ? { ...rest, state: rest.file || rest.received >= rest.size ? "queued" : "lost" } : o));
    }
    void this.#run();
  }

  /** Stop sending and forget it, here and on the server. */
  async drop(key: number): Promise<void> {
    const id = this.#get(key)?.kept?.id;
    this.#forget(key);
    this.#wake?.();
    if (id === undefined) return;
    try {
      await request("DELETE", `/uploads/${encodeURIComponent(id)}`);
    } catch {
      // What nobody imports is removed by the server after two days.
    }
  }

  #forget(key: number): void {
    this.list = this.list.filter((one) => one.key !== key);
    this.#remember();
  }

  /** One file after the other: the line is shared, and the first is usable sooner. */
  async #run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (;;) {
        const one = this.list.find((o) => o.state === "queued");
        if (one === undefined) return;
        await this.#one(one.key);
      }
    } finally {
      this.#busy = false;
    }
  }

  async #one(key: number): Promise<void> {
    let tries = 0;
    let length = PIECE_MIN;
    for (;;) {
      const one = this.#get(key);
      if (one === undefined) return;
      try {
        if (one.kept === undefined) {
          this.#change(key, { state: "sending" });
          const made = await request<Answer>("POST", "/uploads", { body: { name: one.name, size: one.size } });
          const kept: Kept = { id: made.id, name: one.name, size: one.size, modified: one.file?.lastModified ?? 0, dryRun: one.dryRun };
          if (this.#get(key) === undefined) return void request("DELETE", `/uploads/${made.id}`).catch(() => {});
          this.#change(key, { kept: one.options === undefined ? kept : { ...kept, options: one.options }, received: made.received });
          this.#remember();
          continue;
        }
        const next = piece(one.received, one.size, length);
        if (next === null) {
          if (one.ask) {
            this.#change(key, { state: "mapping" });
            return;
          }
          await this.#start(one, tries > 0);
          return;
        }
        if (one.file === undefined) {
          this.#change(key, { state: "lost" });
          return;
        }
        this.#change(key, { state: "sending" });
        const bytes = await one.file.slice(next[0], next[1]).arrayBuffer().catch(() => undefined);
        if (bytes === undefined) {
          this.#change(key, { state: "failed", problem: new Problem(422, { detail: UNREADABLE }) });
          return;
        }
        const begun = performance.now();
        let told: Answer;
        try {
          told = await request<Answer>("PATCH", `/uploads/${encodeURIComponent(one.kept.id)}`, {
            body: new Blob([bytes]),
            headers: { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(next[0]) },
          });
        } catch (error) {
          const problem = asProblem(error);
          const at = problem.status === 409 ? offsetOf(problem.data) : undefined;
          if (at === undefined || at === next[0]) throw problem;
          this.#change(key, { received: at });
          continue;
        }
        const seconds = (performance.now() - begun) / 1000;
        length = adapt(length, seconds);
        tries = 0;
        this.#change(key, { received: told.received, speed: (next[1] - next[0]) / Math.max(seconds, 0.001) });
      } catch (error) {
        const problem = asProblem(error);
        if (problem.status === 404 && one.kept !== undefined) {
          // Two days went by, or another page removed it: begin again, if the file is here.
          const { kept: _, ...rest } = one;
          this.list = this.list.map((o) => (o.key === key ? { ...rest, received: 0 } : o));
          this.#remember();
          if (one.file === undefined) return this.#forget(key);
          if (tries++ > 2) return this.#change(key, { state: "failed", problem });
          continue;
        }
        if (!problem.passing) {
          this.#change(key, { state: "failed", problem });
          return;
        }
        tries += 1;
        const wait = pause(tries, problem.retryAfter);
        this.#change(key, { state: "waiting", again: Date.now() + wait, problem });
        await this.#pause(wait);
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  async #start(one: Sending, again: boolean): Promise<void> {
    this.#change(one.key, { state: "starting" });
    if (again) {
      // The answer to the first try may have been lost, and the import be under way.
      const { imports } = await request<{ imports: Import[] }>("GET", "/imports");
      if (imports.some((i) => i.uploadId === one.kept?.id && (i.dryRun ?? false) === one.dryRun)) {
        this.#forget(one.key);
        return;
      }
    }
    await request("POST", "/imports", {
      body: {
        uploadId: one.kept?.id,
        name: one.name,
        dryRun: one.dryRun,
        ...(one.options === undefined ? {} : { options: one.options }),
      },
    });
    this.#forget(one.key);
    live.changed(["batch"]);
  }

  get sending(): boolean {
    return this.list.some((one) => ["queued", "sending", "waiting", "starting"].includes(one.state) && one.file !== undefined);
  }
}

export const uploads = new Uploads();
