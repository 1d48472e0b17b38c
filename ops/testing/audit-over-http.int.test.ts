// The audit log over HTTP: what was done to links, which files were uploaded, and who was refused.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry } from "#schemas/projects/audit.ts";
import { linkKeys as keys, startLinkEdges, type Answer, type Asked, type LinkEdges } from "./link-edges.ts";

let edges: LinkEdges;

beforeAll(async () => {
  edges = await startLinkEdges();
}, 120_000);

afterAll(() => edges.stop());

const ask = (asked: Asked): Promise<Answer> => edges.ask(asked);
const create = (body: object, more: Partial<Asked> = {}): Promise<Answer> =>
  ask({ path: "/v1/links", body, ...more });

describe("the audit log", () => {
  const entries = async (): Promise<AuditEntry[]> => {
    const { text } = await ask({ path: "/v1/audit?limit=1000" });
    return (JSON.parse(text) as { entries: AuditEntry[] }).entries;
  };
  const newest = async (count: number): Promise<Partial<AuditEntry>[]> =>
    (await entries()).slice(0, count).toReversed();

  it("says what was done to links, by whichever key, with many as one", async () => {
    const made = await ask({
      path: "/v1/projects/default/keys",
      body: { scopes: ["links"], name: "marketing" },
    });
    const { key, id } = JSON.parse(made.text) as { key: string; id: string };
    const before = (await entries()).length;
    const client = "203.0.113.7";
    const link = JSON.parse(
      (await create({ url: "https://a.example/audited", alias: "audited" }, { key, client })).text,
    ) as { id: string };
    await create({ url: "https://a.example/audited", alias: "audited" }, { key });
    await ask({
      path: "/v1/links/bulk",
      key,
      body: { links: [{ url: "https://a.example/1" }, { url: "no" }] },
    });
    await ask({
      path: "/v1/links/import",
      body: "url\nhttps://a.example/2\nhttps://a.example/3\n",
      headers: { "content-type": "text/csv" },
    });
    await ask({ path: "/v1/links/audited?domain=", method: "PATCH", body: { tags: ["x"] } });
    await ask({ path: "/v1/links/audited", method: "DELETE" });
    // Reading changes nothing.
    await ask({ path: "/v1/links" });
    expect((await entries()).length - before).toBe(6);
    const about = { id: link.id, code: "audited", domain: "" };
    expect(await newest(6)).toMatchObject([
      { action: "POST /v1/links", key: { id }, address: client, status: 201, code: null, outcome: about },
      { action: "POST /v1/links", key: { id }, status: 409, code: "ALIAS_TAKEN", outcome: null },
      { action: "POST /v1/links/bulk", key: { id }, status: 200, outcome: { created: 1, failed: 1 } },
      { action: "POST /v1/links/import", status: 200, outcome: { created: 2, failed: 0 } },
      {
        action: "PATCH /v1/links/{code}",
        parameters: { code: "audited", domain: "" },
        status: 200,
        outcome: about,
      },
      {
        action: "DELETE /v1/links/{code}",
        parameters: { code: "audited" },
        status: 200,
        outcome: { code: "audited" },
      },
    ]);
  });

  it("says which files were uploaded", async () => {
    const body = "event,user_id\nopened,u\n";
    const headers = { "content-type": "text/csv" };
    for (const key of [keys.admin, keys.write]) {
      const taken = await ask({ path: "/v1/uploads?format=csv&event_column=event", body, headers, key });
      const { upload_id: uploadId } = JSON.parse(taken.text) as { upload_id: string };
      expect(await newest(1)).toMatchObject([
        {
          action: "POST /v1/uploads",
          parameters: { format: "csv" },
          status: 202,
          outcome: { upload_id: uploadId },
        },
      ]);
    }
    await ask({ path: "/v1/uploads?format=csv", body: "a,b\n1,2\n", headers });
    expect(await newest(1)).toMatchObject([
      { action: "POST /v1/uploads", status: 400, code: "COLUMN_NOT_FOUND" },
    ]);
  });

  it("says who was refused, and a flood does not fill it", async () => {
    const before = (await entries()).length;
    await ask({ path: "/v1/projects/default", method: "DELETE", key: keys.read, client: "203.0.113.8" });
    await ask({ path: "/v1/projects", key: "nobody's", client: "203.0.113.9" });
    await ask({ path: "/v1/links", body: { url: "https://a.example" }, key: keys.write });
    // Neither reading nor sending is managing.
    await ask({ path: "/v1/links", key: keys.write });
    await ask({ path: "/v1/events", body: { event: "e", user_id: "u" }, key: keys.read });
    await expect.poll(async () => (await entries()).length - before).toBe(3);
    const refused = (await newest(3)).toSorted((a, b) => ((a.action ?? "") < (b.action ?? "") ? -1 : 1));
    expect(refused).toMatchObject([
      {
        action: "DELETE /v1/projects/{id}",
        project: "default",
        address: "203.0.113.8",
        status: 403,
        code: "FORBIDDEN",
      },
      {
        action: "GET /v1/projects",
        project: null,
        address: "203.0.113.9",
        status: 401,
        code: "UNAUTHORIZED",
      },
      { action: "POST /v1/links", project: "default", status: 403, code: "FORBIDDEN" },
    ]);
    expect(refused[1]?.key).toEqual({ id: "", hint: "" });
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 25 }, () => ask({ path: "/v1/projects", key: "nobody's" })));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = (await entries()).length - before;
    expect(after).toBeGreaterThan(15);
    // So many at once, and the few that a minute adds while this runs.
    expect(after).toBeLessThan(60);
  });
});
