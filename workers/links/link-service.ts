// The service `links`: the write side of short links, their lists, and what edges ask for about an address.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Redis } from "ioredis";
import type { ErrorCorrection } from "qr";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import type { ResolveMany } from "#schemas/links/link-cache.ts";
import { LinkBulk, LinkChanges, linkLimits, LinkListParameters } from "#schemas/links/link-contract.ts";
import { asInvalid, compileBody, parseJson } from "#schemas/operations/read-body.ts";
import { compileCheck } from "#schemas/query/check.ts";
import { serve, type Call, type StreamSink } from "#streams/services.ts";
import type { LinkAnnouncer } from "./announce-links.ts";
import { forgetOldRequests, type IdempotentRequest } from "./idempotent-requests.ts";
import { buildLink, buildResolved, buildShortUrl } from "./link-row.ts";
import type { LinkFilter } from "./link-statements.ts";
import type { Address, LinkStore } from "./link-store.ts";
import { buildCsvLine, csvHeader } from "./links-csv.ts";
import { importLinks, makeLink, makeLinks, type MakeParts } from "./make-links.ts";
import { isPassword } from "./passwords.ts";
import { buildQrPng, buildQrSvg } from "./qr-image.ts";
import { readDomain, readFields } from "./read-link.ts";
import { UnlockLimits } from "./unlock-limits.ts";

const exportPage = 1_000;
const readBulk = compileBody(LinkBulk);
const readChanges = compileBody(LinkChanges);
const checkList = compileCheck(LinkListParameters);
const encoder = new TextEncoder();
const levels: readonly string[] = ["low", "medium", "quartile", "high"] satisfies ErrorCorrection[];

