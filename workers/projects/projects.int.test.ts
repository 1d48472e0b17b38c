// Projects, keys, usage and the audit log as the edge asks for them: through the service, over the real stores.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MillraceError } from "#schemas/errors.ts";
import type { AuditAnswer } from "#schemas/projects/audit.ts";
import type { KeyEntry, KeyMade } from "#schemas/projects/keys.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { dayOf, type UsageAnswer } from "#schemas/projects/usage.ts";
import { callService } from "#streams/call-service.ts";
import { startBed, type Bed } from "../testing/worker-processes.ts";
import { serveProjects } from "./project-service.ts";
import { ProjectStore } from "./project-store.ts";

let bed: Bed;
let store: ProjectStore;
let stop: () => Promise<void>;
/** The projects `default` (1) and two others. */
const projects: { id: string; projectId: number; keys: Record<string, string> }[] = [];
const changed: number[] = [];

beforeAll(async () => {
  bed = await startBed();
  const { connection, postgres, clickhouse, log } = bed;
  store = new ProjectStore(postgres);
  await store.ensureDefault({ write: "configured-write", admin: "configured-admin" });
  const service = serveProjects({
    connection,
    store,
    clickhouse,
    clickhouseCluster: undefined,
    postgres,
    log,
  });
  connection.subscribe("projects.changed", {
    callback: (_error, message) => void changed.push(message.json<{ projectId: number }>().projectId),
  });
  for (const name of ["a", "b"]) {
    const { id, keys } = await store.create({ name, timezone: "UTC", eventsPerSecondMax: null });
    projects.push({ id, projectId: (await store.findId(id)) as number, keys });
  }
  stop = async () => {
    await service.stop();
    await bed.close();
  };
});

afterAll(() => stop());

async function call<T>(
  method: string,
  payload: object,
  options: { projectId: number; parameters?: Record<string, string> },
): Promise<T> {
  return (await callService(bed.connection, `svc.projects.${method}`, payload, {
    requestId: "request-1",
    timeoutMs: 10_000,
    ...options,
  })) as T;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof MillraceError ? error.code : String(error);
}

function resolve(key: string): Promise<ResolvedKey | null> {
  return call("resolve_key", { keyHash: createHash("sha256").update(key).digest("hex") }, { projectId: 0 });
}

function make(projectId: number, id: string, body: object): Promise<KeyMade> {
  return call("create_key", body, { projectId, parameters: { id } });
}

const [a, b] = [() => projects[0] as (typeof projects)[0], () => projects[1] as (typeof projects)[0]];

test("a key of several scopes opens what they open, under its own name", async () => {
  const made = await make(a().projectId, a().id, { scopes: ["read", "links"], name: "shop" });
  expect(made).toMatchObject({
    scopes: ["read", "links"],
    name: "shop",
    origin: "created",
    expires_at: null,
  });
  expect(await resolve(made.key)).toMatchObject({
    projectId: a().projectId,
    publicId: a().id,
    keyId: made.id,
    scopes: ["read", "links"],
    expiresAtMs: null,
  });
  expect(changed).toContain(a().projectId);
  const { keys } = await call<{ keys: KeyEntry[] }>("keys", { id: a().id }, { projectId: a().projectId });
  expect(keys.map((key) => key.scopes)).toEqual([["write"], ["read"], ["admin"], ["read", "links"]]);
  expect(JSON.stringify(keys)).not.toContain(made.key);
  expect(made.key.startsWith(made.hint.slice(0, -1))).toBe(true);
});

test.each([
  { name: "no scope", body: { scopes: [] } },
  { name: "an unknown scope", body: { scopes: ["root"] } },
  { name: "a scope twice", body: { scopes: ["read", "read"] } },
  { name: "an end in the past", body: { scopes: ["read"], expires_at: "2001-01-01T00:00:00Z" } },
  { name: "an end without a zone", body: { scopes: ["read"], expires_at: "2999-01-01T00:00:00" } },
  { name: "a text with NUL", body: { scopes: ["read"], name: "a\0" } },
])("refuses a key with $name", async ({ body }) => {
  expect(await codeOf(make(a().projectId, a().id, body))).toBe("INVALID_BODY");
});

