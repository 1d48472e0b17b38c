// The closed catalogue of error codes, and the one class that carries them.
// Translated in exactly two places: the edge (to HTTP) and consumers (to retry or dead letter).

interface CatalogueEntry {
  /** HTTP status the edge answers with. */
  readonly status: number;
  /** True when the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** What happened and what to do next; used when the thrower gives no message of its own. */
  readonly message: string;
}

export const errorCatalogue = {
  MALFORMED_JSON: { status: 400, retryable: false, message: "The body is not valid JSON." },
  INVALID_ENCODING: { status: 400, retryable: false, message: "The body is not valid UTF-8." },
  MALFORMED_COMPRESSION: {
    status: 400,
    retryable: false,
    message: "The compressed body is damaged or cut short.",
  },
  EMPTY_BODY: { status: 400, retryable: false, message: "The body is empty; send at least one event." },
  INVALID_BODY: { status: 400, retryable: false, message: "The body does not have the expected shape." },
  INVALID_QUERY: { status: 400, retryable: false, message: "The query does not match its contract." },
  INVALID_PARAMETER: {
    status: 400,
    retryable: false,
    message: "A parameter has a value that is not allowed.",
  },
  TOO_MANY_EVENTS: {
    status: 413,
    retryable: false,
    message: "The request holds more events than one request may; send smaller batches.",
  },
  NO_EVENT_ACCEPTED: { status: 400, retryable: false, message: "None of the events was accepted." },
  EVENT_NOT_AN_OBJECT: { status: 400, retryable: false, message: "An event must be a JSON object." },
  EVENT_NAME_MISSING: {
    status: 400,
    retryable: false,
    message: "`event` is required: a string of 1 to 200 characters.",
  },
  EVENT_NAME_INVALID: {
    status: 400,
    retryable: false,
    message: "`event` must be a string of 1 to 200 characters.",
  },
  EVENT_NAME_RESERVED: {
    status: 400,
    retryable: false,
    message: "Events of this name are made by the server itself; send yours under another name.",
  },
  USER_MISSING: {
    status: 400,
    retryable: false,
    message: "One of `user_id` and `anonymous_id` is required.",
  },
  USER_ID_INVALID: {
    status: 400,
    retryable: false,
    message: "`user_id` and `anonymous_id` must be strings of 1 to 200 characters that name a person.",
  },
  EVENT_ID_INVALID: {
    status: 400,
    retryable: false,
    message: "`event_id` must be a string of 1 to 200 characters.",
  },
  SESSION_ID_INVALID: {
    status: 400,
    retryable: false,
    message: "`session_id` must be a string of 1 to 200 characters.",
  },
  TIMESTAMP_INVALID: {
    status: 400,
    retryable: false,
    message: "`timestamp` must be an ISO 8601 time or epoch milliseconds.",
  },
  TIMESTAMP_IN_FUTURE: {
    status: 400,
    retryable: false,
    message: "`timestamp` lies more than 24 hours in the future.",
  },
  PROPERTIES_INVALID: {
    status: 400,
    retryable: false,
    message: "`properties` and `context` must be JSON objects.",
  },
  EVENT_TOO_LARGE: { status: 400, retryable: false, message: "The event is larger than 32 KB." },
  EVENT_TOO_DEEP: {
    status: 400,
    retryable: false,
    message: "The event's properties are nested deeper than 20 levels.",
  },
  NUMBER_OUT_OF_RANGE: {
    status: 400,
    retryable: false,
    message: "A number is too large to be stored exactly as a double.",
  },
  BODY_TOO_LARGE: { status: 413, retryable: false, message: "The body is larger than allowed." },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    retryable: false,
    message: "The content type or content encoding is not supported.",
  },
  UNAUTHORIZED: {
    status: 401,
    retryable: false,
    message: "A valid key is required: send `Authorization: Bearer <key>`.",
  },
  FORBIDDEN: {
    status: 403,
    retryable: false,
    message: "The key is valid but its scope does not allow this.",
  },
  NOT_FOUND: { status: 404, retryable: false, message: "There is nothing at this address." },
  EVENT_NOT_FOUND: { status: 404, retryable: false, message: "No event with this id is known." },
  COHORT_NOT_FOUND: { status: 404, retryable: false, message: "No cohort with this id exists." },
  RAW_DATA_EXPIRED: {
    status: 410,
    retryable: false,
    message: "The query needs events that were removed after the project's time of retention.",
  },
  DATA_EXPIRED: {
    status: 410,
    retryable: false,
    message: "The query needs counts that were removed after the project's time of retention.",
  },
  ARCHIVE_NOT_FOUND: { status: 404, retryable: false, message: "There is no archive of this month." },
  JOB_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: "No job with this id exists, or it was forgotten.",
  },
  INSIGHT_NOT_FOUND: { status: 404, retryable: false, message: "No insight with this id exists." },
  DASHBOARD_NOT_FOUND: { status: 404, retryable: false, message: "No dashboard with this id exists." },
  ALERT_NOT_FOUND: { status: 404, retryable: false, message: "No alert with this id exists." },
  KEY_NOT_FOUND: { status: 404, retryable: false, message: "The project has no key with this id." },
  SCHEMA_NOT_FOUND: { status: 404, retryable: false, message: "This event has no tracking plan." },
  SCHEMA_INVALID: { status: 400, retryable: false, message: "The schema cannot be a tracking plan." },
  SCHEMA_INCOMPATIBLE: {
    status: 409,
    retryable: false,
    message: "The new version of the schema would break those who read events of the old one.",
  },
  PLAN_VIOLATED: {
    status: 400,
    retryable: false,
    message: "The event's properties are not as its tracking plan says.",
  },
  PROJECT_NOT_FOUND: { status: 404, retryable: false, message: "No project with this id exists." },
  UPLOAD_NOT_FOUND: { status: 404, retryable: false, message: "No upload with this id is known." },
  LINK_NOT_FOUND: { status: 404, retryable: false, message: "There is no link at this address." },
  LINK_EXPIRED: { status: 410, retryable: false, message: "The link has expired or is used up." },
  LINK_PASSWORD_REQUIRED: { status: 401, retryable: false, message: "The link is protected by a password." },
  LINK_PASSWORD_WRONG: { status: 401, retryable: false, message: "The password is wrong." },
  URL_INVALID: {
    status: 400,
    retryable: false,
    message:
      "A link leads to an absolute http or https URL of at most 8,192 bytes, without spaces and backslashes.",
  },
  URL_FORBIDDEN: {
    status: 400,
    retryable: false,
    message:
      "Links do not lead there: only to http and https, without credentials, and not to a short link again.",
  },
  ALIAS_INVALID: {
    status: 400,
    retryable: false,
    message: "An alias has 1 to 100 of the characters A-Z a-z 0-9 _ -, and begins with none of the last two.",
  },
  ALIAS_RESERVED: { status: 400, retryable: false, message: "The alias is an address of the server itself." },
  ALIAS_TAKEN: { status: 409, retryable: false, message: "Another link has this alias." },
  DOMAIN_TAKEN: { status: 409, retryable: false, message: "The domain belongs to another project." },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    retryable: false,
    message: "The Idempotency-Key came with another body before; take a new one.",
  },
  UPLOAD_INCOMPLETE: {
    status: 400,
    retryable: false,
    message: "The file did not arrive whole, or was lost before it was processed; upload it again.",
  },
  MALFORMED_MULTIPART: {
    status: 400,
    retryable: false,
    message: "The body is not valid multipart/form-data with one file.",
  },
  TOO_MANY_COLUMNS: { status: 400, retryable: false, message: "The file has more than 1,000 columns." },
  COLUMN_NOT_FOUND: {
    status: 400,
    retryable: false,
    message: "The file has no column of a name that the mapping needs.",
  },
  COLUMN_REPEATED: { status: 400, retryable: false, message: "Two columns of the file have the same name." },
  COLUMNS_MISMATCH: {
    status: 400,
    retryable: false,
    message: "The row has more or fewer values than the header has columns.",
  },
  RECORD_MALFORMED: { status: 400, retryable: false, message: "The row has a quote in a wrong place." },
  RECORD_TOO_LARGE: { status: 400, retryable: false, message: "The row is larger than 256 KB." },
  VALUE_TYPE_MISMATCH: {
    status: 400,
    retryable: false,
    message: "A value of the row does not have the type that was declared for its column.",
  },
  TOO_MANY_ROWS: {
    status: 400,
    retryable: false,
    message: "The file has more rows than `dedupe=rows` can tell apart; split it.",
  },
  TOO_MANY_UPLOADS: {
    status: 429,
    retryable: true,
    message: "Too many uploads are under way; wait as Retry-After says.",
  },
  TOO_MANY_JOBS: {
    status: 429,
    retryable: true,
    message: "Too many jobs of this project wait; wait as Retry-After says, or cancel some.",
  },
  DISK_FULL: { status: 503, retryable: true, message: "There is no room on disk for this file." },
  ERASURE_NOT_FOUND: { status: 404, retryable: false, message: "No erasure with this id is known." },
  USER_NOT_FOUND: { status: 404, retryable: false, message: "No user with this id is known." },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false, message: "This address does not take this method." },
  UPGRADE_REQUIRED: {
    status: 426,
    retryable: false,
    message: "This address speaks WebSocket only: connect with ws:// and send the key in the first frame.",
  },
  TOO_MANY_LISTENERS: {
    status: 429,
    retryable: true,
    message: "Too many listeners of the live feed; wait as Retry-After says.",
  },
  LISTENER_TOO_SLOW: {
    status: 429,
    retryable: true,
    message: "The listener reads more slowly than events come; connect again with a narrower filter.",
  },
  TOO_MANY_FRAMES: {
    status: 429,
    retryable: true,
    message: "Too many frames are not answered yet; wait for answers before sending more.",
  },
  REQUEST_TIMEOUT: { status: 408, retryable: true, message: "The body did not arrive in time." },
  CONFLICT: { status: 409, retryable: false, message: "Something with this name exists already." },
  RATE_LIMITED: { status: 429, retryable: true, message: "Too many requests; wait as Retry-After says." },
  QUERY_LIMIT_EXCEEDED: {
    status: 429,
    retryable: true,
    message: "Too many queries of the project are under way; wait as Retry-After says.",
  },
  QUOTA_EXCEEDED: { status: 429, retryable: true, message: "The project's quota is used up." },
  BEHIND: {
    status: 503,
    retryable: true,
    message:
      "The log or the workers are behind; wait as Retry-After says, nothing of this request was taken.",
  },
  LOG_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message: "The log did not confirm in time; send again with the same event ids, repeats count once.",
  },
  SERVICE_UNAVAILABLE: { status: 503, retryable: true, message: "The service behind this address is away." },
  STORE_UNAVAILABLE: { status: 503, retryable: true, message: "A store is away; try again shortly." },
  SHUTTING_DOWN: { status: 503, retryable: true, message: "The server is stopping; try again shortly." },
  QUERY_TOO_EXPENSIVE: {
    status: 422,
    retryable: false,
    message: "The query exceeds its memory, row or time budget; narrow its range or filters.",
  },
  INTERNAL: {
    status: 500,
    retryable: true,
    message: "Something failed on our side; the log has the details.",
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface ErrorOptions {
  readonly message?: string;
  /** Machine-readable particulars, for example the path of a wrong field. */
  readonly details?: readonly unknown[];
  /** Whole seconds until a retry can succeed; becomes Retry-After. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** An operating error with a code of the catalogue. Outcomes of data are values, never this. */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly details: readonly unknown[];
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(options.message ?? errorCatalogue[code].message, { cause: options.cause });
    this.name = "MillraceError";
    this.code = code;
    this.details = options.details ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(errorCatalogue, code);
}
