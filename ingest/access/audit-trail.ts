// Requests of administrators, written down before they are passed on: what cannot be written down is not done.
import { hash } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { scopesOf, type Operation } from "#schemas/operations/operation.ts";
import type { ActionBegun, ActionEnded } from "#schemas/projects/audit.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { callService } from "#streams/call-service.ts";

const writeMsMax = 5_000;
const parameterLengthMax = 200;

export interface AuditedRequest {
  readonly key: ResolvedKey;
  readonly operation: Operation;
  /** What stood in the braces of the path. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly address: string;
  readonly requestId: string;
}

/** Links have a history of their own; uploads are events. */
export function isAudited(operation: Operation, key: ResolvedKey): boolean {
  return (
    operation.method !== "GET" &&
    operation.tag !== "Links" &&
    key.scopes.includes("admin") &&
    scopesOf(operation.scope).includes("admin")
  );
}

export class AuditTrail {
  readonly #connection: NatsConnection;
  readonly #log: Logger;

  constructor(options: { connection: NatsConnection; log: Logger }) {
    this.#connection = options.connection;
    this.#log = options.log;
  }

  /** Runs `work` between its two entries. Rejects as `work` does, or with SERVICE_UNAVAILABLE before it. */
  async record<T>(request: AuditedRequest, work: () => Promise<T>): Promise<T> {
    const { key, operation, requestId } = request;
    const action: ActionBegun = {
      targetId: operation.path.startsWith("/v1/projects/{id}") ? (request.parameters["id"] ?? null) : null,
      keyId: key.keyId,
      keyHint: key.keyHint,
      action: `${operation.method} ${operation.path}`,
      parameters: withoutPeople(operation, request.parameters),
      address: request.address,
    };
    const options = { requestId, projectId: key.projectId, timeoutMs: writeMsMax };
    const begun = await callService(this.#connection, "svc.projects.begin_action", action, options);
    const actionId = (begun as { id: string }).id;
    const end = async (status: number, code: string | null): Promise<void> => {
      const ended: ActionEnded = { actionId, status, code };
      try {
        await callService(this.#connection, "svc.projects.end_action", ended, options);
      } catch (error) {
        this.#log.error(
          { err: error, actionId, status, code },
          "result of an action is not in the audit log",
        );
      }
    };
    try {
      const answer = await work();
      await end(operation.success.status, null);
      return answer;
    } catch (error) {
      const coded = error instanceof MillraceError ? error : new MillraceError("INTERNAL");
      await end(coded.status, coded.code);
      throw error;
    }
  }
}

/** The audit log outlives the erasure of a user: it can confirm an id, and not tell it. */
function withoutPeople(
  operation: Operation,
  parameters: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      operation.tag === "Users" ? `sha256:${hash("sha256", value)}` : value.slice(0, parameterLengthMax),
    ]),
  );
}
