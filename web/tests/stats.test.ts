import { expect, test } from "vitest";
import { alone, cuts, group, median, percent, rolling, usual } from "../src/lib/stats";

test("the median of nothing is nothing, of two their middle", () => {
  expect(median([])).toBeNull();
  expect(median([3, 1])).toBe(2);
  expect(median([9, 1, 5])).toBe(5);
});

test("usual is the same weekday of 60 days, without the day itself", () => {
  const values = Array.from({ length: 80 }, (_, i): number => (i % 7 === 79 % 7 ? 100 : 1));
  values[79] = 5_000;
  expect(usual(values, 79)).toBe(100);
  values[79 - 63] = 9_999; // nine weeks ago: too long
  expect(usual(values, 79)).toBe(100);
  expect(usual(Array(80).fill(null), 79)).toBeNull();
});

test("per cent of nothing says nothing", () => {
  expect(percent(69, 100)).toBe(-31);
  expect(percent(5, 0)).toBeNull();
});

test("a rolling mean waits for half of its days and skips holes", () => {
  expect(rolling([1, null, 3, 5], 2)).toEqual([1, 1, 3, 4]);
  expect(rolling([2, 4, 6, 8], 4)).toEqual([null, 3, 4, 5]);
});

test("six groups are about the same size", () => {
  const values = Array.from({ length: 600 }, (_, i) => i);
  const at = cuts(values);
  const sizes = [0, 0, 0, 0, 0, 0];
  for (const value of values) sizes[group(value, at)]! += 1;
  expect(sizes).toEqual([100, 100, 100, 100, 100, 100]);
});

test("values that are all the same are one group", () => {
  expect(group(7, cuts([7, 7, 7]))).toBe(5);
  expect(cuts([])).toEqual([]);
});

test("finds the values that no line of a chart would show", () => {
  expect(alone([74, null, null, 73, 73.5, null, 75])).toEqual([0, 6]);
  expect(alone([undefined, 74])).toEqual([1]);
  expect(alone([73, 74])).toBeNull();
});
