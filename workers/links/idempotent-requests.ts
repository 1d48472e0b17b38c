// Requests with an Idempotency-Key: the answer is written in the transaction that made what it tells of, so that a
// repeat gets the same answer and makes nothing, also when fifty come at once or the first answer was lost.
import { createHash } from "node:crypto";
import type pg from "pg";
import { MillraceError } from "#schemas/errors.ts";
import { linkLimits } from "#schemas/links/link-contract.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";

const keptHours = 24;
const cleanMs = 600_000;
/** Forgotten at once, at most. */
const forgottenRows = 20_000;

export const requestStatements = {
  // A repeat waits here for the one that came first, and for how that ends.
  claim: `INSERT INTO link_requests AS old (project_id, key, body_hash) VALUES ($1, $2, $3)
    ON CONFLICT (project_id, key) DO UPDATE
      SET body_hash = excluded.body_hash, answer = NULL, created_at = now()
      WHERE old.created_at < now() - make_interval(hours => ${keptHours})
    RETURNING key`,
  find: "SELECT body_hash, answer FROM link_requests WHERE project_id = $1 AND key = $2",
  end: "UPDATE link_requests SET answer = $3 WHERE project_id = $1 AND key = $2",
  forget: `DELETE FROM link_requests WHERE (project_id, key) IN (
    SELECT project_id, key FROM link_requests
    WHERE created_at < now() - make_interval(hours => ${keptHours}) ORDER BY created_at LIMIT ${forgottenRows})`,
} as const;

export interface IdempotentRequest {
  readonly projectId: number;
  /** Empty: the request came without one. */
  readonly key: string;
  readonly method: string;
  readonly body: Uint8Array;
}

/** Throws INVALID_PARAMETER for a key that cannot be kept, IDEMPOTENCY_KEY_REUSED when it came with another body. */
export async function answerOnce<T extends object>(
  client: pg.ClientBase,
  { projectId, key, method, body }: IdempotentRequest,
  work: () => Promise<T>,
): Promise<{ answer: T; isRepeat: boolean }> {
  if (key === "") return { answer: await work(), isRepeat: false };
  if (key.length > linkLimits.idempotencyKeyLengthMax || !/^[\x20-\x7e]+$/.test(key)) {
    throw new MillraceError("INVALID_PARAMETER", {
      message: `The Idempotency-Key must be 1 to ${linkLimits.idempotencyKeyLengthMax} visible ASCII characters.`,
    });
  }
  const hash = createHash("sha256").update(method).update("\n").update(body).digest();
  const claimed = await client.query(requestStatements.claim, [projectId, key, hash]);
  if (claimed.rowCount === 0) {
    const { rows } = await client.query<{ body_hash: Buffer; answer: T }>(requestStatements.find, [
      projectId,
      key,
    ]);
    const first = rows[0];
    if (first === undefined || !first.body_hash.equals(hash))
      throw new MillraceError("IDEMPOTENCY_KEY_REUSED");
    return { answer: first.answer, isRepeat: true };
  }
  const answer = await work();
  await client.query(requestStatements.end, [projectId, key, JSON.stringify(answer)]);
  return { answer, isRepeat: false };
}

/** Forgets what is older than a day, from time to time. */
export function forgetOldRequests(postgres: Postgres, log: Logger): { stop(): void } {
  const forget = (): void => {
    postgres
      .query(requestStatements.forget)
      .catch((error: unknown) => log.warn({ err: error }, "old requests could not be forgotten"));
  };
  const timer = setInterval(forget, cleanMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
