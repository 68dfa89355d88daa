/** Keys: pages and components bind theirs while they are shown; the help lists what is bound. */

import { untrack } from "svelte";
import { me } from "./me.svelte";

export interface Binding {
  /** "g t" is g, then t; "mod+k" is Ctrl or Cmd with k. */
  keys: string;
  /** Shown instead of `keys` in the help, where one line stands for several. */
  shown?: string;
  label: string;
  /** Not in the help: another line speaks for it. */
  hidden?: boolean;
  run: (event: KeyboardEvent) => void;
}

class Keys {
  bound = $state.raw<Binding[]>([]);
  #first = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  listen(): void {
    window.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Bind as long as a component lives: call it in an effect, return what it returns. */
  bind(bindings: Binding[]): () => void {
    // Untracked: the effect that binds must not run again for what others bind.
    untrack(() => (this.bound = [...this.bound, ...bindings]));
    return () => {
      this.bound = this.bound.filter((b) => !bindings.includes(b));
    };
  }

  #press(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey) return;
    const mod = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (mod) {
      this.#run(`mod+${key}`, event);
      return;
    }
    if (!me.keys || typing(event.target) || document.querySelector("dialog[open]")) return;
    const both = this.#first === "" ? key : `${this.#first} ${key}`;
    clearTimeout(this.#timer);
    this.#first = "";
    if (this.#run(both, event) || (both !== key && this.#run(key, event))) return;
    if (this.bound.some((b) => b.keys.startsWith(`${key} `))) {
      this.#first = key;
      this.#timer = setTimeout(() => (this.#first = ""), 1_200);
    }
  }

  #run(keys: string, event: KeyboardEvent): boolean {
    // The latest binding counts: a page's before the app's.
    const found = this.bound.findLast((b) => b.keys === keys);
    if (found === undefined) return false;
    event.preventDefault();
    found.run(event);
    return true;
  }
}

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

export const keys = new Keys();
