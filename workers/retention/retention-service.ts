// The service `retention`: policies, archives, restores.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import { compileBody, invalidBody, readMember } from "#schemas/operations/read-body.ts";
import { restoreDaysDefault, RestoreRequest } from "#schemas/retention/archive.ts";
import { parseMonth } from "#schemas/retention/month.ts";
import { RetentionPolicyChange } from "#schemas/retention/policy.ts";
import { serve } from "#streams/services.ts";
import type { Reach } from "../projects/reach.ts";
import type { ArchivePlaces } from "./archive-place.ts";
import type { PolicyStore } from "./policy-store.ts";
import type { RestoreLedger } from "./restore-ledger.ts";

const readChange = compileBody(RetentionPolicyChange);
const readRestore = compileBody(RestoreRequest);

export function serveRetention(options: {
  readonly connection: NatsConnection;
  readonly reach: Reach;
  readonly policies: PolicyStore;
  readonly restores: RestoreLedger;
  readonly places: ArchivePlaces;
  readonly onChange: () => void;
  readonly log: Logger;
}): { stop(): Promise<void> } {
  const { connection, reach, policies, restores, places, onChange, log } = options;
  return serve(connection, {
    service: "retention",
    log,
    methods: {
      policy: async (payload, call) => policies.find(await reach.project(readMember(payload, "id"), call)),
      set_policy: async (payload, call) => {
        const projectId = await reach.named(call);
        const change = readChange(payload);
        checkPolicy(change, places);
        const policy = await policies.set(projectId, change);
        onChange();
        return policy;
      },
      archives: (_payload, call) => restores.list(call.projectId),
      restore: async (payload, call) => {
        const { months, keep_days: keepDays = restoreDaysDefault } = readRestore(payload);
        const restored = await restores.request(
          call.projectId,
          months.map((month) => parseMonth(month) ?? 0),
          keepDays,
        );
        onChange();
        return { restores: restored };
      },
    },
  });
}

function checkPolicy(change: RetentionPolicyChange, places: ArchivePlaces): void {
  const { raw_days: rawDays, aggregate_days: aggregateDays, archive } = change;
  // Counts that are gone cannot be checked against events that are there.
  if (typeof aggregateDays === "number" && (typeof rawDays !== "number" || aggregateDays < rawDays)) {
    throw invalidBody([{ path: "aggregate_days", message: "must not be fewer than `raw_days`" }]);
  }
  if (archive !== undefined && archive !== "none") {
    if (typeof rawDays !== "number") {
      throw invalidBody([
        { path: "archive", message: "is written when `raw_days` are over, which are not given" },
      ]);
    }
    if (places(archive) === undefined) {
      throw invalidBody([
        { path: "archive", message: "this installation has no bucket: MILLRACE_ARCHIVE_S3_URL is not set" },
      ]);
    }
  }
}
