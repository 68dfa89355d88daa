/** How long an import still takes, from how far it was at each look of late. */

import { untrack } from "svelte";
import { type Import, type Sample, left, leftWords, sampled } from "./progress";

export class Pace {
  #samples = $state.raw<Sample[]>([]);
  readonly #of: () => Import;

  /** Call it while a component is set up. */
  constructor(of: () => Import) {
    this.#of = of;
    $effect(() => {
      const { state, progress } = of();
      const { phase, done } = progress;
      if (state !== "running" || phase === undefined || done === undefined) return;
      const now = { at: Date.now() / 1000, phase, done };
      // Untracked: what it keeps must not make it look again.
      this.#samples = sampled(untrack(() => this.#samples), now);
    });
  }

  /** In words; empty while that cannot be said. */
  get words(): string {
    const { state, progress } = this.#of();
    return state === "running" ? leftWords(left(this.#samples, progress.total ?? 0)) : "";
  }
}
