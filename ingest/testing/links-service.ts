// The links service for the edge's own tests and benchmarks: answered over the real protocol from a table, with
// everything it was asked for.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Redis } from "ioredis";
import { createLogger } from "#ops/runtime/log.ts";
import {
  encodeCachedLink,
  linkAddress,
  linkCacheLimits,
  linkKey,
  linksChangedSubject,
  putLinksScript,
  type ResolveMany,
} from "#schemas/links/link-cache.ts";
import type { ResolvedLink } from "#schemas/links/link.ts";
import { serve } from "#streams/services.ts";

export class LinksService {
  /** Addresses in the order they were asked for. */
  readonly asked: string[] = [];
  /** Redirects by public id. */
  readonly stored = new Map<string, number>();
  /** Milliseconds that an answer takes. */
  delayMs = 0;
  readonly #connection: NatsConnection;
  readonly #redis: Redis | undefined;
  readonly #links = new Map<string, ResolvedLink>();
  readonly #passwords = new Map<string, string>();
  readonly #service: { stop(): Promise<void> };
  #nextId = 1;
  #version = 1;

  constructor(connection: NatsConnection, redis: Redis | undefined) {
    this.#connection = connection;
    this.#redis = redis;
    const read = <T>(payload: Uint8Array): T => JSON.parse(new TextDecoder().decode(payload)) as T;
    this.#service = serve(connection, {
      service: "links",
      log: createLogger({ level: "error", name: "test" }),
      methods: {
        resolve_many: async (payload) => {
          const addresses = read<ResolveMany>(payload).addresses.map(({ domain, code }) =>
            linkAddress(domain, code),
          );
          this.asked.push(...addresses);
          if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
          return addresses.map((address) => this.#links.get(address) ?? null);
        },
        resolve: async (payload) => {
          const { domain, code } = read<{ domain: string; code: string }>(payload);
          return this.#links.get(linkAddress(domain, code)) ?? null;
        },
        unlock: async (payload) => {
          const { domain, code, password } = read<{ domain: string; code: string; password: string }>(
            payload,
          );
          const address = linkAddress(domain, code);
          const ok = this.#passwords.get(address) === password;
          return { ok, url: ok ? this.#links.get(address)?.url : null };
        },
        salt: async (payload) => ({ salt: `salt of ${read<{ day: string }>(payload).day}` }),
        count_redirects: async (payload) => ({
          count: this.stored.get(read<{ linkId: string }>(payload).linkId) ?? 0,
        }),
      },
    });
  }

  /** Makes or changes a link as the service does: stored, then in Redis, then announced. */
  async put(link: Partial<ResolvedLink> & { code: string }, password?: string): Promise<ResolvedLink> {
    const address = linkAddress(link.domain ?? "", link.code);
    const id = this.#links.get(address)?.id ?? this.#nextId++;
    const whole: ResolvedLink = {
      id,
      publicId: `link-${id}`,
      projectId: 1,
      projectPublicId: "default",
      domain: "",
      url: "https://example.com/",
      redirect: 302,
      forwardQuery: false,
      expiresAtMs: null,
      expiredUrl: null,
      maxClicks: null,
      hasPassword: password !== undefined,
      title: null,
      retentionDays: 0,
      ...this.#links.get(address),
      ...link,
      version: this.#version++,
    };
    this.#links.set(address, whole);
    if (password !== undefined) this.#passwords.set(address, password);
    await this.#announce(whole.domain, whole.code, whole.version, whole);
    return whole;
  }

  async remove(domain: string, code: string): Promise<void> {
    this.#links.delete(linkAddress(domain, code));
    await this.#announce(domain, code, this.#version++, null);
  }

  /** Changes what is stored and tells nobody: as when a message was lost. */
  changeSilently(code: string, url: string): void {
    const link = this.#links.get(code) as ResolvedLink;
    this.#links.set(code, { ...link, url, version: this.#version++ });
  }

  async stop(): Promise<void> {
    await this.#service.stop();
  }

  async #announce(domain: string, code: string, version: number, link: ResolvedLink | null): Promise<void> {
    const text = encodeCachedLink({ version, link });
    const keptMs = linkCacheLimits.knownMsMax;
    await this.#redis
      ?.eval(putLinksScript, 1, linkKey(domain, code), version, text, keptMs)
      .catch(() => undefined);
    this.#connection.publish(linksChangedSubject, JSON.stringify({ domain, code, version }));
    await this.#connection.flush();
  }
}
