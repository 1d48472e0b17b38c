// A stretch of time in a zone as segments of constant offset, so that calendars become integer arithmetic:
// 10,000 local days cost microseconds each when computed one by one, nanoseconds inside a segment.
import { Temporal } from "@js-temporal/polyfill";

export interface ZoneSegment {
  /** First instant of the segment, epoch milliseconds. */
  readonly startMs: number;
  /** First instant after it. */
  readonly endMs: number;
  /** Local time minus UTC. */
  readonly offsetMs: number;
}

/** No zone changes its offset more often; also ends the loop for a zone whose data is broken. */
const transitionsMax = 5_000;

/** Segments that cover [startMs, endMs) in order. */
export function buildZoneSegments(zone: string, startMs: number, endMs: number): ZoneSegment[] {
  const segments: ZoneSegment[] = [];
  let at = Temporal.Instant.fromEpochMilliseconds(startMs).toZonedDateTimeISO(zone);
  let segmentStart = startMs;
  for (let count = 0; count < transitionsMax; count += 1) {
    const offsetMs = Math.round(at.offsetNanoseconds / 1_000_000);
    const next = at.getTimeZoneTransition("next");
    const segmentEnd = next === null ? endMs : Math.min(next.epochMilliseconds, endMs);
    segments.push({ startMs: segmentStart, endMs: segmentEnd, offsetMs });
    if (next === null || segmentEnd >= endMs) return segments;
    segmentStart = segmentEnd;
    at = next;
  }
  throw new Error(`zone ${zone} has more than ${transitionsMax} transitions`);
}

/** Names that were found good: there are some hundred zones, in some spellings. */
const goodZones = new Set<string>();
const goodZonesMax = 2_000;

/** True for a zone that Intl knows; only such names reach Temporal. */
export function isTimeZone(zone: string): boolean {
  if (goodZones.has(zone)) return true;
  const isGood = isKnownToIntl(zone);
  if (isGood && goodZones.size < goodZonesMax) goodZones.add(zone);
  return isGood;
}

/** A tenth of a millisecond. */
function isKnownToIntl(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: zone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
