// Which character separates the values of a CSV file: the one that cuts its first lines into equally many values,
// and into the most.
import { parse } from "csv-parse/sync";

const candidates = [",", ";", "\t", "|"] as const;
const linesLooked = 20;
const recordBytesMax = 256 * 1024;

/** `head` is the beginning of the file, cut anywhere. */
export function detectDelimiter(head: Buffer): string {
  let best = { delimiter: ",", alike: 0, width: 1 };
  for (const delimiter of candidates) {
    const widths = readWidths(head, delimiter);
    const width = widths[0] ?? 1;
    if (width < 2) continue;
    const alike = widths.filter((each) => each === width).length / widths.length;
    if (alike > best.alike || (alike === best.alike && width > best.width))
      best = { delimiter, alike, width };
  }
  return best.delimiter;
}

function readWidths(head: Buffer, delimiter: string): number[] {
  const widths: number[] = [];
  try {
    parse(head, {
      delimiter,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      max_record_size: recordBytesMax,
      to: linesLooked,
      on_record(fields: string[]) {
        if (fields.length > 1 || fields[0] !== "") widths.push(fields.length);
        return null;
      },
    });
  } catch {
    // The head ends inside a quote, or the quotes make no sense with this delimiter: what was read so far counts.
  }
  return widths;
}
