/** Light, dark, or as the system has it. The choice is this browser's. */

export type Theme = "system" | "light" | "dark";

const KEY = "diurnal.theme";

class Appearance {
  chosen = $state<Theme>("system");
  /** What is on the screen; charts drawn on a canvas follow it. */
  shown = $state<"light" | "dark">("light");
  #dark = matchMedia("(prefers-color-scheme: dark)");

  constructor() {
    try {
      const kept = localStorage.getItem(KEY);
      if (kept === "light" || kept === "dark") this.chosen = kept;
    } catch {
      // Storage is off: the system's choice counts.
    }
    this.#dark.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    try {
      if (theme === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // It holds as long as the page.
    }
    this.#apply();
  }

  turn(): void {
    this.choose(this.shown === "dark" ? "light" : "dark");
  }

  #apply(): void {
    const system = this.#dark.matches ? "dark" : "light";
    this.shown = this.chosen === "system" ? system : this.chosen;
    document.documentElement.dataset["theme"] = this.shown;
  }
}

export const appearance = new Appearance();

/** A token's colour as the canvas wants it. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
