/** A measure keeps its colour everywhere: the token's name, "--c1" to "--c6". */

const KNOWN: Record<string, string> = {
  steps: "--c1",
  distance_walk_run: "--c1",
  floors: "--c1",
  mood: "--c2",
  energy_active: "--c2",
  productive_time: "--c3",
  active_time: "--c3",
  heart_rate: "--c4",
  heart_rate_resting: "--c4",
  distracting_time: "--c4",
  sleep: "--c5",
  time_in_bed: "--c5",
  sleep_start: "--c5",
  sleep_end: "--c5",
  weight: "--c6",
  weather_temp_max: "--c6",
};

const COLOURS = 6;

export function colourOf(measure: string): string {
  const known = KNOWN[measure];
  if (known !== undefined) return known;
  let sum = 0;
  for (const letter of measure) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return `--c${(sum % COLOURS) + 1}`;
}
