import { expect, test } from "vitest";
import { IMPERIAL, stepsOf, text } from "../src/lib/units";

const of = (unit: string, key = "x", value = "number", high?: number) => ({ key, unit, value, high });
const plain = (words: string) => words.replaceAll("\u00a0", " ");

test("metric is what is shown without a choice", () => {
  expect(plain(text(72.44, of("kg")))).toBe("72.4 kg");
  expect(plain(text(8_150, of("m")))).toBe("8.15 km");
  expect(plain(text(1.82, of("m", "height")))).toBe("182 cm");
  expect(plain(text(36.6, of("Cel")))).toBe("36.6 °C");
});

test("imperial is a choice for each kind", () => {
  expect(plain(text(72.44, of("kg"), IMPERIAL))).toBe("159.7 lb");
  expect(plain(text(72.44, of("kg"), { mass: "st" }))).toBe("11 st 6 lb");
  expect(plain(text(8_150, of("m"), IMPERIAL))).toBe("5.06 mi");
  expect(plain(text(1.82, of("m", "height"), IMPERIAL))).toBe("6 ft 0 in");
  expect(plain(text(36.6, of("Cel"), IMPERIAL))).toBe("97.9 °F");
  expect(plain(text(72.44, of("kg"), { temperature: "°F" }))).toBe("72.4 kg");
});

test("times are said as people say them", () => {
  expect(text(468, of("min"))).toBe("7 h 48 m");
  expect(text(59.6, of("min"))).toBe("1 h");
  expect(text(0, of("min"))).toBe("0 min");
  expect(text(690, of("min:midday"))).toBe("23:30");
  expect(text(435, of("min:midnight"))).toBe("07:15");
});

test("counts, shares and rates read well", () => {
  expect(text(6_360, of("1", "steps", "integer"))).toBe("6,360");
  expect(plain(text(0.183, of("1", "body_fat", "number", 1)))).toBe("18.3 %");
  expect(plain(text(55.6, of("/min", "heart_rate_resting")))).toBe("55.6 bpm");
  expect(text(1, of("1", "headache", "boolean"))).toBe("yes");
  expect(text(null, of("kg"))).toBe("no data");
});

test("divides hours where an axis shows durations or times of day", () => {
  expect(stepsOf({ key: "sleep", unit: "min", value: "number" })).toContain(120);
  expect(stepsOf({ key: "sleep", unit: "min", value: "number" })).not.toContain(100);
  expect(stepsOf({ key: "steps", unit: "1", value: "integer" })).toBeUndefined();
});