test("a key opens nothing from its end on", async () => {
  const made = await make(a().projectId, a().id, {
    scopes: ["read"],
    expires_at: new Date(Date.now() + 1_000).toISOString(),
  });
  expect((await resolve(made.key))?.expiresAtMs).toBe(Date.parse(made.expires_at as string));
  await new Promise((done) => setTimeout(done, 1_100));
  expect(await resolve(made.key)).toBeNull();
});

test("a rotated key stays valid for its time of grace, beside the one that takes its place", async () => {
  const old = await make(a().projectId, a().id, { scopes: ["write"] });
  const rotate = (graceSeconds: number): Promise<KeyMade> =>
    call(
      "rotate_key",
      { grace_seconds: graceSeconds },
      { projectId: a().projectId, parameters: { id: a().id, key: old.id } },
    );
  const next = await rotate(1);
  expect(next.scopes).toEqual(["write"]);
  expect((await resolve(old.key))?.keyId).toBe(old.id);
  expect((await resolve(next.key))?.keyId).toBe(next.id);
  expect(await codeOf(rotate(1))).toBe("CONFLICT");
  await new Promise((done) => setTimeout(done, 1_100));
  expect(await resolve(old.key)).toBeNull();
  expect((await resolve(next.key))?.keyId).toBe(next.id);
});

test("a key that is rotated by many at once gets one successor", async () => {
  const old = await make(a().projectId, a().id, { scopes: ["write"] });
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () =>
      codeOf(
        call("rotate_key", {}, { projectId: a().projectId, parameters: { id: a().id, key: old.id } }).then(
          () => {
            throw new Error("made");
          },
        ),
      ),
    ),
  );
  expect(outcomes.filter((outcome) => outcome.includes("made")).length).toBe(1);
  expect(outcomes.filter((outcome) => outcome === "CONFLICT").length).toBe(19);
});

test("a revoked key opens nothing, and the last admin key cannot be revoked", async () => {
  const made = await make(b().projectId, b().id, { scopes: ["admin"] });
  const revoke = (key: string): Promise<unknown> =>
    call("revoke_key", { id: b().id, key }, { projectId: b().projectId });
  const first = (await resolve(b().keys["admin"] as string))?.keyId as string;
  // Each of two that are revoked at once is the other's reason to go: one of them stays.
  const outcomes = await Promise.allSettled([revoke(made.id), revoke(first)]);
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const left = [await resolve(made.key), await resolve(b().keys["admin"] as string)];
  expect(left.filter((key) => key !== null).length).toBe(1);
  expect(await codeOf(revoke("key_of_nobody"))).toBe("KEY_NOT_FOUND");
});

test("what a request revoked stays revoked when the workers start again; what was configured comes back", async () => {
  const id = (await resolve("configured-write"))?.keyId as string;
  await call("revoke_key", { id: "default", key: id }, { projectId: 1 });
  await store.ensureDefault({ write: "configured-write", admin: "another-admin" });
  expect(await resolve("configured-write")).toBeNull();
  expect(await resolve("configured-admin")).toBeNull();
  await store.ensureDefault({ admin: "configured-admin" });
  expect((await resolve("configured-admin"))?.scopes).toEqual(["admin"]);
  expect(await resolve("another-admin")).toBeNull();
});

test.each([
  ["keys", { id: () => b().id }],
  ["get", { id: () => b().id }],
  ["usage", { id: () => b().id }],
  ["limits", { id: () => b().id }],
  ["delete", { id: () => b().id }],
  ["revoke_key", { id: () => b().id, key: () => "key_1" }],
])("another project's admin does not reach %s", async (method, given) => {
  const payload = Object.fromEntries(Object.entries(given).map(([name, read]) => [name, read()]));
  expect(await codeOf(call(method, payload, { projectId: a().projectId }))).toBe("PROJECT_NOT_FOUND");
});

