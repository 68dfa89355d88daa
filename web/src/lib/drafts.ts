/** What is being typed, kept in this browser until it is sent or thrown away. */

const PREFIX = "diurnal.draft.";

export function keepDraft(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Storage is full or off: the form itself still holds it.
  }
}

export function draft<T>(name: string): T | undefined {
  try {
    const found = localStorage.getItem(PREFIX + name);
    return found === null ? undefined : (JSON.parse(found) as T);
  } catch {
    return undefined;
  }
}

export function dropDraft(name: string): void {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // Nothing was kept then.
  }
}
