// Methods of the service `projects` that write and read the audit log.
import { compileParameters } from "#schemas/projects/read-parameters.ts";
import { MillraceError } from "#schemas/errors.ts";
import { parseJson } from "#schemas/operations/read-body.ts";
import {
  auditPageDefault,
  auditPageMax,
  AuditParameters,
  type ActionBegun,
  type ActionEnded,
  type ActionRefused,
} from "#schemas/projects/audit.ts";
import type { Handler } from "#streams/services.ts";
import type { AuditStore } from "./audit-store.ts";
import type { ProjectStore } from "./project-store.ts";
import type { Reach } from "./reach.ts";

const readFilter = compileParameters(AuditParameters);

export function createAuditMethods(options: {
  audit: AuditStore;
  store: ProjectStore;
  reach: Reach;
}): Record<string, Handler> {
  const { audit, store, reach } = options;
  return {
    audit: async (payload, call) => {
      const { from, to, limit, cursor } = readFilter(payload);
      const only = await reach.only(call);
      return audit.list({
        project: only === null ? null : { id: only, publicId: await store.publicId(only) },
        from: parseTime("from", from),
        to: parseTime("to", to),
        limit: Math.min(auditPageMax, Math.max(1, Number(limit ?? auditPageDefault))),
        before: cursor ?? null,
      });
    },
    // Called by the edges only.
    begin_action: async (payload, call) => ({
      id: await audit.begin(call.projectId, call.requestId, parseJson(payload) as ActionBegun),
    }),
    refused_action: async (payload, call) => {
      await audit.refused(call.projectId, call.requestId, parseJson(payload) as ActionRefused);
      return null;
    },
    end_action: async (payload) => {
      await audit.end(parseJson(payload) as ActionEnded);
      return null;
    },
  };
}

function parseTime(name: string, text: string | undefined): Date | null {
  if (text === undefined) return null;
  const at = new Date(/T/.test(text) && !/(Z|[+-]\d{2}:?\d{2})$/i.test(text) ? `${text}Z` : text);
  if (Number.isNaN(at.getTime())) {
    throw new MillraceError("INVALID_PARAMETER", { message: `\`${name}\` is not a time: ${text}.` });
  }
  return at;
}
