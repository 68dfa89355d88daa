import { describe, expect, it } from "vitest";
import type { Measure } from "../src/lib/api";
import { bounds, eventId, numeral, ownKey, read, typed, unitChoices } from "../src/pages/add/entry";
import { choices, label } from "../src/pages/add/find";

const measure = (more: Partial<Measure>): Measure => ({
  key: "k", label: "K", group: "custom", unit: "1", shape: "event", daily: "last", value: "number", stream: "s", type: "t/t", ...more,
});
const first = (of: Measure, units = {}) => unitChoices(of, units)[0] ?? { unit: "", factor: 1, base: 0 };

describe("values by hand", () => {
  const weight = measure({ key: "weight", label: "Weight", unit: "kg", low: 1, high: 700 });
  const mood = measure({ key: "mood", label: "Mood", unit: "scale:1-9", low: 1, high: 9 });
  const bed = measure({ key: "sleep_start", unit: "min:midday", value: "integer" });
  const asleep = measure({ key: "sleep", unit: "min", shape: "session", daily: "duration" });

  it("are typed in the reader's unit and kept in the measure's", () => {
    expect(first(weight, { mass: "lb" }).unit).toBe("lb");
    expect(read("180.5", weight, first(weight, { mass: "lb" }))).toEqual({ value: 81.873422785 });
    expect(read("98.6", measure({ unit: "Cel" }), first(measure({ unit: "Cel" }), { temperature: "°F" }))).toEqual({ value: 37 });
    expect(read("85", measure({ high: 1 }), first(measure({ high: 1 })))).toEqual({ value: 0.85 });
  });

  it("are read as people write numbers", () => {
    expect(numeral("1 234,5")).toBe("1234.5");
    expect(numeral("1,234.5")).toBe("1234.5");
    expect(numeral("1.234,5")).toBe("1234.5");
    expect(numeral("1,234,567")).toBe("1234567");
    expect(read("7:30", asleep, first(asleep))).toEqual({ value: 450 });
    expect(read("7h", asleep, first(asleep))).toEqual({ value: 420 });
    expect(read("23:30", bed, first(bed))).toEqual({ value: 690 });
    expect(read("0:30", bed, first(bed))).toEqual({ value: 750 });
  });

  it("are refused in a sentence that says what can be", () => {
    expect(read("12", mood, first(mood))).toEqual({ wrong: "That cannot be: Mood is 1 to 9." });
    expect(read("", mood, first(mood))).toEqual({ wrong: "Say a value." });
    expect(read("good", mood, first(mood))).toEqual({ wrong: "“good” is no number." });
    expect(read("25:00", bed, first(bed))).toEqual({ wrong: "Say a time like 23:15." });
    expect(read("1.5", measure({ value: "integer" }), first(measure({ value: "integer" })))).toEqual({ wrong: "Only whole numbers." });
    expect(bounds(weight, first(weight, { mass: "lb" }))).toBe("2.205\u00a0lb to 1,543\u00a0lb");
  });

  it("come back as they were typed", () => {
    for (const [text, of, units] of [["180.5", weight, { mass: "lb" }], ["23:30", bed, {}], ["7.5", mood, {}]] as const) {
      const got = read(text, of, first(of, units));
      expect("value" in got && typed(got.value, of, first(of, units))).toBe(text);
    }
  });
});

describe("finding what to add", () => {
  const all = [measure({ key: "mood", label: "Mood" }), measure({ key: "weight", label: "Weight" }), measure({ key: "headache", label: "Headache", own: true, value: "boolean" })];

  it("offers what is used first, then what was typed, then to make it", () => {
    expect(choices("", all, ["headache"]).map(label).slice(0, 4)).toEqual(["Note", "Photo", "Headache", "Mood"]);
    expect(choices("wei", all, []).map(label)).toEqual(["Weight", "Make “wei” a measure of your own"]);
    expect(choices("weight", all, []).map(label)).toEqual(["Weight"]);
  });

  it("makes keys that the server takes and nobody has", () => {
    expect(ownKey("Café au lait", () => false)).toBe("cafe_au_lait");
    expect(ownKey("7 Minuten", () => false)).toBe("own_7_minuten");
    expect(ownKey("Mood", (k) => k === "mood")).toBe("mood_2");
    expect(eventId()).toMatch(/^c[a-z0-9]{24}$/);
  });
});
