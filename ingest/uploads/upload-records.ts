// The edge's side of the service `uploads`, which keeps how far each upload is.
import type { NatsConnection } from "@nats-io/transport-node";
import type {
  CreateUpload,
  ReceivedUpload,
  RowError,
  SaveChunk,
  UploadWork,
} from "#schemas/uploads/upload.ts";
import { callService } from "#streams/call-service.ts";

const answerMsMax = 10_000;

/** Every call may be repeated; all fail with SERVICE_UNAVAILABLE while the service is away. */
export class UploadRecords {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  async create(projectId: number, upload: CreateUpload): Promise<void> {
    await this.#call("create", upload, projectId);
  }

  async noteBytes(id: string, bytes: number): Promise<void> {
    await this.#call("note_bytes", { id, bytes });
  }

  async received(upload: ReceivedUpload): Promise<void> {
    await this.#call("received", upload);
  }

  /** Forgets an upload of which nothing was processed. */
  async discard(id: string): Promise<void> {
    await this.#call("discard", { id });
  }

  async work(id: string): Promise<UploadWork | null> {
    return (await this.#call("work", { id })) as UploadWork | null;
  }

  /** False when the chunk was counted before. */
  async save(chunk: SaveChunk): Promise<boolean> {
    return (await this.#call("save", chunk)) as boolean;
  }

  async fail(id: string, failure: RowError): Promise<void> {
    await this.#call("fail", { id, failure });
  }

  async #call(method: string, payload: object, projectId = 0): Promise<unknown> {
    return callService(this.#connection, `svc.uploads.${method}`, payload, {
      requestId: "upload",
      projectId,
      timeoutMs: answerMsMax,
    });
  }
}
