// Every operation of the interface, with keys of every scope of another project: nothing of a project is seen by them,
// and nothing of it changes. The operations come from the table, so a new one is tested by being there.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scopesOf, type Operation } from "#schemas/operations/operation.ts";
import { operations } from "#schemas/operations/operations.ts";
import { sdkOperations } from "#schemas/operations/sdk.ts";
import { keyScopes, type KeyScope } from "#schemas/projects/project.ts";
import { Installation, sleep } from "./installation.ts";
import { bodiesOf, makers, named, nameOf, shared } from "./isolation-samples.ts";

interface Party {
  readonly id: string;
  readonly keys: Readonly<Record<KeyScope, string>>;
  readonly bodies: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** In everything that belongs to the victim, and in nothing else. */
const marker = `secret${randomBytes(8).toString("hex")}`;
const readMsMax = 3_000;
const triesMax = 10;
/** Without what the edge answers to everybody, and what has its key in a place of its own. */
const withKeys = operations.filter(
  (operation) => operation.scope !== null && !sdkOperations.includes(operation),
);

let installation: Installation;
let victim: Party;
let attacker: Party;
/** The victim's things, by the beginning of their address and the parameter's name. */
const ids = new Map<string, string>();

async function request(key: string, method: string, path: string, body?: unknown): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(`${installation.url}${path}`, {
      method,
      redirect: "manual",
      headers: {
        "content-type": "application/json",
        ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const retryAfterSeconds = Number(response.headers.get("retry-after"));
    const text = await readSome(response);
    const isLater = response.status === 503 || (response.status === 429 && retryAfterSeconds <= 5);
    if (!isLater || tries === triesMax) {
      return { status: response.status, text };
    }
    await sleep(Math.max(1, retryAfterSeconds) * 1000);
  }
}

/** Streams that do not end are read for a while. */
async function readSome(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const pieces: Uint8Array[] = [];
  const isOver = sleep(readMsMax).then(() => ({ done: true as const, value: undefined }));
  for (;;) {
    const { done, value } = await Promise.race([reader.read(), isOver]);
    if (done) break;
    pieces.push(value);
  }
  await reader.cancel();
  return Buffer.concat(pieces).toString();
}

function must(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}

async function makeParty(name: string): Promise<Party> {
  const { admin } = installation.keys;
  const made = await request(admin, "POST", "/v1/projects", { name });
  must(made.status === 201, made.text);
  const { id, keys } = JSON.parse(made.text) as {
    id: string;
    keys: Record<"write" | "read" | "admin", string>;
  };
  const links = await request(keys.admin, "POST", `/v1/projects/${id}/keys`, { scopes: ["links"] });
  must(links.status === 201, links.text);
  const { key } = JSON.parse(links.text) as { key: string };
  return { id, keys: { ...keys, links: key }, bodies: bodiesOf(name) };
}

/** The operation's address, with the victim's things in its braces. */
function addressOf(operation: Operation): string {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) => {
    const found = [...ids].find(([place]) => {
      const [prefix = "", name] = place.split(" ");
      return name === parameter && operation.path.startsWith(prefix);
    });
    // A new operation whose parameter is not known here: say in isolation-samples.ts what it names.
    must(found !== undefined, `${nameOf(operation)}: nothing is known to put in {${parameter}}`);
    return encodeURIComponent(found?.[1] ?? "");
  });
  const isExport = operation.path === "/v1/export/events";
  return isExport ? `${path}?format=ndjson&from=2020-01-01&to=2035-01-01` : path;
}

function bodyOf(operation: Operation, party: Party): unknown {
  if (operation.body === undefined) return undefined;
  return party.bodies[nameOf(operation)] ?? {};
}

function keyOf(operation: Operation, party: Party): string {
  const scope = scopesOf(operation.scope)[0];
  return scope === undefined ? "" : party.keys[scope];
}

/** They tell what happens while somebody listens: nothing that would be the same a moment later. */
const streams: ReadonlySet<string> = new Set(["/v1/live", "/v1/links/{code}/clicks"]);

