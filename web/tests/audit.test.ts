import { describe, expect, it } from "vitest";
import { type Line, asked, asks, given, tool, verdict } from "../src/lib/audit";

const line = (action: string, target = "", more: Partial<Line> = {}): Line => ({ seq: 1, time: 0, door: "mcp", action, target, allowed: true, n: 0, ...more });
const label = (key: string) => (key === "steps" ? "Steps" : undefined);

describe("what an assistant asked", () => {
  it("is told with measures, days and choices", () => {
    expect(asked(line("tools.days", "2026-01-05/2026-01-11,by:week,steps"), label)).toBe("Steps · 5 Jan 2026 to 11 Jan 2026 · by week");
    expect(asked(line("tools.days", "../2026-01-11,nothing"), label)).toBe("nothing · up to 11 Jan 2026");
    expect(asked(line("tools.compare", "2026-01-05/2026-01-05,2026-01-06/..,steps"), label)).toBe("Steps · 5 Jan 2026 and from 6 Jan 2026 on");
    expect(asked(line("tools.events", "search:rain  snow"), label)).toBe("with the text “rain  snow”");
    expect(asked(line("tools.add_note", "ck1"), label)).toBe("");
  });

  it("is told with what it was given, or why not", () => {
    expect(tool(line("tools.days"))).toBe("Values of days");
    expect(tool(line("tools.own_tool"))).toBe("own tool");
    expect(given(line("tools.days", "", { n: 1_234 }))).toBe("1,234 data");
    expect(given(line("tools.days", "", { n: 1 }))).toBe("1 datum");
    expect(given(line("tools.days", "", { allowed: false, error: "forbidden" }))).toBe("refused: it may not");
  });

  it("leaves out how it found the way", () => {
    expect([line("tools.list"), line("initialize"), line("tools.days")].map(asks)).toEqual([false, false, true]);
  });
});

it("a check of the log says what it means, a missing beginning too", () => {
  const whole = { intact: true, lines: 1200, hash: "ab", since: 1, proven: true };
  expect(verdict(whole, "UTC")).toMatchObject({ good: true, title: "Nobody has changed it." });
  expect(verdict(whole, "UTC").text).toMatch(/^All 1,200 lines are as they were written\. Keep/);
  const pruned = { ...whole, since: 901, pruned: 1_767_225_600 };
  expect(verdict(pruned, "UTC").text).toMatch(/^Lines 901 to 1,200 are .* last on 1 Jan 2026.* and signed what they were\. Keep/);
  expect(verdict({ ...pruned, proven: false }, "UTC")).toMatchObject({ good: false, title: "Its beginning is gone." });
  expect(verdict({ ...whole, intact: false, broken: 7 }, "UTC")).toMatchObject({ good: false, title: "Line 7 is not as it was written." });
});
