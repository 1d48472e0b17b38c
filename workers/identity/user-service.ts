// The service `users`: who a person is, joining ids, separating them. A change is answered once the analytics store
// has it, so every query that begins after the answer sees it.
import type { NatsConnection } from "@nats-io/transport-node";
import type { ClientBase } from "pg";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { transact } from "#ops/runtime/transact.ts";
import { MillraceError } from "#schemas/errors.ts";
import { isUserId } from "#schemas/events/event.ts";
import { compileBody, invalidBody, readMember } from "#schemas/operations/read-body.ts";
import { mergeContract, unmergeContract, type PersonIds } from "#schemas/users/user.ts";
import { serve, type Call } from "#streams/services.ts";
import { findMainKey, idsOfKeys, keysOfPerson, personOfNumber } from "./find-person.ts";
import type { NumberedJoin } from "./join.ts";
import { findNumbers, reserveNumbers } from "./number-registry.ts";
import { applyJoins, lockPersons, separateIds } from "./person-store.ts";
import type { PersonPublisher } from "./publish-persons.ts";
import { loadProfile } from "./load-profile.ts";
import { keysOfId } from "./read-joins.ts";

interface UserServiceOptions {
  connection: NatsConnection;
  postgres: Postgres;
  clickhouse: ClickHouse;
  persons: PersonPublisher;
  partitions: number;
  log: Logger;
}

/** Wrong ids that one answer names. */
const problemsMax = 20;
const checkMerge = compileBody(mergeContract);
const checkUnmerge = compileBody(unmergeContract);

export function serveUsers(options: UserServiceOptions): { stop(): Promise<void> } {
  return serve(options.connection, {
    service: "users",
    log: options.log,
    methods: {
      get: (payload, call) => {
        const id = readMember(payload, "id");
        return loadProfile(options, call.projectId, id);
      },
      merge: (payload, call) => mergeIds(options, call.projectId, idOf(call), checkMerge(payload).ids),
      unmerge: (payload, call) => unmergeIds(options, call.projectId, idOf(call), checkUnmerge(payload).ids),
    },
  });
}

function idOf(call: Call): string {
  return String(call.parameters["id"] ?? "");
}

async function mergeIds(
  options: UserServiceOptions,
  projectId: number,
  id: string,
  ids: readonly string[],
): Promise<PersonIds> {
  if (!isUserId(id)) {
    throw new MillraceError("INVALID_PARAMETER", {
      message: "`id` does not name a person.",
      details: [{ path: "id", message: "does not name a person" }],
    });
  }
  refuseIds(ids, (each) => (isUserId(each) ? undefined : "does not name a person"));
  const all = [...new Set([id, ...ids])];
  const keys = all.flatMap(keysOfId);
  const numbers = await reserveNumbers(options.postgres, {
    projectId,
    keys,
    partitions: options.partitions,
  });
  const main = await findMainKey(options.postgres, projectId, id);
  if (main === undefined) throw new Error("an id has no number although its keys were reserved");
  const into = main.key;
  // Not the request's id: a client may send the same one twice, and the second merge would be taken for the first.
  const origin = `api:${crypto.randomUUID()}`;
  const joins = all
    .flatMap(keysOfId)
    .filter((key) => key !== into)
    .map((key, index): NumberedJoin => ({
      projectId,
      kind: "merge",
      into,
      joined: key,
      intoIsNew: false,
      origin: `${origin}:${index}`,
      claim: null,
      intoNumber: main.number,
      joinedNumber: numbers.get(key) as number,
    }));
  await inTransaction(options.postgres, projectId, async (client) => {
    // Whoever is erased loses its numbers under the same lock: joined by them, it would come back as nobody.
    const now = await findNumbers(client, projectId, keys);
    if (keys.some((key) => now.get(key) !== numbers.get(key))) {
      throw new MillraceError("CONFLICT", { message: "One of the ids was erased just now; merge again." });
    }
    await applyJoins(client, projectId, joins);
  });
  return answerPerson(options, projectId, main.number);
}

async function unmergeIds(
  options: UserServiceOptions,
  projectId: number,
  id: string,
  ids: readonly string[] | undefined,
): Promise<PersonIds> {
  const { postgres } = options;
  const main = await findMainKey(postgres, projectId, id);
  if (main === undefined) throw new MillraceError("USER_NOT_FOUND");
  const from = main.number;
  let groups: number[][] | undefined;
  if (ids !== undefined) {
    refuseIds(ids, (each) => (each === id ? "is the person from which ids are to be separated" : undefined));
    const numbers = await findNumbers(postgres, projectId, ids.flatMap(keysOfId));
    groups = ids.map((each) => keysOfId(each).flatMap((key) => numbers.get(key) ?? []));
    const unknown = groups.flatMap((group, index) => (group.length === 0 ? [index] : []));
    if (unknown.length > 0) {
      throw new MillraceError("USER_NOT_FOUND", {
        message: `\`ids[${unknown[0]}]\`: no user with this id is known.`,
        details: unknown
          .slice(0, problemsMax)
          .map((index) => ({ path: `ids[${index}]`, message: "is not known" })),
      });
    }
  }
  await inTransaction(postgres, projectId, (client) => separateIds(client, projectId, from, groups));
  return answerPerson(options, projectId, from);
}

async function answerPerson(
  options: UserServiceOptions,
  projectId: number,
  number: number,
): Promise<PersonIds> {
  try {
    await options.persons.publish();
  } catch (error) {
    // The change is made and follows by itself; sending the request again answers once it did.
    throw new MillraceError("STORE_UNAVAILABLE", { retryAfterSeconds: 1, cause: error });
  }
  const person = await personOfNumber(options.postgres, projectId, number);
  return idsOfKeys(await keysOfPerson(options.postgres, projectId, person));
}

async function inTransaction(
  postgres: Postgres,
  projectId: number,
  work: (client: ClientBase) => Promise<void>,
): Promise<void> {
  await transact(postgres, async (client) => {
    await lockPersons(client, projectId);
    await work(client);
  });
}

function refuseIds(ids: readonly string[], problemOf: (id: string) => string | undefined): void {
  const problems = ids.flatMap((each, index) => {
    const message = problemOf(each);
    return message === undefined ? [] : [{ path: `ids[${index}]`, message }];
  });
  if (problems.length > 0) throw invalidBody(problems.slice(0, problemsMax));
}
