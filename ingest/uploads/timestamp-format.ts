// The parameter `timestamp_format` of uploads ▸ a function that reads times in it. Times without a zone are UTC.
import { parameterError } from "#schemas/uploads/mapping.ts";
import { parseTimestamp } from "../events/parse-timestamp.ts";

/** Epoch milliseconds, or NaN. */
export type ReadTime = (text: string) => number;

type Unit = "year" | "month" | "day" | "hour" | "minute" | "second" | "fraction" | "half" | "zone";
interface Token {
  readonly unit: Unit;
  readonly pattern: string;
}

const integer = /^-?\d{1,16}$/;
const decimal = /^-?\d{1,14}(?:\.\d{1,9})?$/;
/** As many digits as epoch milliseconds have had since 1973: shorter numbers could be seconds, and are not guessed. */
const epochMs = /^\d{12,14}$/;
const patternLengthMax = 60;

/** Two-digit years: up to 68 are of this century, as POSIX reads them. */
const centuryPivot = 68;

const strftime: Readonly<Record<string, string>> = {
  Y: "yyyy",
  y: "yy",
  m: "MM",
  d: "dd",
  e: "d",
  H: "HH",
  I: "hh",
  M: "mm",
  S: "ss",
  f: "SSSSSS",
  p: "a",
  z: "Z",
  F: "yyyy-MM-dd",
  T: "HH:mm:ss",
};

/** Throws INVALID_PARAMETER when the format cannot be understood. */
export function createReadTime(format: string | undefined): ReadTime {
  if (format === undefined || format.toLowerCase() === "iso") {
    return (text) => parseTimestamp(epochMs.test(text) ? Number(text) : text);
  }
  if (format === "epoch_ms")
    return (text) => (integer.test(text) ? parseTimestamp(Number(text)) : Number.NaN);
  if (format === "epoch_s") {
    return (text) => (decimal.test(text) ? parseTimestamp(Math.round(Number(text) * 1000)) : Number.NaN);
  }
  return createReadPattern(format);
}

function createReadPattern(format: string): ReadTime {
  const pieces = splitPattern(format);
  const units = pieces.filter((piece) => typeof piece !== "string").map(({ unit }) => unit);
  for (const needed of ["year", "month", "day"] as const) {
    if (!units.includes(needed)) throw refuse(`has no ${needed}`);
  }
  const twice = units.find((unit, index) => units.indexOf(unit) !== index);
  if (twice !== undefined) throw refuse(`has the ${twice} twice`);
  const expression = new RegExp(
    `^${pieces.map((piece) => (typeof piece === "string" ? escape(piece) : piece.pattern)).join("")}$`,
  );
  return (text) => {
    const match = expression.exec(text);
    if (match === null) return Number.NaN;
    const value: Partial<Record<Unit, string>> = {};
    units.forEach((unit, index) => (value[unit] = match[index + 1] as string));
    return buildTime(value);
  };
}

function refuse(what: string): ReturnType<typeof parameterError> {
  return parameterError(
    "timestamp_format",
    `\`timestamp_format\` ${what}; it must be iso, epoch_s, epoch_ms or a pattern such as dd/mm/yyyy hh:mm or %d/%m/%Y %H:%M.`,
  );
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");

/** Letters are units in any case; `m` after an hour or before seconds is a minute, else a month. */
function splitPattern(format: string): (string | Token)[] {
  if (format.length > patternLengthMax) throw refuse("is too long");
  const plain = format.includes("%")
    ? format.replace(/%(.)/g, (_all, letter: string) => {
        const known = strftime[letter];
        if (known === undefined) throw refuse(`has %${letter}, which is not known,`);
        return known;
      })
    : format;
  // Literal text in quotes ('T'), runs of one letter, everything else as it stands.
  const parts = plain.match(/'[^']*'|y+|M+|m+|d+|D+|Y+|H+|h+|s+|S+|a+|A+|Z+|z+|x+|X+|T|[^A-Za-z']|./g) ?? [];
  const pieces: (string | Token)[] = [];
  const isUnit = (part: string | undefined, letter: string): boolean => part?.[0]?.toLowerCase() === letter;
  parts.forEach((part, index) => {
    const next = parts[index + 1];
    const exact = next !== undefined && /^[A-Za-z]/.test(next) && next !== "T";
    const two = exact && part.length > 1 ? "(\\d{2})" : "(\\d{1,2})";
    const lower = part[0]?.toLowerCase() ?? "";
    if (part.startsWith("'")) pieces.push(part.slice(1, -1));
    else if (part === "T" || !/^[A-Za-z]/.test(part)) pieces.push(part);
    else if (lower === "y")
      pieces.push({ unit: "year", pattern: part.length <= 2 ? "(\\d{2})" : "(\\d{4})" });
    else if (lower === "d") pieces.push({ unit: "day", pattern: two });
    else if (lower === "h") pieces.push({ unit: "hour", pattern: two });
    else if (/^S{3,}$/.test(part)) pieces.push({ unit: "fraction", pattern: "(\\d{1,9})" });
    else if (lower === "s") pieces.push({ unit: "second", pattern: two });
    else if (lower === "a") pieces.push({ unit: "half", pattern: "([AaPp]\\.?[Mm]\\.?)" });
    else if (lower === "z" || lower === "x")
      pieces.push({ unit: "zone", pattern: "(Z|z|[-+]\\d{2}:?(?:\\d{2})?)" });
    else if (lower === "m") {
      const before = parts.slice(0, index).filter((each) => /^[A-Za-z]/.test(each) && each !== "T");
      const after = parts.slice(index + 1).filter((each) => /^[A-Za-z]/.test(each) && each !== "T");
      const isMinute = isUnit(before.at(-1), "h") || isUnit(after[0], "s");
      if (part.length > 2) throw refuse("has the month in letters, which is not supported,");
      pieces.push({ unit: isMinute ? "minute" : "month", pattern: two });
    } else throw refuse(`has "${part}", which is no unit,`);
  });
  return pieces;
}

function buildTime(value: Partial<Record<Unit, string>>): number {
  const yearText = value.year as string;
  const short = Number(yearText);
  const year = yearText.length === 2 ? short + (short <= centuryPivot ? 2000 : 1900) : short;
  const month = Number(value.month);
  const day = Number(value.day);
  const hour = decideHour(Number(value.hour ?? 0), value.half);
  const minute = Number(value.minute ?? 0);
  const second = Number(value.second ?? 0);
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN;
  const ms = Math.trunc(Number(`0.${value.fraction ?? 0}`) * 1000 + 1e-6);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that does not exist would have moved into the next month.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return Number.NaN;
  date.setUTCHours(hour, minute, second, ms);
  return parseTimestamp(date.getTime() - readZoneMinutes(value.zone) * 60_000);
}

/** 12 a.m. is the first hour of the day, 12 p.m. noon. */
function decideHour(hour: number, half: string | undefined): number {
  if (half === undefined) return hour;
  if (hour < 1 || hour > 12) return Number.NaN;
  return (hour % 12) + (half.toLowerCase().startsWith("p") ? 12 : 0);
}

function readZoneMinutes(zone: string | undefined): number {
  if (zone === undefined || zone.toLowerCase() === "z") return 0;
  const digits = zone.slice(1).replace(":", "");
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0);
  return zone.startsWith("-") ? -minutes : minutes;
}
