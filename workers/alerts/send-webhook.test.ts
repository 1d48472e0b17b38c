import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { AddressGuard } from "../outgoing/guard-address.ts";
import { sendWebhook, signBody } from "./send-webhook.ts";

const loopback = new AddressGuard(["127.0.0.0/8"], []);
const signal = new AbortController().signal;
let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const made = createServer(answer);
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}/hook`;
}

const webhook = { secret: "s3cret-s3cret", deliveryId: "dlv_1", body: '{"a":"é"}' };

describe("sendWebhook", () => {
  it("signs the time and the body", () => {
    const expected = createHmac("sha256", "key").update('1700000000.{"a":1}').digest("hex");
    expect(signBody("key", 1_700_000_000, '{"a":1}')).toBe(`t=1700000000,v1=${expected}`);
  });

  it("sends the body as it is, under the delivery's id", async () => {
    const seen: string[] = [];
    const url = await listen((request, response) => {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.on("end", () => {
        const { "millrace-delivery": id, "millrace-signature": signature } = request.headers;
        seen.push(String(request.method), String(id), String(signature), Buffer.concat(pieces).toString());
        response.writeHead(204).end();
      });
    });
    const attempt = await sendWebhook({ ...webhook, url }, loopback, { nowMs: 5_999, signal });
    expect(attempt).toEqual({ told: true, status: 204, error: null });
    expect(seen).toEqual(["POST", "dlv_1", signBody(webhook.secret, 5, webhook.body), webhook.body]);
  });

  it("follows no redirect", async () => {
    let requests = 0;
    const url = await listen((_request, response) => {
      requests += 1;
      response.writeHead(307, { Location: "/other" }).end();
    });
    const attempt = await sendWebhook({ ...webhook, url }, loopback, { nowMs: 0, signal });
    expect(attempt).toMatchObject({ told: false, status: 307 });
    expect(requests).toBe(1);
  });

  it("does not wait for an answer without end, nor for one that never comes", async () => {
    const endless = await listen((_request, response) => void response.writeHead(200).write("x"));
    expect(await sendWebhook({ ...webhook, url: endless }, loopback, { nowMs: 0, signal })).toMatchObject({
      told: true,
    });
    const silent = await listen(() => undefined);
    const options = { nowMs: 0, signal, msMax: 50 };
    expect(await sendWebhook({ ...webhook, url: silent }, loopback, options)).toEqual({
      told: false,
      status: null,
      error: "it did not answer in time",
    });
  });

  it.each(["http://127.0.0.1:1/", "http://2130706433/", "http://[::ffff:7f00:1]/", "http://localhost/"])(
    "refuses %s",
    async (url) => {
      const guard = new AddressGuard([], []);
      const attempt = await sendWebhook({ ...webhook, url }, guard, { nowMs: 0, signal });
      expect(attempt).toEqual({
        told: false,
        status: null,
        error: "the address is not public, which is refused",
      });
    },
  );

  it("says that a connection was refused", async () => {
    const url = await listen(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    expect(await sendWebhook({ ...webhook, url }, loopback, { nowMs: 0, signal })).toMatchObject({
      error: "it refused the connection",
    });
  });
});