test("settings change where they are named", async () => {
  const change = (body: object): Promise<unknown> =>
    call("change", body, { projectId: a().projectId, parameters: { id: a().id } });
  expect(await change({ timezone: "Europe/Amsterdam" })).toMatchObject({
    name: "a",
    timezone: "Europe/Amsterdam",
  });
  expect(await change({ session_idle_minutes: 45 })).toMatchObject({ session_idle_minutes: 45 });
  for (const session_idle_minutes of [0, 1441, 1.5, "30", null]) {
    expect(await codeOf(change({ session_idle_minutes }))).toBe("INVALID_BODY");
  }
  expect(await change({ name: "shop" })).toMatchObject({
    session_idle_minutes: 45,
    name: "shop",
    timezone: "Europe/Amsterdam",
  });
  expect(await codeOf(change({}))).toBe("INVALID_BODY");
  expect(await codeOf(change({ timezone: "Mars/Olympus" }))).toBe("INVALID_BODY");
});

test("a report that is repeated counts once, and tells when keys were used", async () => {
  const { keyId } = (await resolve(a().keys["write"] as string)) as ResolvedKey;
  const day = dayOf(Date.now());
  const report = (number: number): object => ({
    run: "edge-1",
    number,
    uses: [{ projectId: a().projectId, day, rejected: 3, bytes: 100, queries: 2 }],
    keys: [[keyId, 1_700_000_000_000 + number]],
  });
  for (const number of [1, 1, 2, 1, 2]) await call("report_use", report(number), { projectId: 0 });
  await bed.postgres.query("INSERT INTO usage_events VALUES ($1, $2, 0, 10, 2, 1), ($1, $2, 1, 5, 0, 0)", [
    a().projectId,
    day,
  ]);
  const usage = await call<UsageAnswer>("usage", { id: a().id }, { projectId: a().projectId });
  expect(usage.total).toEqual({
    received: 18,
    stored: 15,
    duplicates: 2,
    quarantined: 1,
    rejected: 6,
    bytes: 200,
    queries: 4,
  });
  expect(usage.days.length).toBe(30);
  expect(usage.days.at(-1)).toEqual({ day, ...usage.total });
  expect(usage.quotas.day).toMatchObject({ max: null, used: 18 });
  expect(usage.quotas.month).toMatchObject({ max: null, used: 18 });
  const { keys } = await call<{ keys: KeyEntry[] }>("keys", { id: a().id }, { projectId: a().projectId });
  expect(keys.find((key) => key.id === keyId)?.last_used_at).toBe(new Date(1_700_000_000_002).toISOString());
});

test.each([
  { from: "2026-02-30", to: "2026-03-01" },
  { from: "2026-03-02", to: "2026-03-01" },
  { from: "2020-01-01", to: "2026-03-01" },
  { from: "yesterday", to: "2026-03-01" },
])("usage from $from to $to is refused", async (range) => {
  const asked = call("usage", { id: a().id, ...range }, { projectId: a().projectId });
  expect(await codeOf(asked)).toBe("INVALID_PARAMETER");
});

test("the audit log pages from the newest, shows a project its own, and stays as it was written", async () => {
  const ids: string[] = [];
  for (const [index, project] of [a(), b(), a()].entries()) {
    const { id } = await call<{ id: string }>(
      "begin_action",
      {
        targetId: project.id,
        keyId: "key_1",
        keyHint: "mr_admin_…",
        action: "PUT /v1/projects/{id}/limits",
        parameters: { id: project.id },
        address: "203.0.113.9",
      },
      { projectId: 1 },
    );
    if (index < 2) await call("end_action", { actionId: id, status: 200, code: null }, { projectId: 1 });
    ids.unshift(id);
  }
  const page = (projectId: number, cursor?: string): Promise<AuditAnswer> =>
    call("audit", { limit: "2", ...(cursor === undefined ? {} : { cursor }) }, { projectId });
  const first = await page(1);
  expect(first.entries.map((entry) => entry.id)).toEqual(ids.slice(0, 2));
  expect(first.entries.map((entry) => entry.status)).toEqual([null, 200]);
  const rest = await page(1, first.next as string);
  expect(rest.entries.map((entry) => entry.id)).toEqual(ids.slice(2));
  expect(rest.next).toBeNull();
  expect((await page(b().projectId)).entries.map((entry) => entry.id)).toEqual([ids[1]]);
  for (const statement of [
    "DELETE FROM audit_actions",
    "UPDATE audit_results SET status = 500",
    "TRUNCATE audit_actions CASCADE",
  ]) {
    await expect(bed.postgres.query(statement)).rejects.toThrow("stay as they were written");
  }
});
