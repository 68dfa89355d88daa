/** What is usual, and how values spread. Empty places are null and count nowhere. */

export type Cell = number | null;

export function numbers(values: readonly unknown[]): number[] {
  return values.filter((v): v is number => typeof v === "number");
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] as number;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] as number) + high) / 2;
}

/** Days that "usual" looks back on. */
export const USUAL_DAYS = 60;

/**
 * The median of the same weekday over the last 60 days before the place `at` in a run of days.
 */
export function usual(values: readonly Cell[], at: number): number | null {
  const same: number[] = [];
  for (let back = 7; back <= USUAL_DAYS; back += 7) {
    const value = values[at - back];
    if (typeof value === "number") same.push(value);
  }
  return median(same);
}

/** How far `value` lies from `than`, in per cent; null where that says nothing. */
export function percent(value: number, than: number): number | null {
  if (than === 0) return null;
  const off = ((value - than) / Math.abs(than)) * 100;
  return Number.isFinite(off) ? Math.round(off) : null;
}

/** The mean of the last `width` places at each place; null until half of them are there. */
export function rolling(values: readonly Cell[], width: number): Cell[] {
  let sum = 0;
  let n = 0;
  return values.map((value, i) => {
    const gone = values[i - width];
    if (typeof gone === "number") {
      sum -= gone;
      n -= 1;
    }
    if (typeof value === "number") {
      sum += value;
      n += 1;
    }
    return n * 2 >= width ? sum / n : null;
  });
}

/** Five cuts that part values into six groups of about the same size. */
export function cuts(values: readonly number[], groups = 6): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return [];
  const made: number[] = [];
  for (let i = 1; i < groups; i += 1) {
    made.push(sorted[Math.min(sorted.length - 1, Math.floor((i * sorted.length) / groups))] as number);
  }
  return made;
}

/** Which group a value is in, 0 the lowest. */
export function group(value: number, at: readonly number[]): number {
  let found = 0;
  for (const cut of at) if (value >= cut) found += 1;
  return found;
}

/** Where values stand without a neighbour, so that no line goes through them; null for nowhere. */
export function alone(values: ArrayLike<number | null | undefined>): number[] | null {
  const there = (i: number) => values[i] !== null && values[i] !== undefined;
  const found = Array.from(values, (_, i) => i).filter((i) => there(i) && !there(i - 1) && !there(i + 1));
  return found.length > 0 ? found : null;
}
