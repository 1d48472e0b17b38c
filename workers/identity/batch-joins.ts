// The joins of one batch of events: numbers for the ids they name, then everything in the batch's own transaction.
import type { ClientBase } from "pg";
import type { Postgres } from "#ops/runtime/postgres.ts";
import type { JoinRequest, NumberedJoin } from "./join.ts";
import { reserveNumbers } from "./number-registry.ts";
import { applyJoins, lockPersons } from "./person-store.ts";

/** A user whose number the batch itself gives out; not stored yet. */
export interface FreshNumber {
  readonly projectId: number;
  readonly userKey: string;
  readonly userNumber: number;
}

export class BatchJoins {
  readonly #byProject: ReadonlyMap<number, NumberedJoin[]>;

  private constructor(byProject: ReadonlyMap<number, NumberedJoin[]>) {
    this.#byProject = byProject;
  }

  static async prepare(
    postgres: Postgres,
    options: { joins: readonly JoinRequest[]; fresh: readonly FreshNumber[]; partitions: number },
  ): Promise<BatchJoins> {
    const { joins, partitions } = options;
    const byProject = new Map<number, NumberedJoin[]>();
    for (const projectId of [...new Set(joins.map((join) => join.projectId))].sort((a, b) => a - b)) {
      const own = joins.filter((join) => join.projectId === projectId);
      const numbers = new Map<string, number>();
      for (const user of options.fresh) {
        if (user.projectId === projectId) numbers.set(user.userKey, user.userNumber);
      }
      const keys = own.flatMap((join) => [join.into, join.joined]).filter((key) => !numbers.has(key));
      const others = await reserveNumbers(postgres, { projectId, keys, partitions });
      for (const [key, number] of others) numbers.set(key, number);
      byProject.set(
        projectId,
        own.map((join) => ({
          ...join,
          intoNumber: numbers.get(join.into) as number,
          joinedNumber: numbers.get(join.joined) as number,
        })),
      );
    }
    return new BatchJoins(byProject);
  }

  async apply(client: ClientBase): Promise<void> {
    // All locks first, in the order of projects, which is the same in every batch.
    for (const projectId of this.#byProject.keys()) await lockPersons(client, projectId);
    for (const [projectId, joins] of this.#byProject) await applyJoins(client, projectId, joins);
  }
}
