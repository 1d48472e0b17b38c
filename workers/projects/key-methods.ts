// Methods of the service `projects` that list, make, rotate and revoke keys.
import { MillraceError } from "#schemas/errors.ts";
import { compileBody, invalidBody, readMember } from "#schemas/operations/read-body.ts";
import { KeyCreation, keyLimits, KeyRotation } from "#schemas/projects/keys.ts";
import type { Handler } from "#streams/services.ts";
import type { KeyStore } from "./key-store.ts";
import type { Reach } from "./reach.ts";

const readCreation = compileBody(KeyCreation);
const readRotation = compileBody(KeyRotation);

export function createKeyMethods(options: {
  keys: KeyStore;
  reach: Reach;
  /** Keys of the project changed. */
  announce: (projectId: number) => void;
}): Record<string, Handler> {
  const { keys, reach, announce } = options;
  return {
    keys: async (payload, call) => ({
      keys: await keys.list(await reach.project(readMember(payload, "id"), call)),
    }),
    create_key: async (payload, call) => {
      const projectId = await reach.named(call);
      const { scopes, name, expires_at: expiresAt } = readCreation(payload);
      const made = await keys.create(projectId, {
        scopes,
        name: name ?? null,
        expiresAt: parseEnd(expiresAt ?? null),
      });
      announce(projectId);
      return made;
    },
    rotate_key: async (payload, call) => {
      const projectId = await reach.named(call);
      const { grace_seconds: graceSeconds } = readRotation(payload);
      const made = await keys.rotate(
        projectId,
        String(call.parameters["key"] ?? ""),
        graceSeconds ?? keyLimits.graceSecondsDefault,
      );
      announce(projectId);
      return made;
    },
    revoke_key: async (payload, call) => {
      const projectId = await reach.project(readMember(payload, "id"), call);
      const id = readMember(payload, "key");
      await keys.revoke(projectId, id);
      announce(projectId);
      return { id, revoked: true };
    },
  };
}

function parseEnd(text: string | null): Date | null {
  if (text === null) return null;
  const zoned = /(Z|[+-]\d{2}:?\d{2})$/i.test(text);
  const end = new Date(text);
  if (!zoned || Number.isNaN(end.getTime())) {
    throw invalidBody([{ path: "expires_at", message: "must be an ISO 8601 time with a zone" }]);
  }
  if (end.getTime() <= Date.now()) {
    throw new MillraceError("INVALID_BODY", {
      message: "The body does not have the expected shape: `expires_at`: lies in the past.",
      details: [{ path: "expires_at", message: "lies in the past" }],
    });
  }
  return end;
}
