/** Who is signed in, what they chose, and which measures there are: read once, then kept current. */

import { type Account, type Measure, api } from "./api";
import { browserZone, dayIn } from "./dates";
import { Problem, asProblem } from "./errors";
import { type Kind, live } from "./live.svelte";
import { outbox } from "./outbox.svelte";
import type { Units } from "./units";

/** The app's own part of the account's settings. */
export interface Choices {
  /** Keys of the measures on Today, in order. */
  tiles?: string[];
  /** The measure of the calendar. */
  calendar?: string;
  units?: Units;
  /** Saved views of Explore: a name and the address's query. */
  views?: { name: string; query: string }[];
  /** Single keys as shortcuts (WCAG 2.1.4 wants them to be switched off). */
  keys?: boolean;
}

class Me {
  account = $state.raw<Account | undefined>(undefined);
  measures = $state.raw<ReadonlyMap<string, Measure>>(new Map());
  error = $state.raw<Problem | undefined>(undefined);
  ready = $state(false);
  /** The local day, which changes at midnight of the home zone. */
  today = $state("");
  /** Goes up when a choice is made and when it is stored: an answer asked for before is older. */
  #chosen = 0;
  #clock: ReturnType<typeof setInterval> | undefined;

  get zone(): string {
    return this.account?.timezone ?? browserZone();
  }

  get choices(): Choices {
    return (this.account?.settings?.["web"] ?? {}) as Choices;
  }

  get units(): Units {
    return this.choices.units ?? {};
  }

  get keys(): boolean {
    return this.choices.keys ?? true;
  }

  async load(): Promise<void> {
    const chosen = this.#chosen;
    try {
      const [account, measures] = await Promise.all([api.account(), api.measures()]);
      if (!this.ready) outbox.open(account.username);
      const settings = chosen === this.#chosen ? withWaiting(account.settings) : this.account?.settings;
      this.account = settings === undefined ? account : { ...account, settings };
      this.measures = new Map(measures.map((m) => [m.key, m]));
      this.error = undefined;
      this.tick();
      if (!this.ready) {
        this.ready = true;
        this.#clock ??= setInterval(() => this.tick(), 30_000);
      }
    } catch (error) {
      this.error = asProblem(error);
      if (this.error.status === 401) signIn();
    }
  }

  tick(): void {
    try {
      this.today = dayIn(this.zone);
    } catch {
      this.today = dayIn(browserZone()); // a zone that this browser does not know yet
    }
  }

  /** Change choices: shown at once, then stored with the account. */
  choose(changes: Choices): Promise<void> {
    return this.set({ web: { ...this.choices, ...changes } }, "Your choices");
  }

  /**
   * Change members of the account's settings: shown at once, then stored.
   *
   * @throws Problem: the server refuses it; what it has is shown again.
   */
  async set(settings: Record<string, unknown>, label: string): Promise<void> {
    if (this.account === undefined) return;
    this.account = { ...this.account, settings: { ...this.account.settings, ...settings } };
    this.#chosen += 1;
    try {
      await outbox.send("PATCH", "/account", { settings }, label);
      this.#chosen += 1;
    } catch (error) {
      this.#chosen += 1;
      void this.load();
      throw error;
    }
  }

  measure(key: string): Measure | undefined {
    return this.measures.get(key);
  }
}

export const me = new Me();

/** Settings as they will be once the writes that wait in this browser are through. */
function withWaiting(settings: Account["settings"]): Account["settings"] {
  const waiting = outbox.items.filter((item) => item.path === "/account" && item.refused === undefined);
  return waiting.reduce((all, item) => ({ ...all, ...(item.body as Account).settings }), settings);
}

/** Go to the sign-in page and come back here afterwards. */
export function signIn(): void {
  const here = location.pathname + location.search;
  location.assign(`/sign-in?next=${encodeURIComponent(here)}`);
}

export async function signOut(): Promise<void> {
  try {
    await api.signOut();
  } catch (error) {
    if (asProblem(error).status !== 401) throw error;
  }
  location.assign("/sign-in");
}

const KINDS: Record<string, Kind> = { account: "account", days: "day", events: "event", goals: "finding", links: "finding", series: "series" };

/** What a write to an address changes; "" where it may be anything. */
function kindOf(path: string): string {
  return KINDS[path.split("/")[1] ?? ""] ?? "";
}

/** Everything that must run as long as the app is open. */
export function wake(): void {
  outbox.onsent = (path) => live.changed(path === undefined ? undefined : [kindOf(path)]);
  outbox.onsignedout = signIn;
  live.onback = () => void outbox.flush();
  live.start();
}
