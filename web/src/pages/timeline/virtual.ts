/** Which rows of a long list are worth being there. */

export interface Window {
  /** Rows [first, last) are drawn. */
  first: number;
  last: number;
  /** Pixels of what is not drawn, before and after. */
  before: number;
  after: number;
}

export function rowsInView(scroll: number, height: number, row: number, count: number, spare = 8): Window {
  const top = Math.min(Math.max(scroll, 0), Math.max(0, count * row - height));
  const first = Math.max(0, Math.floor(top / row) - spare);
  const last = Math.min(count, Math.ceil((top + height) / row) + spare);
  return { first, last, before: first * row, after: (count - last) * row };
}

/** Where to scroll so that a row is wholly in view; undefined when it is. */
export function scrollTo(at: number, scroll: number, height: number, row: number): number | undefined {
  if (at * row < scroll) return at * row;
  if ((at + 1) * row > scroll + height) return (at + 1) * row - height;
  return undefined;
}
