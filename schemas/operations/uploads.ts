// Files of events: sending one, and how far it is.
import { Type } from "@sinclair/typebox";
import { MappingParameters, uploadFormats } from "../uploads/mapping.ts";
import { UploadAnswer } from "../uploads/upload.ts";
import { inPath, inQuery, json, type Operation } from "./operation.ts";

const scope = ["write", "admin"] as const;
const answerMsMax = 10_000;

export const uploadsOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/v1/uploads",
    scope,
    tag: "Ingestion",
    summary: "Upload a file of events",
    description:
      "CSV, NDJSON or one JSON array, raw or as the file of a form, plain or compressed. Columns that the mapping does " +
      "not name become properties. Without a mapping, objects of NDJSON and JSON are events as in `POST /v1/events`. " +
      "Answered once the file is on disk; its rows then go through the same checks and the same log as every event. " +
      "A crash in the middle is continued, and nothing is counted twice.",
    parameters: [
      {
        name: "format",
        in: "query",
        description: "What the file is.",
        schema: Type.Union(uploadFormats.map((format) => Type.Literal(format))),
      },
      ...inQuery(MappingParameters),
    ],
    body: {
      "text/csv": Type.String(),
      "application/x-ndjson": Type.String(),
      [json]: Type.Array(Type.Unknown()),
      "multipart/form-data": Type.Object({
        file: Type.String({ format: "binary" }),
        mapping: Type.Optional(Type.String({ description: "JSON object of the parameters above." })),
      }),
    },
    success: {
      status: 202,
      description: "The file is on disk.",
      content: json,
      schema: Type.Object({ upload_id: Type.String() }),
    },
    audit: { parameters: ["format"], outcome: ["upload_id"] },
    errors: [
      "INVALID_PARAMETER",
      "COLUMN_NOT_FOUND",
      "COLUMN_REPEATED",
      "TOO_MANY_COLUMNS",
      "RECORD_TOO_LARGE",
      "RECORD_MALFORMED",
      "EMPTY_BODY",
      "INVALID_BODY",
      "INVALID_ENCODING",
      "MALFORMED_COMPRESSION",
      "MALFORMED_MULTIPART",
      "REQUEST_TIMEOUT",
      "BODY_TOO_LARGE",
      "UNSUPPORTED_MEDIA_TYPE",
      "TOO_MANY_UPLOADS",
      "DISK_FULL",
      "SHUTTING_DOWN",
    ],
  },
  {
    method: "GET",
    path: "/v1/uploads",
    service: { subject: "svc.uploads.list", msMax: answerMsMax },
    scope,
    tag: "Ingestion",
    summary: "The latest uploads of the project",
    success: {
      status: 200,
      description: "At most 100, the newest first.",
      content: json,
      schema: Type.Object({ uploads: Type.Array(UploadAnswer) }),
    },
    errors: [],
  },
  {
    method: "GET",
    path: "/v1/uploads/{upload_id}",
    service: { subject: "svc.uploads.get", msMax: answerMsMax },
    scope,
    tag: "Ingestion",
    summary: "How far an upload is",
    parameters: [inPath("upload_id", "Id of the upload.")],
    success: { status: 200, description: "Counts so far.", content: json, schema: UploadAnswer },
    errors: ["UPLOAD_NOT_FOUND"],
  },
  {
    method: "GET",
    path: "/v1/uploads/{upload_id}/rejects",
    service: { subject: "svc.uploads.rejects", msMax: answerMsMax, stream: true },
    scope,
    tag: "Ingestion",
    summary: "All rejected rows of an upload as CSV",
    description: "Columns: line, code, message; as many rows as `rejected` says.",
    parameters: [inPath("upload_id", "Id of the upload.")],
    success: { status: 200, description: "The rejected rows so far.", content: "text/csv" },
    errors: ["UPLOAD_NOT_FOUND"],
  },
];
