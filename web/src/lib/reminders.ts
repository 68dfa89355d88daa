/** Tell, wherever one is in the app, that a trial's other arm begins today; once a day and trial. */

import { asks, experiments } from "./experiments";
import { router } from "./router.svelte";
import { toasts } from "./toast.svelte";

const KEY = "diurnal.reminded";

function told(): string[] {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as string[];
  } catch {
    return [];
  }
}

export async function remind(today: string): Promise<void> {
  let list;
  try {
    list = await experiments.list();
  } catch {
    return; // Today says it, too.
  }
  const known = told();
  for (const one of list) {
    const name = `${one.id} ${today}`;
    if (!one.today?.begins || known.includes(name)) continue;
    known.push(name);
    toasts.say(`${asks(one)} (${one.name})`, { label: "See it", run: () => router.go("/experiments") });
  }
  try {
    localStorage.setItem(KEY, JSON.stringify(known.slice(-50)));
  } catch {
    // Without storage it is said again after a reload.
  }
}