export function serveLinks(options: {
  connection: NatsConnection;
  postgres: Postgres;
  redis: Redis | undefined;
  store: LinkStore;
  announcer: LinkAnnouncer;
  publicUrl: string;
  /** Links were made or changed whose pages may have to be read. */
  onTitleWanted: () => void;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, postgres, redis, store, announcer, publicUrl, onTitleWanted, log } = options;
  const limits = new UnlockLimits(redis);
  const parts: MakeParts = { postgres, store, announcer, publicUrl, onTitleWanted };

  const addressOf = (given: Readonly<Record<string, unknown>>): Address => {
    const domain = readDomain(textOf(given["domain"]), publicUrl);
    if (domain === undefined) throw new MillraceError("LINK_NOT_FOUND");
    return { domain, code: textOf(given["code"]) };
  };
  const requestOf = (payload: Uint8Array, call: Call, method: string): IdempotentRequest => ({
    projectId: call.projectId,
    key: textOf(call.parameters["idempotency_key"]),
    method,
    body: payload,
  });

  const qr = async (
    payload: Uint8Array,
    call: Call,
    sink: StreamSink,
    type: "svg" | "png",
  ): Promise<void> => {
    const given = parametersOf(payload);
    const scale = Number(given["scale"] ?? 8);
    const ecc = textOf(given["ecc"] ?? "medium");
    if (!(Number.isInteger(scale) && scale >= 1 && scale <= 40)) throw wrong("scale", "must be 1 to 40");
    if (!levels.includes(ecc)) throw wrong("ecc", `must be one of ${levels.join(", ")}`);
    const { row } = await store.find(call.projectId, addressOf(given));
    const text = buildShortUrl(row, publicUrl);
    const image =
      type === "svg"
        ? encoder.encode(buildQrSvg(text, ecc as ErrorCorrection))
        : buildQrPng(text, ecc as ErrorCorrection, scale);
    sink.start({
      status: 200,
      headers: {
        "content-type": type === "svg" ? "image/svg+xml" : "image/png",
        "cache-control": "private, max-age=86400",
      },
    });
    await sink.write(image);
  };

  const service = serve(connection, {
    service: "links",
    log,
    methods: {
      resolve: (payload) => store.resolve(parametersOf(payload) as unknown as Address),
      resolve_many: (payload) =>
        store.resolveMany((parametersOf(payload) as unknown as ResolveMany).addresses),
      unlock: async (payload) => {
        const { domain, code, password, address } = parametersOf(payload);
        const row = await store.findForVisitor({ domain: textOf(domain), code: textOf(code) });
        if (row === undefined) return { ok: false, url: null };
        if (row.password_hash === null) return { ok: true, url: row.target };
        await limits.take(row.public_id, textOf(address));
        const ok = await isPassword(textOf(password), row.password_hash);
        return { ok, url: ok ? row.target : null };
      },
      create: (payload, call) => makeLink(parts, requestOf(payload, call, "create"), parseJson(payload)),
      create_bulk: (payload, call) =>
        makeLinks(parts, requestOf(payload, call, "create_bulk"), readBulk(payload).links),
      import: (payload, call) => importLinks(parts, call.projectId, payload),
      list: async (payload, call) => {
        const { filter, limit } = readList(payload, publicUrl);
        // One more than is shown says whether there is a next page.
        const listed = await store.list(call.projectId, filter, limit + 1);
        const shown = listed.slice(0, limit);
        return {
          links: shown.map(({ row, totals }) => buildLink(row, totals, publicUrl)),
          next_cursor: listed.length > limit ? writeCursor(shown.at(-1)?.row.id ?? "") : null,
        };
      },
      get: async (payload, call) => {
        const { row, totals } = await store.find(call.projectId, addressOf(parametersOf(payload)));
        return buildLink(row, totals, publicUrl);
      },
      update: async (payload, call) => {
        const address = addressOf(call.parameters);
        const changes = readChanges(payload);
        const changed = await store.update(call.projectId, address, call.requestId, (before) =>
          readFields(changes, publicUrl, before),
        );
        if (changed !== null) {
          const link = buildResolved(changed, await store.projectOf(call.projectId));
          onTitleWanted();
          await announcer.announce([{ ...address, version: link.version, link }]);
        }
        const { row, totals } = await store.find(call.projectId, address);
        return buildLink(row, totals, publicUrl);
      },
      delete: async (payload, call) => {
        const gone = await store.delete(call.projectId, addressOf(parametersOf(payload)));
        await announcer.announce([gone]);
        return { code: gone.code, domain: gone.domain, deleted: true };
      },
      history: async (payload, call) => {
        const changes = await store.changes(call.projectId, addressOf(parametersOf(payload)));
        return {
          changes: changes.map((each) => ({
            changed_at: each.changedAt.toISOString(),
            request_id: each.requestId,
            changes: each.changes,
          })),
        };
      },
    },
    streams: {
      export: async (payload, call, sink) => {
        const { filter } = readList(payload, publicUrl);
        sink.start({ status: 200, headers: { "content-type": "text/csv; charset=utf-8" } });
        await sink.write(encoder.encode(csvHeader));
        for (let beforeId: number | undefined; ;) {
          const page = await store.list(call.projectId, { ...filter, beforeId }, exportPage);
          const last = page.at(-1);
          if (last === undefined) return;
          const lines = page.map(({ row, totals }) => buildCsvLine(buildLink(row, totals, publicUrl)));
          // A link is 20 KB at most; a piece is what the log's protocol carries.
          for (let at = 0; at < lines.length; at += 20) {
            await sink.write(encoder.encode(lines.slice(at, at + 20).join("")));
          }
          if (page.length < exportPage) return;
          beforeId = Number(last.row.id);
        }
      },
      qr_svg: (payload, call, sink) => qr(payload, call, sink, "svg"),
      qr_png: (payload, call, sink) => qr(payload, call, sink, "png"),
    },
  });
  const forgetting = forgetOldRequests(postgres, log);
  return {
    async stop() {
      forgetting.stop();
      await service.stop();
    },
  };
}

function parametersOf(payload: Uint8Array): Record<string, unknown> {
  return (parseJson(payload) ?? {}) as Record<string, unknown>;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function wrong(path: string, message: string): MillraceError {
  return new MillraceError("INVALID_PARAMETER", {
    message: `\`${path}\` ${message}.`,
    details: [{ path, message }],
  });
}

function readList(payload: Uint8Array, publicUrl: string): { filter: LinkFilter; limit: number } {
  const given = parametersOf(payload);
  // Streams are told which encodings the client reads.
  delete given["accept_encoding"];
  const asked = asInvalid("INVALID_PARAMETER", () => checkList(given));
  const limit = Number(asked.limit ?? linkLimits.pageDefault);
  if (limit < 1 || limit > linkLimits.pageMax) throw wrong("limit", `must be 1 to ${linkLimits.pageMax}`);
  const domain = asked.domain === undefined ? undefined : readDomain(asked.domain, publicUrl);
  if (asked.domain !== undefined && domain === undefined) throw wrong("domain", "is no name of a domain");
  return {
    filter: {
      search: asked.search,
      tag: asked.tag,
      domain,
      externalId: asked.external_id,
      beforeId: asked.cursor === undefined ? undefined : readCursor(asked.cursor),
    },
    limit,
  };
}

function writeCursor(id: string): string {
  return Buffer.from(`l:${id}`).toString("base64url");
}

function readCursor(cursor: string): number {
  const [, id] = /^l:(\d{1,15})$/.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  if (id === undefined) throw wrong("cursor", "is none that a page gave");
  return Number(id);
}
