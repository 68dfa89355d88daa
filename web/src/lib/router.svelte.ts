/** Addresses without a hash: the path chooses the page, the query is the page's own state. */

class Router {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  /** Goes up with every step, so that focus can move to the new page. */
  steps = $state(0);

  constructor() {
    window.addEventListener("popstate", () => this.#read());
  }

  #read(keepFocus = false): void {
    const moved = this.path !== location.pathname;
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
    if (moved && !keepFocus) this.steps += 1;
  }

  /** @param options.keepFocus for a step within a page, such as to its next day. */
  go(to: string, options: { replace?: boolean; keepScroll?: boolean; keepFocus?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, "", to);
    else history.pushState(null, "", to);
    this.#read(options.keepFocus);
    if (!options.keepScroll && !options.replace) scrollTo(0, 0);
  }

  /** Change parameters of the query; undefined removes one. */
  set(changes: Record<string, string | undefined>): void {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString();
    this.go(location.pathname + (text === "" ? "" : `?${text}`), { replace: true, keepScroll: true });
  }
}

export const router = new Router();

/** Let links of our own pages change the page without loading the app again. */
export function followLinks(ours: (path: string) => boolean): void {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.getAttribute("href")?.startsWith("#")) return;
    if (!ours(link.pathname)) return;
    event.preventDefault();
    router.go(link.pathname + link.search + link.hash);
  });
}
