// Random sequences of joins and separations against the plainest model of them: a list of edges that is walked anew
// for every question. MILLRACE_TEST_SEED and MILLRACE_TEST_CASES repeat and lengthen it.
import { randomBytes } from "node:crypto";
import { join as joinPath } from "node:path";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { isEarlier, type Claim, type JoinKind, type NumberedJoin } from "./join.ts";
import { applyJoins, lockPersons, separateIds } from "./person-store.ts";

const seed = Number(process.env["MILLRACE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env["MILLRACE_TEST_CASES"] ?? 40);
const stepsPerCase = 25;
/** Even numbers are user ids, odd ones anonymous; those from 16 on were never seen in an event. */
const ids = 20;
const seenBelow = 16;

let admin: pg.Client;
let client: pg.Client;
let database: string;

beforeAll(async () => {
  const url = new URL(inject("servers").postgresUrl);
  database = `persons_${randomBytes(6).toString("hex")}`;
  admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  url.pathname = `/${database}`;
  client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query("SET synchronous_commit = off");
  const directory = joinPath(import.meta.dirname, "../../schemas/migrations/postgres");
  for (const file of (await readdir(directory)).sort()) {
    await client.query(await readFile(joinPath(directory, file), "utf8"));
  }
});
afterAll(async () => {
  await client.end();
  await admin.query(`DROP DATABASE ${database}`);
  await admin.end();
});

function isIdentified(id: number): boolean {
  return id % 2 === 0 && id < seenBelow;
}

interface Edge {
  readonly joined: number;
  readonly into: number;
  readonly claim: Claim | null;
}

class Model {
  edges: Edge[] = [];
  /** Ids that went to an earlier claim. */
  contested = 0;
  readonly labels = Array.from({ length: ids }, (_, id) => id);

  component(id: number, edges = this.edges): Set<number> {
    const found = new Set([id]);
    for (let grown = true; grown;) {
      grown = false;
      for (const { joined, into } of edges) {
        if (found.has(joined) === found.has(into)) continue;
        found.add(joined).add(into);
        grown = true;
      }
    }
    return found;
  }

  join({ kind, joinedNumber: joined, intoNumber: into, intoIsNew, claim }: NumberedJoin): void {
    const theirs = this.component(joined);
    if (theirs.has(into)) return;
    if (!this.#allows(kind, theirs, this.component(into), intoIsNew)) {
      const holding = this.edges
        .filter((edge) => edge.joined === joined && edge.claim !== null)
        .sort((a, b) => (isEarlier(a.claim as Claim, b.claim as Claim) ? 1 : -1))[0];
      if (holding === undefined || claim === null || !isEarlier(claim, holding.claim as Claim)) return;
      const without = this.edges.filter((edge) => edge !== holding);
      if ([...this.component(joined, without)].some(isIdentified)) return;
      this.contested += 1;
      this.#cut([holding], (part) => (part.has(joined) ? joined : holding.into));
      this.join({ kind, joinedNumber: joined, intoNumber: into, intoIsNew, claim } as NumberedJoin);
      return;
    }
    this.edges.push({ joined, into, claim });
    for (const id of theirs) this.labels[id] = this.labels[into] as number;
  }

  #allows(kind: JoinKind, theirs: Set<number>, ours: Set<number>, intoIsNew: boolean): boolean {
    const joinedIsIdentified = [...theirs].some(isIdentified);
    if (kind === "merge" || !joinedIsIdentified) return true;
    return kind === "alias" && (intoIsNew || ![...ours].some(isIdentified));
  }

  separate(from: number, groups: number[][] | undefined): void {
    const whole = this.component(from);
    const inside = this.edges.filter((edge) => whole.has(edge.joined));
    if (groups === undefined) {
      this.#cut(inside, (part) => [...part][0] as number);
      return;
    }
    const cut = new Set<Edge>();
    const tops: number[] = [from];
    for (const group of groups) {
      if (group.includes(from)) continue;
      for (const id of group) {
        // The edge next to the id without which the person is out of reach.
        const edge = inside.find(
          (each) =>
            (each.joined === id || each.into === id) &&
            !this.component(
              id,
              inside.filter((other) => other !== each),
            ).has(from),
        );
        if (edge === undefined || group.includes(edge.joined === id ? edge.into : edge.joined)) continue;
        cut.add(edge);
        tops.push(id);
      }
    }
    const nearest = (part: Set<number>): number =>
      // Of the separated ids in a part, the one whose own edge was cut on this side.
      tops.find((top) => part.has(top)) as number;
    this.#cut([...cut], nearest);
  }

  /** Every part that lost its person's number gets a new one. */
  #cut(edges: readonly Edge[], name: (part: Set<number>) => number): void {
    if (edges.length === 0) return;
    const touched = new Set(edges.flatMap((edge) => [...this.component(edge.joined)]));
    this.edges = this.edges.filter((edge) => !edges.includes(edge));
    const old = new Map([...touched].map((id) => [id, this.labels[id] as number]));
    for (const id of touched) {
      const part = this.component(id);
      const person = old.get(id) as number;
      this.labels[id] = part.has(person) ? person : name(part);
    }
  }
}

