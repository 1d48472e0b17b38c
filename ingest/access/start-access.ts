// Wires what the edge counts and writes down of requests: quotas, use of projects, the audit log.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Redis } from "ioredis";
import type { Logger } from "#ops/runtime/log.ts";
import type { EventsTaken } from "#schemas/projects/usage.ts";
import { callService } from "#streams/call-service.ts";
import { AuditTrail } from "./audit-trail.ts";
import { createClientAddress, type ClientAddress } from "./client-address.ts";
import type { KeyCache } from "./key-cache.ts";
import { createQuotaCounter } from "./quota-counter.ts";
import { Quotas } from "./quotas.ts";
import { UseReporter } from "./use-reporter.ts";

const callMsMax = 2_000;

export interface Access {
  readonly clientAddress: ClientAddress;
  readonly quotas: Quotas;
  readonly use: UseReporter;
  readonly audit: AuditTrail;
  /** Gives back what is leased and reports what is counted. */
  stop(): Promise<void>;
}

export function startAccess(options: {
  connection: NatsConnection;
  redis: Redis | undefined;
  keys: KeyCache;
  trustedProxies: readonly string[];
  log: Logger;
}): Access {
  const { connection, redis, keys, log } = options;
  const ask = (subject: string, payload: object): Promise<unknown> =>
    callService(connection, subject, payload, { requestId: "access", projectId: 0, timeoutMs: callMsMax });
  const quotas = new Quotas({
    counter: redis === undefined ? undefined : createQuotaCounter(redis),
    eventsTaken: async (projectId, atMs) =>
      (await ask("svc.projects.events_taken", { projectId, atMs })) as EventsTaken,
  });
  const use = new UseReporter({
    keys,
    send: async (report) => void (await ask("svc.projects.report_use", report)),
    log,
  });
  return {
    clientAddress: createClientAddress(options.trustedProxies),
    quotas,
    use,
    audit: new AuditTrail({ connection, log }),
    async stop() {
      await Promise.all([quotas.stop(), use.stop()]);
    },
  };
}
