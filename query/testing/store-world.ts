// For integration tests: puts a random world into the tables as the workers would have, beside a neighbour project
// with the same events, whose rows must never show.
import type { ReferenceEvent } from "./naive-reference.ts";
import type { World, WorldUserProperty } from "./random-world.ts";
import { storeTime, type TestDatabase } from "./test-database.ts";

/** Rows of one insert: several parts, so that tables are seen unmerged too. */
const batchRows = 400;
const versionMax = 2 ** 52;

export async function storeWorld(database: TestDatabase, projectId: number, world: World): Promise<void> {
  const neighbour = projectId + 1;
  for (let start = 0; start < world.events.length; start += batchRows) {
    const batch = world.events.slice(start, start + batchRows);
    await database.insertEvents([
      ...batch.map((event, index) => eventRow(projectId, event, start + index)),
      ...batch.map((event, index) => eventRow(neighbour, event, start + index)),
    ]);
  }
  const insert = async (table: string, values: object[]): Promise<void> => {
    if (values.length > 0) {
      await database.clickhouse.insert({
        table,
        values,
        format: "JSONEachRow",
        clickhouse_settings: { async_insert: 0 },
      });
    }
  };
  const person = (user_number: number, person_number: number, version: number): object => ({
    project_id: projectId,
    user_number,
    person_number,
    version,
  });
  // An older state first, in a part of its own: only the latest row of an id counts.
  await insert(
    "persons",
    [...world.persons.keys()].map((user) => person(user, (user + 1) % 7, 1)),
  );
  await insert(
    "persons",
    [...world.persons].map(([user, to]) => person(user, to, 2)),
  );
  await insert(
    "persons",
    [...world.persons].map(([user]) => ({ ...person(user, 0, 3), project_id: neighbour })),
  );
  for (const row of world.userProperties) await insert("user_properties", [propertyRow(projectId, row)]);
  for (const [id, users] of world.cohorts) {
    const number = world.people.cohorts.get(id);
    for (const [generation, members] of [
      [1, [0, 1, 2, 3]],
      [2, [...users]],
    ] as const) {
      await database.clickhouse.command({
        query: `INSERT INTO cohort_members SELECT ${projectId}, ${number}, ${generation},
          groupBitmapState(arrayJoin(CAST([${members.join(",")}], 'Array(UInt32)')))`,
      });
    }
  }
}

function eventRow(project: number, event: ReferenceEvent, index: number): object {
  return {
    project_id: project,
    event: event.event,
    timestamp: storeTime(event.timestampMs),
    user_number: event.user,
    event_id: String(index),
    user_id: `u${event.user}`,
    properties: event.properties,
    browser: event.browser,
    received_at: storeTime(worldArrivalMs),
  };
}

const worldArrivalMs = Date.UTC(2026, 10, 1);

function propertyRow(project: number, row: WorldUserProperty): object {
  const { value } = row;
  const isScalar = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return {
    project_id: project,
    property: row.property,
    user_number: row.user,
    once: row.once ? 1 : 0,
    text: isScalar ? String(value) : null,
    number: typeof value === "number" ? value : null,
    boolean: typeof value === "boolean" ? value : null,
    value: value === undefined ? "" : JSON.stringify(value),
    version: row.once ? versionMax - row.atMs : row.atMs,
  };
}
