/** Buckets as lines and bands. */

import type { Buckets } from "./data";

export interface Dot {
  at: number;
  min: number;
  max: number;
  mean: number;
}

/** The buckets that hold something, at their middles. */
export function dots(of: Buckets): Dot[] {
  const made: Dot[] = [];
  for (let i = 0; i < of.t.length; i += 1) {
    const mean = of.mean[i];
    if (mean === null || mean === undefined) continue;
    const begin = of.t[i] as number;
    const end = of.t[i + 1] ?? of.end;
    made.push({ at: (begin + end) / 2, min: of.min[i] ?? mean, max: of.max[i] ?? mean, mean });
  }
  return made;
}

/** Runs of dots that one line may join: a longer silence than usual is a gap. */
export function runs(all: readonly Dot[], width: number): Dot[][] {
  const steps = all.slice(1).map((dot, i) => dot.at - (all[i] as Dot).at);
  const usual = [...steps].sort((a, b) => a - b)[steps.length >> 1] ?? width;
  const most = Math.max(width, usual) * 2.5;
  const made: Dot[][] = [];
  let last: Dot | undefined;
  for (const dot of all) {
    if (last === undefined || dot.at - last.at > most) made.push([dot]);
    else made.at(-1)?.push(dot);
    last = dot;
  }
  return made;
}

export interface Scale {
  x: (at: number) => number;
  y: (value: number) => number;
}

const fixed = (n: number) => n.toFixed(1);

export function line(run: readonly Dot[], { x, y }: Scale): string {
  return run.map((d, i) => `${i === 0 ? "M" : "L"}${fixed(x(d.at))} ${fixed(y(d.mean))}`).join("");
}

/** The area from the lowest to the highest. */
export function band(run: readonly Dot[], { x, y }: Scale): string {
  const there = run.map((d, i) => `${i === 0 ? "M" : "L"}${fixed(x(d.at))} ${fixed(y(d.max))}`);
  const back = [...run].reverse().map((d) => `L${fixed(x(d.at))} ${fixed(y(d.min))}`);
  return `${there.join("")}${back.join("")}Z`;
}

/** From where to where the axis of a lane goes; bars begin at 0. */
export function extent(low: number, high: number, bars: boolean): [number, number] {
  if (bars) return [Math.min(0, low), high > 0 ? high : 1];
  if (high === low) return [low - 1, high + 1];
  const room = (high - low) * 0.08;
  return [low - room, high + room];
}

/** The dot nearest to a time, if it is no further than `reach`. */
export function nearest(all: readonly Dot[], at: number, reach: number): Dot | undefined {
  let low = 0;
  let high = all.length - 1;
  if (high < 0) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle] as Dot).at < at) low = middle + 1;
    else high = middle;
  }
  const [after, before] = [all[low] as Dot, all[Math.max(0, low - 1)] as Dot];
  const best = Math.abs(after.at - at) < Math.abs(before.at - at) ? after : before;
  return Math.abs(best.at - at) <= reach ? best : undefined;
}
