// The table `events` as a Native block: every column of the migration once, in its order. The last step of the
// event pipeline before the insert; runs in a pool thread, about 1 µs an event.
import { BlockWriter } from "./block.ts";
import type { Column } from "./column.ts";
import { JsonColumn } from "./json-column.ts";
import { DateTime64Column, UInt16Column, UInt32Column, UInt64Column, UInt8Column } from "./number-columns.ts";
import { LowCardinalityColumn, StringColumn } from "./string-columns.ts";

/** One row of `events`. */
export interface EventRow {
  projectId: number;
  event: string;
  /** Epoch milliseconds, 1900 to 2299. */
  timestamp: number;
  userNumber: number;
  eventId: string;
  userId: string;
  anonymousId: string;
  sessionId: string;
  /** JSON text of an object. */
  properties: string;
  /** JSON text, stored as it is. */
  context: string;
  pageUrl: string;
  referrerDomain: string;
  utmSource: string;
  utmMedium: string;
  utmCampaign: string;
  browser: string;
  os: string;
  device: string;
  isBot: boolean;
  /** Epoch milliseconds, 1900 to 2299. */
  receivedAt: number;
  logPartition: number;
  logSequence: number;
  retentionDays: number;
}

/** max_dynamic_paths of the column `properties`; equal to the migration's. */
const propertyPathsMax = 256;

/**
 * Settings an insert of such a block needs, for properties that go as text: values keep the type they have.
 * Whoever prints `properties` needs `json_type_escape_dots_in_keys` too, to get keys with dots back.
 */
export const eventsInsertSettings = {
  json_type_escape_dots_in_keys: 1,
  type_json_skip_duplicated_paths: 1,
  // A string that looks like a date stays a string.
  input_format_try_infer_dates: 0,
  input_format_try_infer_datetimes: 0,
  // Elements of arrays are not made equal in type: [[true],["a"]] would become [["true"],["a"]].
  input_format_json_read_bools_as_numbers: 0,
  input_format_json_read_bools_as_strings: 0,
  input_format_json_read_numbers_as_strings: 0,
  input_format_json_read_arrays_as_strings: 0,
  input_format_json_read_objects_as_strings: 0,
} as const;

/** Builds one block after the other; keeps its memory and what it knows of property names between them. */
export class EventsBlock {
  readonly #projectId = new UInt32Column("project_id");
  readonly #event = new LowCardinalityColumn("event");
  readonly #timestamp = new DateTime64Column("timestamp");
  readonly #userNumber = new UInt32Column("user_number");
  readonly #eventId = new StringColumn("event_id");
  readonly #userId = new StringColumn("user_id");
  readonly #anonymousId = new StringColumn("anonymous_id");
  readonly #sessionId = new StringColumn("session_id");
  readonly #properties: JsonColumn;
  readonly #context = new StringColumn("context");
  readonly #pageUrl = new StringColumn("page_url");
  readonly #referrerDomain = new LowCardinalityColumn("referrer_domain");
  readonly #utmSource = new LowCardinalityColumn("utm_source");
  readonly #utmMedium = new LowCardinalityColumn("utm_medium");
  readonly #utmCampaign = new LowCardinalityColumn("utm_campaign");
  readonly #browser = new LowCardinalityColumn("browser");
  readonly #os = new LowCardinalityColumn("os");
  readonly #device = new LowCardinalityColumn("device");
  readonly #isBot = new UInt8Column("is_bot");
  readonly #receivedAt = new DateTime64Column("received_at");
  readonly #logPartition = new UInt16Column("log_partition");
  readonly #logSequence = new UInt64Column("log_sequence");
  readonly #retentionDays = new UInt16Column("retention_days");
  readonly #columns: readonly Column[];
  readonly #writer = new BlockWriter();
  #rows = 0;

  /** `pathsPerBlockMax` 0 sends properties as text. */
  constructor(options: { pathsPerBlockMax?: number } = {}) {
    this.#properties = new JsonColumn("properties", propertyPathsMax, options.pathsPerBlockMax);
    this.#columns = [
      this.#projectId,
      this.#event,
      this.#timestamp,
      this.#userNumber,
      this.#eventId,
      this.#userId,
      this.#anonymousId,
      this.#sessionId,
      this.#properties,
      this.#context,
      this.#pageUrl,
      this.#referrerDomain,
      this.#utmSource,
      this.#utmMedium,
      this.#utmCampaign,
      this.#browser,
      this.#os,
      this.#device,
      this.#isBot,
      this.#receivedAt,
      this.#logPartition,
      this.#logSequence,
      this.#retentionDays,
    ];
  }

  get rows(): number {
    return this.#rows;
  }

  /**
   * Appends one event; answers false, and leaves it out, when its properties are not JSON text of an object of
   * at most 100 levels. Throws RangeError for a number that its column cannot hold: an earlier step's mistake,
   * after which the block must be reset.
   */
  append(row: EventRow): boolean {
    if (!this.#properties.append(row.properties)) return false;
    this.#projectId.append(row.projectId);
    this.#event.append(row.event);
    this.#timestamp.append(row.timestamp);
    this.#userNumber.append(row.userNumber);
    this.#eventId.append(row.eventId);
    this.#userId.append(row.userId);
    this.#anonymousId.append(row.anonymousId);
    this.#sessionId.append(row.sessionId);
    this.#context.append(row.context);
    this.#pageUrl.append(row.pageUrl);
    this.#referrerDomain.append(row.referrerDomain);
    this.#utmSource.append(row.utmSource);
    this.#utmMedium.append(row.utmMedium);
    this.#utmCampaign.append(row.utmCampaign);
    this.#browser.append(row.browser);
    this.#os.append(row.os);
    this.#device.append(row.device);
    this.#isBot.append(row.isBot ? 1 : 0);
    this.#receivedAt.append(row.receivedAt);
    this.#logPartition.append(row.logPartition);
    this.#logSequence.append(row.logSequence);
    this.#retentionDays.append(row.retentionDays);
    this.#rows += 1;
    return true;
  }

  /** The block's bytes, in a buffer the caller owns; the builder is empty afterwards. Needs at least one row. */
  finish(): Buffer {
    const block = this.#writer.write(this.#columns, this.#rows);
    this.reset();
    return block;
  }

  reset(): void {
    for (const column of this.#columns) column.reset();
    this.#rows = 0;
  }
}
