// The service `projects`: resolves keys for the edge, makes, lists and deletes projects.
import type { NatsConnection } from "@nats-io/transport-node";
import { Type, type Static } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { ProjectLimitsChange } from "#schemas/projects/limits.ts";
import { fieldPath } from "#schemas/query/check.ts";
import { serve, type Call } from "#streams/services.ts";
import { deleteProjectData } from "./delete-project-data.ts";
import { defaultProject, type ProjectStore } from "./project-store.ts";

const createContract = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    timezone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    limits: Type.Optional(
      Type.Object(
        { events_per_second_max: Type.Optional(Type.Integer({ minimum: 1 })) },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
const createCheck = TypeCompiler.Compile(createContract);
const limitsCheck = TypeCompiler.Compile(ProjectLimitsChange);

/** Announces that a project's keys or limits changed: edges drop what they cached. */
export const projectsChangedSubject = "projects.changed";

function parse<T>(payload: Uint8Array): T {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)) as T;
  } catch (error) {
    throw new MillraceError("MALFORMED_JSON", { cause: error });
  }
}

function parseCreate(payload: Uint8Array): Static<typeof createContract> {
  const body = parse<unknown>(payload);
  if (!createCheck.Check(body)) {
    const details = [...createCheck.Errors(body)]
      .slice(0, 10)
      .map(({ path, message }) => ({ path, message }));
    throw new MillraceError("INVALID_BODY", { details });
  }
  if (body.timezone !== undefined && !isZone(body.timezone)) {
    throw new MillraceError("INVALID_BODY", {
      message: `"${body.timezone}" is not an IANA time zone.`,
      details: [{ path: "/timezone", message: "not an IANA time zone" }],
    });
  }
  return body;
}

function parseLimits(payload: Uint8Array): ProjectLimitsChange {
  const body = parse<unknown>(payload);
  if (limitsCheck.Check(body)) return body;
  const details = [...limitsCheck.Errors(body)]
    .slice(0, 10)
    .map(({ path, message }) => ({ path: fieldPath(path), message }));
  throw new MillraceError("INVALID_BODY", { details });
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

export function serveProjects(options: {
  connection: NatsConnection;
  store: ProjectStore;
  clickhouse: ClickHouse;
  clickhouseCluster: string | undefined;
  postgres: Postgres;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, store, log } = options;

  /** The default project's admin manages all projects, any other admin only its own. */
  const reach = async (call: Call): Promise<number | null> =>
    call.projectId === (await store.findId(defaultProject)) ? null : call.projectId;

  const reachable = async (id: string, call: Call): Promise<number> => {
    const [own, projectId] = await Promise.all([reach(call), store.findId(id)]);
    if (projectId === undefined || (own !== null && own !== projectId)) {
      throw new MillraceError("PROJECT_NOT_FOUND");
    }
    return projectId;
  };

  return serve(connection, {
    service: "projects",
    log,
    methods: {
      resolve_key: async (payload) => {
        const { keyHash } = parse<{ keyHash: string }>(payload);
        return store.resolveKey(Buffer.from(keyHash, "hex"));
      },
      create: async (payload) => {
        const { name, timezone, limits } = parseCreate(payload);
        return store.create({
          name,
          timezone: timezone ?? "UTC",
          eventsPerSecondMax: limits?.events_per_second_max ?? null,
        });
      },
      list: async (_payload, call) => ({ projects: await store.list(await reach(call)) }),
      delete: async (payload, call) => {
        const { id } = parse<{ id: string }>(payload);
        const projectId = await reachable(id, call);
        if (id === defaultProject) {
          throw new MillraceError("FORBIDDEN", { message: "The project `default` cannot be deleted." });
        }
        await store.delete(projectId);
        connection.publish(projectsChangedSubject, JSON.stringify({ projectId }));
        // The keys are gone already; the rows follow in the background and are invisible meanwhile.
        void deleteProjectData(options, projectId).catch((error: unknown) =>
          log.error({ err: error, projectId }, "project data could not be removed"),
        );
        return { id, deleted: true };
      },
      limits: async (payload, call) => {
        const { id } = parse<{ id: string }>(payload);
        return store.limits(await reachable(id, call));
      },
      set_limits: async (payload, call) => {
        const projectId = await reachable(String(call.parameters["id"] ?? ""), call);
        const limits = await store.setLimits(projectId, parseLimits(payload));
        connection.publish(projectsChangedSubject, JSON.stringify({ projectId }));
        return limits;
      },
    },
  });
}
