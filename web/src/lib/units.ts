/** How values are shown: in the units that the reader chose, in the words of the measure. */

import { locale } from "./dates";

/** What a measure says of its values. */
export interface Valued {
  key: string;
  unit: string;
  value: string;
  daily?: string;
  high?: number | undefined;
}

export type Kind = "mass" | "height" | "distance" | "temperature" | "energy" | "volume" | "glucose";
export type Units = Partial<Record<Kind, string>>;

interface Choice {
  unit: string;
  label: string;
}

/** The choices of each kind; the first is metric, the last imperial. */
export const CHOICES: Record<Kind, { label: string; choices: Choice[] }> = {
  mass: {
    label: "Weight",
    choices: [
      { unit: "kg", label: "Kilograms (kg)" },
      { unit: "st", label: "Stones and pounds (st lb)" },
      { unit: "lb", label: "Pounds (lb)" },
    ],
  },
  height: {
    label: "Height",
    choices: [
      { unit: "cm", label: "Centimetres (cm)" },
      { unit: "in", label: "Feet and inches (ft in)" },
    ],
  },
  distance: {
    label: "Distance",
    choices: [
      { unit: "km", label: "Kilometres (km)" },
      { unit: "mi", label: "Miles (mi)" },
    ],
  },
  temperature: {
    label: "Temperature",
    choices: [
      { unit: "°C", label: "Celsius (°C)" },
      { unit: "°F", label: "Fahrenheit (°F)" },
    ],
  },
  energy: {
    label: "Energy",
    choices: [
      { unit: "kcal", label: "Kilocalories (kcal)" },
      { unit: "kJ", label: "Kilojoules (kJ)" },
    ],
  },
  volume: {
    label: "Drinks",
    choices: [
      { unit: "L", label: "Litres (L)" },
      { unit: "fl oz", label: "Fluid ounces (fl oz)" },
    ],
  },
  glucose: {
    label: "Blood glucose",
    choices: [
      { unit: "mmol/L", label: "Millimoles a litre (mmol/L)" },
      { unit: "mg/dL", label: "Milligrams a decilitre (mg/dL)" },
    ],
  },
};

export const METRIC: Units = Object.fromEntries(
  Object.entries(CHOICES).map(([kind, { choices }]) => [kind, choices[0]?.unit]),
);
export const IMPERIAL: Units = {
  ...METRIC,
  mass: "lb",
  height: "in",
  distance: "mi",
  temperature: "°F",
  volume: "fl oz",
};

const LB = 0.45359237;
const GLUCOSE_MG_DL = 18.0156;
const KJ = 4.184;
const FL_OZ_ML = 29.5735295625;

/** Lengths of the body and of steps are not distances. */
const BODY_LENGTHS = new Set(["height", "waist", "step_length", "stride_length"]);
const CLIMBS = new Set(["elevation_gain"]);

function number(value: number, digits: number, least = 0): string {
  return new Intl.NumberFormat(locale(), {
    maximumFractionDigits: digits,
    minimumFractionDigits: least,
  }).format(value);
}

/** As many decimals as a value of this size needs. */
function plain(value: number): string {
  const size = Math.abs(value);
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}

export function duration(minutes: number): string {
  const whole = Math.round(minutes);
  const h = Math.floor(Math.abs(whole) / 60);
  const m = Math.abs(whole) % 60;
  const sign = whole < 0 ? "−" : "";
  if (h === 0) return `${sign}${m} min`;
  return m === 0 ? `${sign}${h} h` : `${sign}${h} h ${m} m`;
}

/** Minutes between the ticks of an axis of durations or times of day: parts of hours, hours. */
const OF_HOURS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1_440, 2_880];
const IN_MINUTES = new Set(["min", "min:midnight", "min:midday"]);

export function stepsOf(of: Valued): readonly number[] | undefined {
  return IN_MINUTES.has(of.unit) ? OF_HOURS : undefined;
}

