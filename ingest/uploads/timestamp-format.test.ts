import { describe, expect, it } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import { createReadTime } from "./timestamp-format.ts";

describe("times", () => {
  it.each([
    [undefined, "2010-12-01T08:26:00", "2010-12-01T08:26:00.000Z"],
    [undefined, "2010-12-01 08:26", "2010-12-01T08:26:00.000Z"],
    ["iso", "2010-12-01T08:26:00+02:00", "2010-12-01T06:26:00.000Z"],
    [undefined, "1700000000123", "2023-11-14T22:13:20.123Z"],
    [undefined, "1700000000", undefined],
    [undefined, "01/12/2010", undefined],
    ["epoch_s", "1700000000", "2023-11-14T22:13:20.000Z"],
    ["epoch_s", "1700000000.5", "2023-11-14T22:13:20.500Z"],
    ["epoch_s", "-86400", "1969-12-31T00:00:00.000Z"],
    ["epoch_s", "soon", undefined],
    ["epoch_ms", "1700000000123", "2023-11-14T22:13:20.123Z"],
    ["epoch_ms", "1.5", undefined],
    ["dd/mm/yyyy hh:mm", "01/12/2010 08:26", "2010-12-01T08:26:00.000Z"],
    ["dd/mm/yyyy hh:mm", "1/2/2010 8:05", "2010-02-01T08:05:00.000Z"],
    ["dd/mm/yyyy hh:mm", "31/02/2010 08:26", undefined],
    ["dd/mm/yyyy hh:mm", "01/12/2010 24:00", undefined],
    ["dd/mm/yyyy hh:mm", "01/12/2010", undefined],
    ["DD.MM.YYYY HH:mm:ss", "29.02.2012 23:59:58", "2012-02-29T23:59:58.000Z"],
    ["M/d/yyyy h:mm a", "12/1/2010 12:05 am", "2010-12-01T00:05:00.000Z"],
    ["M/d/yyyy h:mm a", "12/1/2010 12:05 P.M.", "2010-12-01T12:05:00.000Z"],
    ["M/d/yyyy h:mm a", "12/1/2010 13:05 pm", undefined],
    ["M/d/yy H:mm", "12/1/10 8:26", "2010-12-01T08:26:00.000Z"],
    ["M/d/yy H:mm", "12/1/69 8:26", "1969-12-01T08:26:00.000Z"],
    ["yyyyMMddHHmmss", "20101201082605", "2010-12-01T08:26:05.000Z"],
    ["yyyy-MM-dd'T'HH:mm:ss.SSSZ", "2010-12-01T08:26:05.25+01:00", "2010-12-01T07:26:05.250Z"],
    ["yyyy-MM-ddTHH:mm", "2010-12-01T08:26", "2010-12-01T08:26:00.000Z"],
    ["mm:ss yyyy-mm-dd", "07:09 2010-12-01", "2010-12-01T00:07:09.000Z"],
    ["%d.%m.%Y %H:%M:%S", "01.12.2010 08:26:05", "2010-12-01T08:26:05.000Z"],
    ["%Y-%m-%dT%H:%M:%S.%f%z", "2010-12-01T08:26:05.123456+0000", "2010-12-01T08:26:05.123Z"],
    ["dd/mm/yyyy", "01/12/1850", undefined],
  ])("%s: %s", (format, text, expected) => {
    const ms = createReadTime(format)(text);
    expect(Number.isNaN(ms) ? undefined : new Date(ms).toISOString()).toBe(expected);
  });
});

describe("formats that cannot be understood", () => {
  it.each(["dd/mm", "hello", "yyyy-MM-dd yyyy", "dd MMM yyyy", "%q", "x".repeat(100), "yyyy mm"])(
    "%s",
    (format) => {
      expect(() => createReadTime(format)).toThrow(MillraceError);
      expect(() => createReadTime(format)).toThrow(/timestamp_format/);
    },
  );
});
