// The service `projects`: resolves keys for the edge; projects, their keys, limits and usage; the audit log.
import type { NatsConnection } from "@nats-io/transport-node";
import type { ClickHouse } from "#ops/runtime/clickhouse.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { compileBody, invalidBody, parseJson, readMember } from "#schemas/operations/read-body.ts";
import { ProjectLimitsChange } from "#schemas/projects/limits.ts";
import { ProjectChange, ProjectCreation } from "#schemas/projects/settings.ts";
import { serve, type Handler } from "#streams/services.ts";
import { createAuditMethods } from "./audit-methods.ts";
import { AuditStore } from "./audit-store.ts";
import { deleteProjectData } from "./delete-project-data.ts";
import { createKeyMethods } from "./key-methods.ts";
import { KeyStore } from "./key-store.ts";
import { defaultProject, type ProjectStore } from "./project-store.ts";
import { Reach } from "./reach.ts";
import { createUsageMethods } from "./usage-methods.ts";
import { UsageStore } from "./usage-store.ts";

/** Announces that a project's keys or limits changed: edges drop what they cached. */
export const projectsChangedSubject = "projects.changed";

const readCreation = compileBody(ProjectCreation);
const readChange = compileBody(ProjectChange);
const readLimits = compileBody(ProjectLimitsChange);

export interface ProjectServiceOptions {
  connection: NatsConnection;
  store: ProjectStore;
  clickhouse: ClickHouse;
  clickhouseCluster: string | undefined;
  postgres: Postgres;
  log: Logger;
}

export function serveProjects(options: ProjectServiceOptions): { stop(): Promise<void> } {
  const { connection, store, postgres, log } = options;
  const reach = new Reach(store);
  const keys = new KeyStore(postgres);
  const announce = (projectId: number): void =>
    connection.publish(projectsChangedSubject, JSON.stringify({ projectId }));
  return serve(connection, {
    service: "projects",
    log,
    methods: {
      resolve_key: async (payload) => {
        const { keyHash } = parseJson(payload) as { keyHash: string };
        return store.resolveKey(Buffer.from(keyHash, "hex"));
      },
      ...createProjectMethods(options, reach, announce),
      ...createKeyMethods({ keys, reach, announce }),
      ...createUsageMethods({ usage: new UsageStore(postgres, keys), store, reach }),
      ...createAuditMethods({ audit: new AuditStore(postgres), store, reach }),
    },
  });
}

function createProjectMethods(
  options: ProjectServiceOptions,
  reach: Reach,
  announce: (projectId: number) => void,
): Record<string, Handler> {
  const { store, log } = options;
  return {
    create: async (payload) => {
      const { name, timezone = "UTC", limits } = readCreation(payload);
      checkZone(timezone);
      return store.create({ name, timezone, eventsPerSecondMax: limits?.events_per_second_max ?? null });
    },
    list: async (_payload, call) => ({ projects: await store.list(await reach.only(call)) }),
    get: async (payload, call) => store.find(await reach.project(readMember(payload, "id"), call)),
    change: async (payload, call) => {
      const projectId = await reach.named(call);
      const change = readChange(payload);
      if (change.timezone !== undefined) checkZone(change.timezone);
      const changed = await store.change(projectId, change);
      announce(projectId);
      return changed;
    },
    delete: async (payload, call) => {
      const id = readMember(payload, "id");
      const projectId = await reach.project(id, call);
      if (id === defaultProject) {
        throw new MillraceError("FORBIDDEN", { message: "The project `default` cannot be deleted." });
      }
      await store.delete(projectId);
      announce(projectId);
      // The keys are gone already; the rows follow in the background and are invisible meanwhile.
      void deleteProjectData(options, projectId).catch((error: unknown) =>
        log.error({ err: error, projectId }, "project data could not be removed"),
      );
      return { id, deleted: true };
    },
    limits: async (payload, call) => store.limits(await reach.project(readMember(payload, "id"), call)),
    set_limits: async (payload, call) => {
      const projectId = await reach.named(call);
      const limits = await store.setLimits(projectId, readLimits(payload));
      announce(projectId);
      return limits;
    },
  };
}

function checkZone(zone: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    throw invalidBody([{ path: "timezone", message: `"${zone}" is not an IANA time zone` }]);
  }
}