/** What the victim sees of its own: the status of each question, and how often the answer names the secret. */
async function look(): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  for (const operation of withKeys) {
    const isQuery = operation.method === "POST" && operation.path.startsWith("/v1/query/");
    const isQuestion = operation.method === "GET" || isQuery;
    if (!isQuestion || operation.path === "/v1/query/jobs" || operation.path === "/metrics") continue;
    if (streams.has(operation.path)) continue;
    const key = keyOf(operation, victim);
    const { status, text } = await request(
      key,
      operation.method,
      addressOf(operation),
      bodyOf(operation, victim),
    );
    seen[nameOf(operation)] = `${status}, secret ${text.split(marker).length - 1} times`;
  }
  return seen;
}

describe("no key reaches another project", () => {
  beforeAll(async () => {
    installation = await Installation.create();
    installation.start();
    await installation.ready();
    victim = await makeParty(marker);
    attacker = await makeParty("attacker");
    ids.set("/v1/projects/ id", victim.id);
    for (const { prefix, parameter, value } of named) ids.set(`${prefix} ${parameter}`, value);
    const sent = await request(victim.keys.write, "POST", "/v1/events", [
      { event: shared.event, user_id: shared.user, event_id: shared.eventId, properties: { secret: marker } },
      { event: `${marker}_event`, user_id: `${marker}_user`, event_id: `${marker}_id` },
    ]);
    must(sent.status === 202, sent.text);
    // Before the rest: at its end it takes answers of jobs away.
    const erased = await request(victim.keys.admin, "DELETE", `/v1/users/${marker}_nobody`);
    const erasureId = (JSON.parse(erased.text) as { erasure_id?: string }).erasure_id ?? "erasure_unknown";
    ids.set("/v1/erasures/ erasure_id", erasureId);
    for (let tries = 0; tries < 600; tries += 1) {
      const { status, text } = await request(victim.keys.admin, "GET", `/v1/erasures/${erasureId}`);
      if (status === 404 || (JSON.parse(text) as { state: string }).state === "done") break;
      await sleep(100);
    }
    for (const { make, prefix, parameter, answer } of makers) {
      const operation = operations.find((each) => nameOf(each) === make);
      if (operation === undefined) continue;
      const body =
        make === "POST /v1/uploads" ? `{"event":"${marker}","user_id":"u"}` : bodyOf(operation, victim);
      const address = make === "POST /v1/uploads" ? "/v1/uploads?format=ndjson" : addressOf(operation);
      const made = await request(keyOf(operation, victim), operation.method, address, body);
      must(made.status < 300, `${make}: ${made.text}`);
      ids.set(`${prefix} ${parameter}`, String((JSON.parse(made.text) as Record<string, unknown>)[answer]));
    }
    let receipt = "";
    for (let tries = 0; tries < 200 && !receipt.includes('"stored"'); tries += 1) {
      receipt = (await request(victim.keys.read, "GET", `/v1/events/${shared.eventId}`)).text;
      await sleep(100);
    }
    must(receipt.includes('"stored"'), receipt);
  }, 180_000);
  afterAll(() => installation.destroy());

  it(
    "every operation refuses keys that are none, and those of other scopes",
    { timeout: 120_000 },
    async () => {
      const wrong: string[] = [];
      for (const operation of withKeys) {
        const allowed = scopesOf(operation.scope);
        const expected = new Map<string, number>([
          ["", 401],
          ["mr_admin_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 401],
          ...keyScopes
            .filter((scope) => !allowed.includes(scope))
            .map((scope) => [victim.keys[scope], 403] as const),
        ]);
        // The SDK's own place for the key is the address.
        if (operation.path.includes("{write_key}")) continue;
        for (const [key, status] of expected) {
          const answer = await request(
            key,
            operation.method,
            addressOf(operation),
            bodyOf(operation, victim),
          );
          if (answer.status !== status)
            wrong.push(`${nameOf(operation)}: ${answer.status} instead of ${status}`);
          if (answer.text.includes(marker)) wrong.push(`${nameOf(operation)} tells a ${status}`);
        }
      }
      expect(wrong).toEqual([]);
    },
  );

  it("keys of another project see nothing and change nothing", { timeout: 240_000 }, async () => {
    const before = await look();
    expect(Object.values(before).filter((each) => !each.includes("secret 0 times")).length).toBeGreaterThan(
      10,
    );
    const wrong: string[] = [];
    for (const operation of withKeys) {
      for (const scope of scopesOf(operation.scope)) {
        const key = attacker.keys[scope];
        const answer = await request(
          key,
          operation.method,
          addressOf(operation),
          bodyOf(operation, attacker),
        );
        const name = `${nameOf(operation)} with a ${scope} key: ${answer.status}`;
        if (answer.status === 401 || answer.status >= 500) wrong.push(`${name} ${answer.text}`);
        if (answer.text.includes(marker)) wrong.push(`${name} tells the secret`);
        const isOfProject = operation.path.startsWith("/v1/projects/{id}");
        if (isOfProject && answer.status !== 404) wrong.push(`${name} instead of 404: ${answer.text}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(await look()).toEqual(before);
  });

  it("events of a key go to its own project, whatever way they come", { timeout: 60_000 }, async () => {
    const count = async (party: Party): Promise<number> => {
      const { text } = await request(party.keys.read, "POST", "/v1/query/trends", {
        ...(party.bodies["POST /v1/query/trends"] as object),
        series: [{ event: "from-attacker", math: "total" }],
      });
      return (JSON.parse(text) as { series: { total: number }[] }).series[0]?.total ?? -1;
    };
    const { write } = attacker.keys;
    const event = { event: "from-attacker", user_id: "u", project_id: victim.id, projectId: victim.id };
    await request(write, "POST", "/v1/events", event);
    await request(write, "POST", "/v1/track", { userId: "u", ...event });
    await request("", "POST", "/capture/", { api_key: write, distinct_id: "u", ...event });
    await request(write, "POST", "/v1/uploads?format=ndjson", JSON.stringify(event));
    const socket = new WebSocket(`${installation.url.replace("http", "ws")}/v1/ingest`);
    await new Promise((resolve) => (socket.onopen = resolve));
    socket.send(JSON.stringify({ key: write }));
    socket.send(JSON.stringify(event));
    await new Promise((resolve) => (socket.onmessage = resolve));
    socket.close();
    for (let tries = 0; tries < 200 && (await count(attacker)) < 5; tries += 1) await sleep(100);
    expect(await count(attacker)).toBe(5);
    expect(await count(victim)).toBe(0);
  });

  it("a WebSocket takes no event of a key that may not send", { timeout: 30_000 }, async () => {
    for (const key of [attacker.keys.read, attacker.keys.admin, "mr_write_none"]) {
      const socket = new WebSocket(`${installation.url.replace("http", "ws")}/v1/ingest`);
      await new Promise((resolve) => (socket.onopen = resolve));
      const closed = new Promise<number>((resolve) => (socket.onclose = ({ code }) => resolve(code)));
      socket.send(JSON.stringify({ key }));
      expect(await closed).toBe(4401);
    }
  });

  it(
    "what administrators did is in the audit log, once, and only what concerns the asker",
    { timeout: 30_000 },
    async () => {
      const read = async (
        key: string,
      ): Promise<{ action: string; status: number | null; project: string }[]> => {
        const { text } = await request(key, "GET", "/v1/audit?limit=1000");
        return (JSON.parse(text) as { entries: { action: string; status: number | null; project: string }[] })
          .entries;
      };
      const own = await read(victim.keys.admin);
      expect(own.filter(({ action }) => action === "DELETE /v1/users/{id}").length).toBeGreaterThan(0);
      expect(
        own
          .filter(({ project }) => project !== victim.id && project !== "default")
          .map(({ project }) => project),
      )
        // What others tried on this project is told.
        .toEqual(expect.arrayContaining([attacker.id]));
      expect(own.every(({ status }) => status !== null)).toBe(true);
      const attempts = await read(attacker.keys.admin);
      expect(
        attempts.some(({ action, status }) => action === "DELETE /v1/projects/{id}" && status === 404),
      ).toBe(true);
      expect(attempts.every(({ project }) => project === attacker.id || project === "default")).toBe(true);
    },
  );
});
