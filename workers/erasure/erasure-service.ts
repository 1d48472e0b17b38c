// The service `erasures`: writes down who is to be erased, and tells how far it is.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { isUserId } from "#schemas/events/event.ts";
import { readMember } from "#schemas/operations/read-body.ts";
import { serve } from "#streams/services.ts";
import type { ErasureLedger } from "./erasure-ledger.ts";

export function serveErasures(options: {
  connection: NatsConnection;
  ledger: ErasureLedger;
  /** Somebody is to be erased. */
  onCreate: () => void;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, ledger, onCreate, log } = options;
  return serve(connection, {
    service: "erasures",
    log,
    methods: {
      create: async (payload, call) => {
        const id = readMember(payload, "id");
        if (!isUserId(id)) {
          throw new MillraceError("INVALID_PARAMETER", {
            message: "`id` does not name a person.",
            details: [{ path: "id", message: "does not name a person" }],
          });
        }
        const erasure = await ledger.create(call.projectId, id);
        onCreate();
        return erasure;
      },
      get: (payload, call) => ledger.find(call.projectId, readMember(payload, "erasure_id")),
    },
  });
}
