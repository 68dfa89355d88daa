/** What a person types for a measure, as the number that the server keeps. */

import type { Measure } from "../../lib/api";
import { type Units, METRIC, clock, text } from "../../lib/units";

/** A unit that values may be typed in: `typed = canonical * factor + base`. */
export interface UnitChoice {
  unit: string;
  factor: number;
  base: number;
}

const plain = (unit: string): UnitChoice => ({ unit, factor: 1, base: 0 });

const LB = 1 / 0.45359237;
const BODY_LENGTHS = new Set(["height", "waist", "step_length", "stride_length"]);
const SHOWN: Record<string, string> = {
  "/min": "per minute",
  "mm[Hg]": "mmHg",
  "[iU]": "IU",
  "ug/m3": "µg/m³",
  "kg/m2": "kg/m²",
  "1": "",
  "scale:1-9": "",
  currency: "",
};

/** The units that a measure may be typed in, the reader's own first. */
export function unitChoices(measure: Measure, units: Units): UnitChoice[] {
  const chosen = { ...METRIC, ...units };
  const first = (all: UnitChoice[], unit: string | undefined) =>
    [...all].sort((a, b) => Number(b.unit === unit) - Number(a.unit === unit));
  switch (measure.unit) {
    case "kg":
      return first([plain("kg"), { unit: "lb", factor: LB, base: 0 }], chosen.mass === "kg" ? "kg" : "lb");
    case "m":
      if (BODY_LENGTHS.has(measure.key)) {
        const all = [{ unit: "cm", factor: 100, base: 0 }, { unit: "in", factor: 1 / 0.0254, base: 0 }];
        return first(all, chosen.height);
      }
      return first(
        [{ unit: "km", factor: 0.001, base: 0 }, { unit: "mi", factor: 1 / 1609.344, base: 0 }, plain("m")],
        measure.key === "elevation_gain" ? "m" : chosen.distance,
      );
    case "m/s":
      return first(
        [{ unit: "km/h", factor: 3.6, base: 0 }, { unit: "mph", factor: 2.2369362921, base: 0 }],
        chosen.distance === "mi" ? "mph" : "km/h",
      );
    case "Cel":
      return first([plain("°C"), { unit: "°F", factor: 1.8, base: 32 }], chosen.temperature);
    case "delta:Cel":
      return first([plain("°C"), { unit: "°F", factor: 1.8, base: 0 }], chosen.temperature);
    case "kcal":
      return first([plain("kcal"), { unit: "kJ", factor: 4.184, base: 0 }], chosen.energy);
    case "mL":
      return first(
        [plain("mL"), { unit: "L", factor: 0.001, base: 0 }, { unit: "fl oz", factor: 1 / 29.5735295625, base: 0 }],
        chosen.volume === "fl oz" ? "fl oz" : "mL",
      );
    case "mmol/L":
      return measure.key === "glucose"
        ? first([plain("mmol/L"), { unit: "mg/dL", factor: 18.0156, base: 0 }], chosen.glucose)
        : [plain("mmol/L")];
    case "min":
      return [plain("min"), { unit: "h", factor: 1 / 60, base: 0 }];
    case "1":
      if (measure.high === 1 && measure.value === "number") return [{ unit: "%", factor: 100, base: 0 }];
      return [plain("")];
    default:
      return [plain(SHOWN[measure.unit] ?? (measure.unit.startsWith("currency:") ? measure.unit.slice(9) : measure.unit))];
  }
}

export function isClock(measure: Measure): boolean {
  return measure.unit === "min:midnight" || measure.unit === "min:midday";
}

/** Whether a day's value of this measure is words. */
export function isText(measure: Measure): boolean {
  if (measure.daily === "count" || measure.daily === "duration") return false;
  return measure.daily === "join" || measure.value === "text" || measure.value === "object";
}

export type Read = { value: number | string } | { wrong: string };

