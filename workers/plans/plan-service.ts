// The service `plans`: keeps tracking plans, says how often they were broken, and tells edges and workers what is in
// force.
import type { NatsConnection } from "@nats-io/transport-node";
import avro from "avsc";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { MillraceError } from "#schemas/errors.ts";
import { eventLimits } from "#schemas/events/event.ts";
import { compileBody, parseJson } from "#schemas/operations/read-body.ts";
import { checkSchema } from "#schemas/plans/check-schema.ts";
import { compilePlan } from "#schemas/plans/compile-plan.ts";
import { NewPlan, plansChangedSubject, type ActivePlan, type RejectingPart } from "#schemas/plans/plan.ts";
import { toAvro } from "#schemas/plans/to-avro.ts";
import { serve, type Call } from "#streams/services.ts";
import { closeQuarantined, deleteQuarantined, type Closing } from "./close-quarantined.ts";
import type { PlanStore } from "./plan-store.ts";

const readPlan = compileBody(NewPlan);
/** About: of the text of schemas, twice because it is escaped. */
const partBytesMax = 2 * 1024 * 1024;
const dayPattern = /^\d{4}-\d{2}-\d{2}/;

export function servePlans(options: {
  connection: NatsConnection;
  store: PlanStore;
  clickhouse: ClickHouse;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, store, clickhouse, log } = options;
  return serve(connection, {
    service: "plans",
    log,
    methods: {
      put: async (payload, call) => {
        const event = eventOf(call.parameters);
        const given = readPlan(payload);
        const plan = await store.put(call.projectId, event, given, prepare(event, given.schema));
        connection.publish(plansChangedSubject, "{}");
        return plan;
      },
      list: async (_payload, call) => ({ schemas: await store.list(call.projectId) }),
      get: (payload, call) => store.find(call.projectId, readEvent(payload)),
      versions: async (payload, call) => ({
        versions: await store.versions(call.projectId, readEvent(payload)),
      }),
      violations: (payload, call) => {
        const parameters = parseJson(payload) as Call["parameters"];
        const range = { from: dayOf(parameters, "from"), to: dayOf(parameters, "to") };
        return store.violations(call.projectId, eventOf(parameters), range);
      },
      delete: async (payload, call) => {
        const event = readEvent(payload);
        await store.remove(call.projectId, event);
        connection.publish(plansChangedSubject, "{}");
        return { event, deleted: true };
      },
      delete_quarantined: (payload, call) => {
        const { ids, ...filter } = parseJson(payload) as Record<string, unknown>;
        // One id in the address is no list yet.
        const given = ids === undefined ? filter : { ...filter, ids: [ids].flat() };
        return deleteQuarantined({ connection, clickhouse }, given, call);
      },
      /** For edges, which replay. */
      close_quarantined: async (payload, call) => {
        await closeQuarantined(clickhouse, call.projectId, parseJson(payload) as Closing);
        return { closed: true };
      },
      /** For edges: what is refused before it is in the log. */
      rejecting: async (payload): Promise<RejectingPart> => {
        const { known, revision: asked, from } = parseJson(payload) as RejectingRequest;
        const revision = asked ?? (await store.revision());
        if (revision === known) return { revision, plans: undefined, next: undefined };
        const { plans } = await store.activeAt(revision);
        const rejecting = plans.filter(({ mode }) => mode === "reject");
        const part = partOf(rejecting, from);
        const next = from + part.length;
        return { revision, plans: part, next: next < rejecting.length ? next : undefined };
      },
    },
  });
}

interface RejectingRequest {
  /** The revision that the edge has. */
  readonly known: number;
  /** Of the parts before; undefined for the first. */
  readonly revision: number | undefined;
  readonly from: number;
}

/** As many as fit into an answer. */
function partOf(plans: readonly ActivePlan[], from: number): ActivePlan[] {
  let bytes = 0;
  const part: ActivePlan[] = [];
  for (let at = from; at < plans.length && bytes < partBytesMax; at += 1) {
    const plan = plans[at] as ActivePlan;
    bytes += 2 * plan.schema.length;
    part.push(plan);
  }
  return part;
}

function readEvent(payload: Uint8Array): string {
  return eventOf(parseJson(payload) as Call["parameters"]);
}

/** Throws EVENT_NAME_INVALID. */
function eventOf(parameters: Call["parameters"]): string {
  const event = parameters["event"];
  if (typeof event !== "string" || event === "" || event.length > eventLimits.nameLengthMax) {
    throw new MillraceError("EVENT_NAME_INVALID", {
      message: `The event's name in the address must have 1 to ${eventLimits.nameLengthMax} characters.`,
    });
  }
  return event;
}

/** Throws INVALID_PARAMETER. */
function dayOf(parameters: Call["parameters"], name: "from" | "to"): string | undefined {
  const given = parameters[name];
  if (given === undefined) return undefined;
  const day = typeof given === "string" && dayPattern.test(given) ? given.slice(0, 10) : "";
  if (day === "" || Number.isNaN(Date.parse(day))) {
    throw new MillraceError("INVALID_PARAMETER", {
      message: `\`${name}\` must be a date such as 2026-11-01.`,
    });
  }
  return day;
}

/** The schema as Avro. Throws SCHEMA_INVALID that names the place. */
function prepare(event: string, schema: Record<string, unknown>): Record<string, unknown> {
  const problems = checkSchema(schema);
  const first = problems[0];
  if (first !== undefined) {
    throw new MillraceError("SCHEMA_INVALID", {
      message: `The schema cannot be a plan: \`${first.path}\` ${first.message}.`,
      details: problems,
    });
  }
  try {
    compilePlan(JSON.stringify(schema));
    const asAvro = toAvro(event, schema);
    avro.Type.forSchema(asAvro as unknown as avro.Schema, { wrapUnions: true });
    return asAvro;
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 300) : "unknown";
    throw new MillraceError("SCHEMA_INVALID", {
      message: `The schema is not valid: ${reason}.`,
      details: [{ path: "schema", message: reason }],
      cause: error,
    });
  }
}
