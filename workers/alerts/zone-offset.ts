// How far the local clock is ahead of UTC at an instant: what finds the same hour of another week.
const formats = new Map<string, Intl.DateTimeFormat>();
/** A zone that was seen is kept; there are a few hundred. */
const formatsMax = 1_000;

/** `zone` is an IANA name that the query tier has accepted. */
export function zoneOffsetMs(zone: string, instantMs: number): number {
  if (zone === "UTC") return 0;
  const name = formatOf(zone)
    .formatToParts(instantMs)
    .find(({ type }) => type === "timeZoneName")?.value;
  const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(name ?? "");
  if (match === null) throw new Error(`the offset of a zone reads ${name ?? "nothing"}`);
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = match;
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
  return sign === "-" ? -ms : ms;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    if (formats.size >= formatsMax) formats.clear();
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    formats.set(zone, format);
  }
  return format;
}
