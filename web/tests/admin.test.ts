import { describe, expect, it } from "vitest";
import { readSize } from "../src/pages/admin/admin";
import { bytes } from "../src/lib/sizes";

describe("room for files", () => {
  it("is typed with a unit, as it is shown", () => {
    expect(["2 GB", "500MB", "1,5 gb", "250"].map(readSize)).toEqual([2e9, 5e8, 1.5e9, 2.5e8]);
    expect(readSize(bytes(1_500_000_000))).toBe(1.5e9);
    expect(["", "much", "-1 GB", "1 XB"].map(readSize)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
