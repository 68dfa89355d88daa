/** Short messages at the foot of the page, with at most one way on each. */

export interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
  tone: "plain" | "bad";
}

const LASTS_MS = 6_000;
const LASTS_WITH_ACTION_MS = 12_000;

class Toasts {
  list = $state.raw<Toast[]>([]);
  #next = 1;

  say(text: string, action?: Toast["action"], tone: Toast["tone"] = "plain"): void {
    const id = this.#next++;
    this.list = [...this.list.slice(-2), { id, text, tone, ...(action ? { action } : {}) }];
    // A failure stays until it is read.
    if (tone === "plain") setTimeout(() => this.drop(id), action ? LASTS_WITH_ACTION_MS : LASTS_MS);
  }

  drop(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();

/** Say what went wrong, with the way on that fits. */
export function complain(error: unknown, retry?: () => void): void {
  const text = error instanceof Error ? error.message : "Something went wrong. Try again.";
  toasts.say(text, retry ? { label: "Try again", run: retry } : undefined, "bad");
}
