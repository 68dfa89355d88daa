import { describe, expect, it } from "vitest";
import { type Line, asked, asks, given, tool } from "../src/lib/audit";

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
