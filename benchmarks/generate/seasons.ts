// When sessions begin: more at noon than at night, fewer at weekends, more towards the end of the range. The curve is
// cut into hours here; the store only interpolates between points of equal mass.
import { dayMs } from "./plan.ts";

const hourMs = 3_600_000;

/** Share of a day's sessions by the hour, UTC. */
const hourWeights = [3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 11, 12, 11, 10, 10, 10, 11, 12, 13, 12, 10, 7, 5];
/** From Sunday. */
const weekdayWeights = [0.7, 1.1, 1.15, 1.12, 1.1, 1, 0.75];
/** The last day has this many times the sessions of the first. */
const growth = 1.5;

/** Mass of sessions up to each hour of the range; the first is 0. */
export function cumulateHours(fromMs: number, endMs: number): Float64Array {
  const hours = Math.round((endMs - fromMs) / hourMs);
  const masses = new Float64Array(hours + 1);
  for (let hour = 0; hour < hours; hour += 1) {
    const at = new Date(fromMs + hour * hourMs);
    const weight = hourWeights[at.getUTCHours()] as number;
    const weekday = weekdayWeights[at.getUTCDay()] as number;
    const trend = 1 + ((growth - 1) * (hour * hourMs)) / Math.max(dayMs, endMs - fromMs);
    masses[hour + 1] = (masses[hour] as number) + weight * weekday * trend;
  }
  return masses;
}

/**
 * Offsets from `fromMs` in milliseconds at which `points + 1` equal parts of the mass between two fractions of the
 * whole (0..1) begin and end.
 */
export function pointsOfMass(
  masses: Float64Array,
  fractions: { readonly from: number; readonly to: number },
  points: number,
): number[] {
  const total = masses[masses.length - 1] as number;
  const offsets: number[] = [];
  let hour = 0;
  for (let point = 0; point <= points; point += 1) {
    const mass = total * (fractions.from + ((fractions.to - fractions.from) * point) / points);
    while (hour < masses.length - 2 && (masses[hour + 1] as number) <= mass) hour += 1;
    const start = masses[hour] as number;
    const part = (masses[hour + 1] as number) - start;
    offsets.push(Math.round((hour + Math.min(1, Math.max(0, (mass - start) / part))) * hourMs));
  }
  return offsets;
}