/** Read what was typed; `wrong` says what to correct. */
export function read(typed: string, measure: Measure, choice: UnitChoice): Read {
  const said = typed.trim();
  if (said === "") return { wrong: "Say a value." };
  if (isText(measure)) return { value: said };
  const at = /^(\d{1,2})[:.h](\d{2})$/.exec(said);
  if (isClock(measure)) {
    if (at === null || Number(at[1]) > 23 || Number(at[2]) > 59) return { wrong: "Say a time like 23:15." };
    const minutes = Number(at[1]) * 60 + Number(at[2]);
    return { value: measure.unit === "min:midnight" ? minutes : (minutes - 720 + 1440) % 1440 };
  }
  if (measure.unit === "min") {
    const long = /^(\d{1,3})\s*(?::|h)\s*(\d{1,2})?\s*(?:m|min)?$/.exec(said);
    if (long !== null) return bounded(Number(long[1]) * 60 + Number(long[2] ?? 0), measure, choice);
  }
  const number = Number(numeral(said));
  if (!/\d/.test(said) || !Number.isFinite(number)) return { wrong: `“${said}” is no number.` };
  const value = (number - choice.base) / choice.factor;
  if (measure.value === "integer" && choice.factor === 1 && !Number.isInteger(value)) {
    return { wrong: "Only whole numbers." };
  }
  return bounded(Number(value.toPrecision(12)), measure, choice);
}

/** "1 234,5" and "1,234.5" as a numeral; a lone comma is a decimal one. */
export function numeral(said: string): string {
  const bare = said.replace(/[\s\u00a0\u202f']/g, "").replace("−", "-");
  if (bare.includes(",") && bare.includes(".")) {
    return bare.lastIndexOf(",") > bare.lastIndexOf(".")
      ? bare.replaceAll(".", "").replace(",", ".")
      : bare.replaceAll(",", "");
  }
  if (/^[+-]?\d{1,3}(,\d{3}){2,}$/.test(bare)) return bare.replaceAll(",", "");
  return bare.replace(",", ".");
}

function bounded(value: number, measure: Measure, choice: UnitChoice): Read {
  const low = measure.low !== undefined && value < measure.low;
  const high = measure.high !== undefined && value > measure.high;
  if (low || high) return { wrong: `That cannot be: ${measure.label} is ${bounds(measure, choice)}.` };
  return { value };
}

/** "1 to 9", "0 % to 100 %", "0 or more"; "" where anything goes. */
export function bounds(measure: Measure, choice: UnitChoice): string {
  if (isText(measure)) return "";
  if (isClock(measure)) return "a time like 23:15";
  const shown = (v: number) => {
    const at = Number((v * choice.factor + choice.base).toPrecision(4));
    return `${at.toLocaleString("en-GB")}${choice.unit === "" ? "" : `\u00a0${choice.unit}`}`;
  };
  if (measure.low !== undefined && measure.high !== undefined) return `${shown(measure.low)} to ${shown(measure.high)}`;
  if (measure.low !== undefined) return `${shown(measure.low)} or more`;
  if (measure.high !== undefined) return `${shown(measure.high)} at most`;
  return measure.value === "integer" ? "a whole number" : "";
}

/** A stored value as it would be typed. */
export function typed(value: number | string, measure: Measure, choice: UnitChoice): string {
  if (typeof value === "string") return value;
  if (measure.unit === "min:midnight") return clock(value);
  if (measure.unit === "min:midday") return clock(value + 720);
  return String(Number((value * choice.factor + choice.base).toPrecision(8)));
}

/** What was said, for messages. */
export function said(value: number | string, measure: Measure, units: Units): string {
  return `${measure.label} ${text(value, measure, units)}`;
}

/** A key for an own measure of this name that none of `taken` is. */
export function ownKey(label: string, taken: (key: string) => boolean): string {
  const plainName = label
    .normalize("NFKD")
    .replace(/ß/g, "ss")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 60);
  const base = /^[a-z]/.test(plainName) ? plainName : `own_${plainName}`.replace(/_$/, "");
  let key = base;
  for (let n = 2; taken(key); n += 1) key = `${base}_${n}`;
  return key;
}

const ID = "abcdefghijklmnopqrstuvwxyz0123456789";

/** An event id of our own, so that a photo can follow it even when both wait to be sent. */
export function eventId(): string {
  const dice = crypto.getRandomValues(new Uint8Array(24));
  return `c${[...dice].map((d) => ID[d % ID.length]).join("")}`;
}
