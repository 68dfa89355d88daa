/** Uploads in pieces that go on where they stopped. */

/** What the browser remembers of an upload; how far it is, the server knows. */
export interface Kept {
  id: string;
  name: string;
  size: number;
  modified: number;
  dryRun: boolean;
  /** The guided mapping of a table, once it is known. */
  options?: Record<string, unknown>;
}

export interface Picked {
  name: string;
  size: number;
  lastModified: number;
}

/** Small enough that a lost one costs little, large enough for a fast line. */
export const PIECE_MIN = 1 << 20;
export const PIECE_MAX = 16 << 20;
/** What a piece should take. */
const PIECE_S = 2;

/** The next piece [from, to), or null when all has arrived. */
export function piece(received: number, size: number, length: number): [number, number] | null {
  if (received >= size) return null;
  return [received, Math.min(received + length, size)];
}

/** How long pieces should be after one of `length` took `seconds`. */
export function adapt(length: number, seconds: number): number {
  const fit = seconds <= 0 ? PIECE_MAX : (length / seconds) * PIECE_S;
  const bounded = Math.min(Math.max(fit, length / 2), length * 2);
  return Math.round(Math.min(Math.max(bounded, PIECE_MIN), PIECE_MAX));
}

/** How long to wait before try number `n` (1 the first): longer each time, at most a minute. */
export function pause(n: number, told?: number): number {
  if (told !== undefined) return Math.min(Math.max(told, 1), 300) * 1000;
  return Math.min(1000 * 2 ** (n - 1), 60_000);
}

/** Which remembered upload a file that was picked again belongs to. */
export function match(kept: readonly Kept[], file: Picked): Kept | undefined {
  const same = kept.filter((k) => k.name === file.name && k.size === file.size);
  return same.find((k) => k.modified === file.lastModified) ?? same[0];
}

/** Where to go on after the server refused an offset. */
export function offsetOf(data: Record<string, unknown>): number | undefined {
  const told = data["offset"];
  return typeof told === "number" && Number.isSafeInteger(told) && told >= 0 ? told : undefined;
}

const KEY = "diurnal.uploads.";

export function remembered(store: Pick<Storage, "getItem">, username: string): Kept[] {
  try {
    const found = JSON.parse(store.getItem(KEY + username) ?? "[]") as unknown;
    return Array.isArray(found) ? (found as Kept[]).filter((k) => typeof k?.id === "string") : [];
  } catch {
    return [];
  }
}

export function remember(store: Pick<Storage, "setItem">, username: string, kept: readonly Kept[]): void {
  try {
    store.setItem(KEY + username, JSON.stringify(kept));
  } catch {
    // Storage is full or off: the upload goes on as long as the page is open.
  }
}
