// Times as senders write them, to epoch milliseconds. On the path of every event, so the ISO form is read by
// character (0.03 µs) and not by Date.parse (0.2 µs), which also takes 2026-02-31 and local formats.

/** 1900-01-01T00:00:00Z: the earliest time that the store's DateTime64 holds. */
export const timestampMsMin = -2_208_988_800_000;
/** 2299-12-31T23:59:59.999Z: the latest one. */
export const timestampMsMax = 10_413_791_999_999;

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const dayMs = 86_400_000;
const textLengthMax = 40;

const zero = 48;
const plus = 43;
const minus = 45;
const dot = 46;
const comma = 44;
const colon = 58;

/** Two digits at `at` as a number, NaN when they are not digits (also past the end). */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - zero;
  const ones = text.charCodeAt(at + 1) - zero;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function daysInMonth(year: number, month: number): number {
  const leap = month === 2 && (year % 4 === 0 ? year % 100 !== 0 || year % 400 === 0 : false);
  return leap ? 29 : (monthDays[month - 1] as number);
}

/** Days since 1970-01-01. Source: Howard Hinnant, days_from_civil; years 0 to 9999. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Minutes east of UTC of the zone that starts at `at` and ends the text; NaN when it is none. */
function parseZone(text: string, at: number): number {
  const rest = text.length - at;
  // Without a zone the time is UTC.
  if (rest === 0) return 0;
  const sign = text.charCodeAt(at);
  if (rest === 1 && (sign === 90 || sign === 122)) return 0;
  if (sign !== plus && sign !== minus) return Number.NaN;
  const hours = twoDigits(text, at + 1);
  let minutes = 0;
  if (rest === 6 && text.charCodeAt(at + 3) === colon) minutes = twoDigits(text, at + 4);
  else if (rest === 5) minutes = twoDigits(text, at + 3);
  else if (rest !== 3) return Number.NaN;
  if (!(hours <= 18 && minutes <= 59)) return Number.NaN;
  return sign === minus ? -(hours * 60 + minutes) : hours * 60 + minutes;
}

function parseIso(text: string): number {
  if (text.length < 10 || text.length > textLengthMax) return Number.NaN;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (text.charCodeAt(4) !== minus || text.charCodeAt(7) !== minus) return Number.NaN;
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month))) return Number.NaN;
  const dateMs = daysFromCivil(year, month, day) * dayMs;
  if (text.length === 10) return dateMs;

  const separator = text.charCodeAt(10);
  // "T", "t" or a space between date and time.
  if (separator !== 84 && separator !== 116 && separator !== 32) return Number.NaN;
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  if (text.charCodeAt(13) !== colon || !(hour <= 23 && minute <= 59)) return Number.NaN;
  let at = 16;
  let second = 0;
  let fractionMs = 0;
  if (text.charCodeAt(at) === colon) {
    second = twoDigits(text, 17);
    if (!(second <= 59)) return Number.NaN;
    at = 19;
    const mark = text.charCodeAt(at);
    if (mark === dot || mark === comma) {
      let digits = 0;
      let weight = 100;
      for (at += 1; ; at += 1, digits += 1) {
        const digit = text.charCodeAt(at) - zero;
        if (!(digit >= 0 && digit <= 9)) break;
        // Digits below the millisecond are cut, as Date does.
        if (digits < 3) fractionMs += digit * weight;
        weight /= 10;
      }
      if (digits === 0) return Number.NaN;
    }
  }
  const zoneMinutes = parseZone(text, at);
  return dateMs + (hour * 60 + minute - zoneMinutes) * 60_000 + second * 1000 + fractionMs;
}

/**
 * Epoch milliseconds of an ISO 8601 text (date and time with zone, without zone in UTC, or a date alone) or of
 * a number of epoch milliseconds. NaN when it is neither, or outside 1900 to 2299.
 */
export function parseTimestamp(value: unknown): number {
  let ms = Number.NaN;
  if (typeof value === "string") ms = parseIso(value);
  else if (typeof value === "number") ms = Math.trunc(value);
  return ms >= timestampMsMin && ms <= timestampMsMax ? ms : Number.NaN;
}
