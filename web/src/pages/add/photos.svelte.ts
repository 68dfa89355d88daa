/**
 * Photos on their way to their events.
 *
 * An event waits as text in the outbox; a photo is too large for that and waits in this browser's
 * database, until the server has both.
 */

import { request } from "../../lib/api";
import { asProblem } from "../../lib/errors";
import { live } from "../../lib/live.svelte";
import { toasts } from "../../lib/toast.svelte";
import type { Event } from "../timeline/data";

interface Waiting {
  key: string;
  account: string;
  event: string;
  name: string;
  type: string;
  blob: Blob;
}

const NAME = "diurnal";
const STORE = "photos";
const EVERY_MS = 15_000;

function done<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((ok, no) => {
    asked.onsuccess = () => ok(asked.result);
    asked.onerror = () => no(asked.error ?? new Error("the browser's database failed"));
  });
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "key" });
  const base = await done(opening);
  const tx = base.transaction(STORE, mode);
  tx.oncomplete = tx.onabort = () => base.close();
  return tx.objectStore(STORE);
}

class Photos {
  #account = "";
  #held: Waiting[] = [];
  #busy = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Take up what was left, of this account only. */
  open(account: string): void {
    if (this.#account === account) return;
    this.#account = account;
    store("readonly")
      .then((s) => done(s.getAll() as IDBRequest<Waiting[]>))
      .then(
        (all) => {
          this.#held = [...all.filter((w) => w.account === account), ...this.#held];
          if (this.#held.length > 0) void this.flush();
        },
        () => {}, // no database in this browser: photos wait as long as the page is open
      );
  }

  async add(event: string, files: readonly File[]): Promise<void> {
    for (const file of files) {
      const waiting = { key: crypto.randomUUID(), account: this.#account, event, name: file.name, type: file.type, blob: file };
      this.#held.push(waiting);
      try {
        await done((await store("readwrite")).put(waiting));
      } catch {
        // It waits as long as the page is open.
      }
    }
    await this.flush();
  }

  get waiting(): number {
    return this.#held.length;
  }

  async flush(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    let sent = 0;
    try {
      for (const one of [...this.#held]) {
        const fate = await this.#one(one);
        if (fate === "wait") break;
        if (fate === "sent") sent += 1;
        await this.#drop(one);
      }
    } finally {
      this.#busy = false;
      if (sent > 0) live.changed(["event"]);
      clearInterval(this.#timer);
      this.#timer = this.#held.length > 0 ? setInterval(() => void this.flush(), EVERY_MS) : undefined;
    }
  }

  async #one(one: Waiting): Promise<"sent" | "wait" | "refused"> {
    const path = `/events/${encodeURIComponent(one.event)}`;
    try {
      const event = await request<Event>("GET", path);
      // The answer to an earlier try may have been lost.
      if (event.attachments?.some((file) => file.fileName === one.name && file.size === one.blob.size)) return "sent";
      const body = new FormData();
      body.append("file", new File([one.blob], one.name, { type: one.type }));
      await request("POST", `${path}/files`, { body });
      return "sent";
    } catch (error) {
      const problem = asProblem(error);
      // Not found: the event itself still waits.
      if (problem.passing || problem.status === 401 || problem.status === 404) return "wait";
      toasts.say(`${one.name} was not taken: ${problem.message}`, undefined, "bad");
      return "refused";
    }
  }

  async #drop(one: Waiting): Promise<void> {
    this.#held = this.#held.filter((w) => w !== one);
    try {
      await done((await store("readwrite")).delete(one.key));
    } catch {
      // It was only here.
    }
  }
}

export const photos = new Photos();