export function clock(minutes: number): string {
  const of = ((Math.round(minutes) % 1440) + 1440) % 1440;
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(Math.floor(of / 60))}:${two(of % 60)}`;
}

export interface Shown {
  text: string;
  unit: string;
}

function said(text: string, unit = ""): Shown {
  return { text, unit };
}

const SAME: Record<string, string> = {
  "/min": "bpm",
  "mm[Hg]": "mmHg",
  "[iU]": "IU",
  "ug/m3": "µg/m³",
  "mg/m3": "mg/m³",
  "kg/m2": "kg/m²",
  "mL/kg/min": "mL/kg/min",
  uS: "µS",
  deg: "°",
  By: "bytes",
};
const PER_MINUTE: Record<string, string> = {
  cadence_cycle: "rpm",
  cadence_step: "steps/min",
  respiratory_rate: "breaths/min",
};

/** A value and its unit, parted, in the reader's units. */
export function show(value: number, of: Valued, units: Units = {}): Shown {
  const chosen = { ...METRIC, ...units };
  switch (of.unit) {
    case "min":
      return said(duration(value));
    case "s":
      return value >= 90 ? said(duration(value / 60)) : said(plain(value), "s");
    case "min:midnight":
      return said(clock(value));
    case "min:midday":
      return said(clock(value + 720));
    case "scale:1-9":
      return said(number(value, 1));
    case "kg":
      if (chosen.mass === "lb") return said(number(value / LB, 1), "lb");
      if (chosen.mass === "st") {
        const pounds = Math.round(value / LB);
        return said(`${Math.floor(pounds / 14)} st ${pounds % 14}`, "lb");
      }
      return said(number(value, 1), "kg");
    case "m":
      return length(value, of.key, chosen);
    case "m/s":
      return chosen.distance === "mi"
        ? said(number(value * 2.2369362921, 1), "mph")
        : said(number(value * 3.6, 1), "km/h");
    case "Cel":
      return chosen.temperature === "°F"
        ? said(number(value * 1.8 + 32, 1), "°F")
        : said(number(value, 1), "°C");
    case "delta:Cel":
      return chosen.temperature === "°F"
        ? said(signed(value * 1.8), "°F")
        : said(signed(value), "°C");
    case "kcal":
      return chosen.energy === "kJ"
        ? said(number(value * KJ, 0), "kJ")
        : said(number(value, 0), "kcal");
    case "mL":
      if (chosen.volume === "fl oz") return said(number(value / FL_OZ_ML, 1), "fl oz");
      return value >= 1000 ? said(number(value / 1000, 2), "L") : said(number(value, 0), "mL");
    case "mmol/L":
      return of.key === "glucose" && chosen.glucose === "mg/dL"
        ? said(number(value * GLUCOSE_MG_DL, 0), "mg/dL")
        : said(number(value, 1), "mmol/L");
    case "/min":
      return said(number(value, value % 1 === 0 ? 0 : 1), PER_MINUTE[of.key] ?? "bpm");
    case "currency":
      return said(number(value, 2, 2));
    case "1":
      if (of.value === "boolean") return said(value === 0 ? "no" : "yes");
      if (of.high === 1 && of.value === "number") return said(number(value * 100, 1), "%");
      return said(of.value === "integer" ? number(value, 0) : plain(value));
    default:
      if (of.unit.startsWith("currency:")) return said(number(value, 2, 2), of.unit.slice(9));
      return said(plain(value), SAME[of.unit] ?? of.unit);
  }
}

function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${number(value, 1)}`;
}

function length(value: number, key: string, chosen: Units): Shown {
  const imperial = chosen.distance === "mi";
  if (BODY_LENGTHS.has(key)) {
    if (chosen.height !== "in") return said(number(value * 100, value < 1 ? 1 : 0), "cm");
    const inches = value / 0.0254;
    if (inches < 36) return said(number(inches, 1), "in");
    const whole = Math.round(inches);
    return said(`${Math.floor(whole / 12)} ft ${whole % 12}`, "in");
  }
  if (CLIMBS.has(key)) {
    return imperial ? said(number(value / 0.3048, 0), "ft") : said(number(value, 0), "m");
  }
  if (imperial) return said(number(value / 1609.344, value < 16_093 ? 2 : 1), "mi");
  return value < 1000 ? said(number(value, 0), "m") : said(number(value / 1000, value < 10_000 ? 2 : 1), "km");
}

/** A value with its unit, as one text. */
export function text(value: number | string | null, of: Valued, units: Units = {}): string {
  if (value === null) return "no data";
  if (typeof value === "string") return value;
  const { text: words, unit } = show(value, of, units);
  if (unit === "") return words;
  return `${words}\u00a0${unit}`;
}

/** Whether "31 % below" makes sense: not for clock times, scales that start anywhere, degrees. */
export function ratio(of: Valued): boolean {
  return !["min:midnight", "min:midday", "Cel", "delta:Cel", "scale:1-9"].includes(of.unit);
}
