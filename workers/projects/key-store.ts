// Keys of a project in the relational store: listed, made, rotated, revoked.
import type { ClientBase } from "pg";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import { MillraceError } from "#schemas/errors.ts";
import { keyLimits, type KeyEntry, type KeyMade } from "#schemas/projects/keys.ts";
import type { KeyScope } from "#schemas/projects/project.ts";
import { createKey, hashKey, hintOf } from "./keys.ts";

interface KeyRow {
  id: number;
  public_id: string;
  name: string | null;
  hint: string;
  scopes: KeyScope[];
  origin: KeyEntry["origin"];
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  rotated_to: string | null;
}

const columns = `api_keys.id, api_keys.public_id, name, hint, scopes, origin, created_at, expires_at, last_used_at,
  (SELECT public_id FROM api_keys AS next WHERE next.id = api_keys.rotated_to) AS rotated_to`;

function buildEntry(row: KeyRow): KeyEntry {
  return {
    id: row.public_id,
    name: row.name,
    hint: row.hint,
    scopes: row.scopes,
    origin: row.origin,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
    rotated_to: row.rotated_to,
  };
}

export class KeyStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  /** Those that are not revoked. */
  async list(projectId: number): Promise<KeyEntry[]> {
    const { rows } = await this.#postgres.query<KeyRow>(
      `SELECT ${columns} FROM api_keys WHERE project_id = $1 AND revoked_at IS NULL
       ORDER BY api_keys.id LIMIT ${keyLimits.keysMax}`,
      [projectId],
    );
    return rows.map(buildEntry);
  }

  /** Throws CONFLICT when the project has too many. */
  create(
    projectId: number,
    given: { scopes: readonly KeyScope[]; name: string | null; expiresAt: Date | null },
  ): Promise<KeyMade> {
    return transact(this.#postgres, async (client) => {
      await lockKeys(client, projectId);
      const { rows } = await client.query<{ count: number }>(
        "SELECT count(*)::int AS count FROM api_keys WHERE project_id = $1 AND revoked_at IS NULL",
        [projectId],
      );
      if ((rows[0]?.count ?? 0) >= keyLimits.keysMax) {
        throw new MillraceError("CONFLICT", {
          message: `A project has at most ${keyLimits.keysMax} keys; revoke one first.`,
        });
      }
      return insertKey(client, projectId, given);
    });
  }

  /**
   * Makes a key of the same scopes; the old one ends after `graceSeconds`, or when it would have anyhow.
   * Throws KEY_NOT_FOUND, CONFLICT when it was rotated before.
   */
  rotate(projectId: number, keyId: string, graceSeconds: number): Promise<KeyMade> {
    return transact(this.#postgres, async (client) => {
      await lockKeys(client, projectId);
      const old = await findKey(client, projectId, keyId);
      if (old.rotated_to !== null) {
        throw new MillraceError("CONFLICT", {
          message: `This key was rotated before; its place is taken by ${old.rotated_to}.`,
        });
      }
      if (old.expires_at !== null && old.expires_at.getTime() <= Date.now()) {
        throw new MillraceError("CONFLICT", { message: "This key has expired; make a new one." });
      }
      const made = await insertKey(client, projectId, {
        scopes: old.scopes,
        name: old.name,
        expiresAt: old.expires_at,
      });
      await client.query(
        `UPDATE api_keys SET rotated_to = (SELECT id FROM api_keys WHERE public_id = $2),
           expires_at = least(expires_at, now() + make_interval(secs => $3))
         WHERE id = $1`,
        [old.id, made.id, graceSeconds],
      );
      return made;
    });
  }

  /** Throws KEY_NOT_FOUND; CONFLICT for the last key that can manage the project. */
  revoke(projectId: number, keyId: string): Promise<void> {
    return transact(this.#postgres, async (client) => {
      await lockKeys(client, projectId);
      const { id } = await findKey(client, projectId, keyId);
      const { rows } = await client.query<{ left: boolean }>(
        `SELECT NOT (SELECT 'admin' = ANY (scopes) FROM api_keys WHERE id = $2) OR EXISTS (
           SELECT FROM api_keys WHERE project_id = $1 AND id <> $2 AND 'admin' = ANY (scopes)
             AND revoked_at IS NULL AND expires_at IS NULL) AS left`,
        [projectId, id],
      );
      if (rows[0]?.left !== true) {
        throw new MillraceError("CONFLICT", {
          message: "This is the project's last admin key that does not expire; make another one first.",
        });
      }
      await client.query("UPDATE api_keys SET revoked_at = now(), revoked_by = 'request' WHERE id = $1", [
        id,
      ]);
    });
  }

  /** When keys were last used; never moves back. */
  async recordUse(
    client: ClientBase,
    uses: readonly (readonly [keyId: string, atMs: number])[],
  ): Promise<void> {
    if (uses.length === 0) return;
    await client.query(
      `UPDATE api_keys SET last_used_at = to_timestamp(used.at_ms / 1000)
       FROM unnest($1::text[], $2::float8[]) AS used (public_id, at_ms)
       WHERE api_keys.public_id = used.public_id
         AND (last_used_at IS NULL OR last_used_at < to_timestamp(used.at_ms / 1000))`,
      [uses.map(([keyId]) => keyId), uses.map(([, atMs]) => atMs)],
    );
  }
}

/** One change of a project's keys at a time: what a change looks at stays true until it is done. */
async function lockKeys(client: ClientBase, projectId: number): Promise<void> {
  await client.query("SELECT pg_advisory_xact_lock(hashtext('api_keys'), $1)", [projectId]);
}

async function findKey(client: ClientBase, projectId: number, keyId: string): Promise<KeyRow> {
  const { rows } = await client.query<KeyRow>(
    `SELECT ${columns} FROM api_keys WHERE project_id = $1 AND public_id = $2 AND revoked_at IS NULL`,
    [projectId, keyId],
  );
  if (rows[0] === undefined) throw new MillraceError("KEY_NOT_FOUND");
  return rows[0];
}

async function insertKey(
  client: ClientBase,
  projectId: number,
  given: { scopes: readonly KeyScope[]; name: string | null; expiresAt: Date | null },
): Promise<KeyMade> {
  const key = createKey(given.scopes[0] as KeyScope);
  const { rows } = await client.query<KeyRow>(
    `INSERT INTO api_keys (project_id, scopes, name, key_hash, hint, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
     RETURNING ${columns}`,
    [projectId, given.scopes, given.name, hashKey(key), hintOf(key), given.expiresAt],
  );
  return { ...buildEntry(rows[0] as KeyRow), key };
}
