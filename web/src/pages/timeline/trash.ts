/** Into the trash and back. */

import { request } from "../../lib/api";
import { Problem, asProblem } from "../../lib/errors";
import { live } from "../../lib/live.svelte";
import { complain, toasts } from "../../lib/toast.svelte";
import type { Event } from "./data";

const path = (id: string) => `/events/${encodeURIComponent(id)}`;

/**
 * Put an event into the trash.
 *
 * The same request on an event in the trash deletes it for good, so it is never simply repeated:
 * where its answer was lost, the event is looked at first.
 */
export async function toTrash(id: string): Promise<void> {
  const now = await request<Event>("GET", path(id));
  if (now.trashed) return;
  try {
    await request("DELETE", path(id));
  } catch (error) {
    const problem = asProblem(error);
    if (!problem.passing) throw problem;
    const after = await request<Event>("GET", path(id)).catch(() => undefined);
    if (!after?.trashed) throw away(problem);
  }
}

function away(problem: Problem): Problem {
  if (problem.status === 0) problem.message = "The server does not answer, so nothing was moved to the trash. Try again when it is back.";
  return problem;
}

export async function restore(id: string): Promise<void> {
  await request("POST", `${path(id)}/restore`);
}

export async function deleteForGood(id: string): Promise<void> {
  try {
    await request("DELETE", `${path(id)}?final=true`);
  } catch (error) {
    const problem = asProblem(error);
    if (problem.status !== 404) throw problem;
  }
}

/** Trash with a way back. */
export async function trashWithUndo(id: string, title: string): Promise<boolean> {
  try {
    await toTrash(id);
  } catch (error) {
    complain(error, () => void trashWithUndo(id, title));
    return false;
  }
  live.changed(["event"]);
  toasts.say(`${title} is in the trash.`, { label: "Undo", run: () => void bringBack(id, title) });
  return true;
}

export async function bringBack(id: string, title: string): Promise<void> {
  try {
    await restore(id);
    live.changed(["event"]);
    toasts.say(`${title} is back.`);
  } catch (error) {
    complain(error, () => void bringBack(id, title));
  }
}
