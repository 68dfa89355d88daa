/** Data of the server that stays current while a page shows it. */

import { untrack } from "svelte";
import { type Problem, asProblem } from "./errors";
import { type Kind, OF_DAYS, live } from "./live.svelte";

export class Resource<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state.raw<Problem | undefined>(undefined);
  loading = $state(true);
  again: () => void = () => {};
}

/**
 * Fetch, and fetch anew when something changed on the server or in what `fetcher` reads.
 *
 * Call it while a component is set up. Old data stay until new ones are there.
 *
 * @param fetcher reads its reactive inputs before its first await; undefined means: not yet.
 * @param kinds of changes after which it is fetched anew.
 */
export function resource<T>(
  fetcher: (signal: AbortSignal) => Promise<T> | undefined,
  kinds: readonly Kind[] = OF_DAYS,
): Resource<T> {
  const made = new Resource<T>();
  let tries = $state(0);
  made.again = () => {
    tries += 1;
  };
  $effect(() => {
    void live.rev(kinds);
    void tries;
    const abort = new AbortController();
    const asked = fetcher(abort.signal);
    untrack(() => {
      if (asked === undefined) return;
      made.loading = true;
      asked.then(
        (data) => {
          if (abort.signal.aborted) return;
          made.data = data;
          made.error = undefined;
          made.loading = false;
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          made.error = asProblem(error);
          made.loading = false;
        },
      );
    });
    return () => abort.abort();
  });
  return made;
}
