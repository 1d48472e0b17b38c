// What administrators do, in the audit log: written down before it is done, and its result after it. What cannot be
// written down is not done; a result that is missing means that this process ended in between. Of what strangers can
// cause (refused requests, uploads with a write key) there are so many entries, and no more.
import { hash } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { scopesOf, type Operation } from "#schemas/operations/operation.ts";
import type { ActionBegun, ActionEnded, ActionRefused, Outcome } from "#schemas/projects/audit.ts";
import type { KeyScope, ResolvedKey } from "#schemas/projects/project.ts";
import { callService } from "#streams/call-service.ts";
import { AuditBounds } from "./audit-bounds.ts";

const writeMsMax = 5_000;
const parameterLengthMax = 200;
/** Of each project, and of all requests without a valid key, at each edge. */
const refusedBound = { atOnce: 20, perMinute: 2 } as const;
const uploadsBound = { atOnce: 60, perMinute: 10 } as const;
/** What is kept of an answer stands first in it. */
const outcomeBytes = 512;

/** Scopes of those who manage: what their keys change is written down. */
const managingScopes: readonly KeyScope[] = ["admin", "links"];

export interface AuditedRequest {
  readonly key: ResolvedKey;
  readonly operation: Operation;
  /** What stood in the braces of the path, and what of the query the operation keeps. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly address: string;
  readonly requestId: string;
}

export interface RefusedRequest extends Omit<AuditedRequest, "key"> {
  /** Null: it opens nothing. */
  readonly key: ResolvedKey | null;
  readonly error: MillraceError;
}

/** True when it changes something and the key is that of somebody who manages. */
export function isAudited(operation: Operation, key: ResolvedKey): boolean {
  const scopes = scopesOf(operation.scope);
  return (
    operation.method !== "GET" &&
    managingScopes.some((scope) => scopes.includes(scope) && key.scopes.includes(scope))
  );
}

/** True when those who are refused have tried to manage: sending and reading events is none of it. */
export function isManaging(operation: Operation): boolean {
  const scopes = scopesOf(operation.scope);
  if (scopes.length === 0 || scopes.includes("write")) return false;
  return operation.method === "GET"
    ? scopes.every((scope) => managingScopes.includes(scope))
    : scopes.some((scope) => managingScopes.includes(scope));
}

export class AuditTrail {
  readonly #connection: NatsConnection;
  readonly #log: Logger;
  readonly #refusals = new AuditBounds(refusedBound);
  readonly #uploads = new AuditBounds(uploadsBound);

  constructor(options: { connection: NatsConnection; log: Logger }) {
    this.#connection = options.connection;
    this.#log = options.log;
  }

  /** Runs `work` between its two entries. Rejects as `work` does, or with SERVICE_UNAVAILABLE before it. */
  async record<T extends Uint8Array>(request: AuditedRequest, work: () => Promise<T>): Promise<T> {
    const { key, operation, requestId } = request;
    const options = { requestId, projectId: key.projectId, timeoutMs: writeMsMax };
    const action = buildAction(request);
    const begun = await callService(this.#connection, "svc.projects.begin_action", action, options);
    const actionId = (begun as { id: string }).id;
    const end = async (status: number, code: string | null, outcome: Outcome | null): Promise<void> => {
      const ended: ActionEnded = { actionId, status, code, outcome };
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
      await end(operation.success.status, null, readOutcome(operation, answer));
      return answer;
    } catch (error) {
      const coded = error instanceof MillraceError ? error : new MillraceError("INTERNAL");
      await end(coded.status, coded.code, null);
      throw error;
    }
  }

  /** As `record`, but for the keys of senders: those stand in many places, so there is a bound. */
  recordUpload<T extends Uint8Array>(request: AuditedRequest, work: () => Promise<T>): Promise<T> {
    if (isAudited(request.operation, request.key)) return this.record(request, work);
    const unlisted = this.#uploads.take(request.key.projectId, Date.now());
    if (unlisted === undefined) return work();
    return this.record({ ...request, parameters: withUnlisted(request.parameters, unlisted) }, work);
  }

  /** Nobody waits for it, and nothing depends on it. */
  refused(request: RefusedRequest): void {
    const projectId = request.key?.projectId ?? 0;
    const unlisted = this.#refusals.take(projectId, Date.now());
    if (unlisted === undefined) return;
    const { error, requestId } = request;
    const action = buildAction({ ...request, parameters: withUnlisted(request.parameters, unlisted) });
    const refused: ActionRefused = { ...action, status: error.status, code: error.code };
    callService(this.#connection, "svc.projects.refused_action", refused, {
      requestId,
      projectId,
      timeoutMs: writeMsMax,
    }).catch((cause: unknown) =>
      this.#log.warn({ err: cause, requestId }, "a refused request is not in the audit log"),
    );
  }
}

function buildAction(
  request: Omit<AuditedRequest, "key"> & { readonly key: ResolvedKey | null },
): ActionBegun {
  const { key, operation, parameters } = request;
  return {
    targetId: operation.path.startsWith("/v1/projects/{id}") ? (parameters["id"] ?? null) : null,
    keyId: key?.keyId ?? "",
    keyHint: key?.keyHint ?? "",
    action: `${operation.method} ${operation.path}`,
    parameters: withoutPeople(operation, parameters),
    address: request.address,
  };
}

function withUnlisted(
  parameters: Readonly<Record<string, string>>,
  unlisted: number,
): Readonly<Record<string, string>> {
  return unlisted === 0 ? parameters : { ...parameters, unlisted_before: String(unlisted) };
}

/** The members that the operation names, as its answer begins with them; null for an operation that names none. */
export function readOutcome({ audit }: Operation, answer: Uint8Array): Outcome | null {
  if (audit?.outcome === undefined) return null;
  const text = new TextDecoder().decode(answer.subarray(0, outcomeBytes));
  const outcome: Record<string, string | number> = {};
  for (const name of audit.outcome) {
    const [, word, number] = new RegExp(`"${name}":(?:"([^"\\\\]*)"|(\\d+))`).exec(text) ?? [];
    if (word !== undefined) outcome[name] = word.slice(0, parameterLengthMax);
    else if (number !== undefined) outcome[name] = Number(number);
  }
  return outcome;
}

/** The audit log outlives the erasure of a user: it can confirm an id, and not tell it. */
function withoutPeople(
  operation: Operation,
  parameters: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      operation.tag === "Users" && name !== "unlisted_before"
        ? `sha256:${hash("sha256", value)}`
        : value.slice(0, parameterLengthMax),
    ]),
  );
}
