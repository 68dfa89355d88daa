/** Copy a text, and say so. */

import { toasts } from "./toast.svelte";

export function copy(text: string): void {
  // Without HTTPS browsers have no clipboard for pages.
  const asked = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
  asked.then(
    () => toasts.say("Copied."),
    () => toasts.say("The browser does not let this page copy. Select the text instead.", undefined, "bad"),
  );
}