function createRandom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

it(
  `agrees with a plain model (seed ${seed}, ${cases} cases)`,
  { timeout: 30_000 + cases * 2_000 },
  async () => {
    let splits = 0;
    let contested = 0;
    for (let at = 0; at < cases; at += 1) {
      const random = createRandom(seed + at);
      const projectId = at + 1;
      await client.query(
        `INSERT INTO user_numbers (project_id, user_key, user_number, partition, reserved)
       SELECT $1, CASE WHEN id % 2 = 0 THEN 'u:' ELSE 'a:' END || id, id, 0, id >= $3
       FROM generate_series(0, $2 - 1) AS id`,
        [projectId, ids, seenBelow],
      );
      const model = new Model();
      for (let step = 0; step < stepsPerCase; step += 1) {
        const what = `seed ${seed}, case ${at}, step ${step}`;
        await client.query("BEGIN");
        await lockPersons(client, projectId);
        if (random(4) === 0) {
          const from = random(ids);
          const groups =
            random(4) === 0
              ? undefined
              : Array.from({ length: 1 + random(3) }, () =>
                  Array.from({ length: 1 + random(2) }, () => random(ids)),
                );
          await separateIds(client, projectId, from, groups);
          const before = model.edges.length;
          model.separate(from, groups);
          if (model.edges.length < before) splits += 1;
        } else {
          const joins = Array.from({ length: 1 + random(5) }, (_, index): NumberedJoin => {
            const kind = (["identify", "identify", "alias", "merge"] as const)[random(4)] as JoinKind;
            const into = kind === "identify" ? random(ids / 2) * 2 : random(ids);
            const joined = kind === "identify" ? random(ids / 2) * 2 + 1 : random(ids);
            return {
              projectId,
              kind,
              into: String(into),
              joined: String(joined),
              intoNumber: into,
              joinedNumber: joined,
              intoIsNew: random(5) === 0,
              origin: `${projectId}:${step}:${index}`,
              claim:
                kind === "merge"
                  ? null
                  : { arrivedMs: random(100), happenedMs: random(10), eventId: `${step}-${index}` },
            };
          });
          await applyJoins(client, projectId, joins);
          // Again: what was made under an origin is not made twice, and what was refused is refused.
          const before = model.edges.length;
          let made = 0;
          for (const join of joins) {
            model.join(join);
            made += 1;
          }
          if (model.edges.length < before + made && model.edges.length < before) contested += 1;
        }
        await client.query("COMMIT");
        const persons = await client.query<{ number: string; person: string }>(
          "SELECT user_number AS number, person_number AS person FROM user_persons WHERE project_id = $1",
          [projectId],
        );
        const labels = Array.from({ length: ids }, (_, id) => id);
        for (const { number, person } of persons.rows) labels[Number(number)] = Number(person);
        expect(labels, what).toEqual(model.labels);
        expect(
          persons.rows.filter(({ number, person }) => number === person),
          what,
        ).toEqual([]);
        const edges = await client.query<{ joined: string; into: string }>(
          `SELECT user_number AS joined, into_number AS into FROM user_merges
         WHERE project_id = $1 AND undone_at IS NULL`,
          [projectId],
        );
        const sorted = (list: readonly { joined: unknown; into: unknown }[]): string[] =>
          list.map(({ joined, into }) => `${String(joined)}-${String(into)}`).sort();
        expect(sorted(edges.rows), what).toEqual(sorted(model.edges));
      }
      contested += model.contested;
      // What the analytics store makes of the changes: the latest one of each id.
      const latest = await client.query<{ number: string; person: string }>(
        `SELECT DISTINCT ON (user_number) user_number AS number, person_number AS person FROM person_changes
       WHERE project_id = $1 ORDER BY user_number, version DESC`,
        [projectId],
      );
      const published = Array.from({ length: ids }, (_, id) => id);
      for (const { number, person } of latest.rows) published[Number(number)] = Number(person);
      expect(published, `seed ${seed}, case ${at}`).toEqual(model.labels);
    }
    expect(splits).toBeGreaterThan(cases);
    expect(contested).toBeGreaterThan(0);
  },
);
