// Methods of the service `projects` that say what projects used, and take what the edges counted.
import { compileParameters } from "#schemas/projects/read-parameters.ts";
import { MillraceError } from "#schemas/errors.ts";
import { parseJson, readMember } from "#schemas/operations/read-body.ts";
import {
  dayOf,
  usageDaysDefault,
  usageDaysMax,
  UsageParameters,
  type UsageAnswer,
  type UseReport,
} from "#schemas/projects/usage.ts";
import { periodEndMs } from "#schemas/projects/quota.ts";
import type { Handler } from "#streams/services.ts";
import type { ProjectStore } from "./project-store.ts";
import type { Reach } from "./reach.ts";
import type { UsageStore } from "./usage-store.ts";

const dayMs = 86_400_000;
const readRange = compileParameters(UsageParameters);

export function createUsageMethods(options: {
  usage: UsageStore;
  store: ProjectStore;
  reach: Reach;
}): Record<string, Handler> {
  const { usage, store, reach } = options;
  return {
    usage: async (payload, call): Promise<UsageAnswer> => {
      const projectId = await reach.project(readMember(payload, "id"), call);
      const { from, to } = checkRange(readRange(payload));
      const nowMs = Date.now();
      const [counted, taken, limits] = await Promise.all([
        usage.byDay(projectId, from, to),
        usage.eventsTaken(projectId, nowMs),
        store.limits(projectId),
      ]);
      const endsAt = (period: "day" | "month"): string => new Date(periodEndMs(period, nowMs)).toISOString();
      return {
        ...counted,
        quotas: {
          day: { max: limits.events_per_day_max, used: taken.day, ends_at: endsAt("day") },
          month: { max: limits.events_per_month_max, used: taken.month, ends_at: endsAt("month") },
        },
      };
    },
    // Called by the edges only.
    report_use: async (payload) => {
      await usage.record(parseJson(payload) as UseReport);
      return null;
    },
    events_taken: (payload) => {
      const { projectId, atMs } = parseJson(payload) as { projectId: number; atMs: number };
      return usage.eventsTaken(projectId, atMs);
    },
  };
}

function checkRange(given: { from?: string; to?: string }): { from: string; to: string } {
  const toMs = parseDay("to", given.to ?? dayOf(Date.now()));
  const fromMs =
    given.from === undefined ? toMs - (usageDaysDefault - 1) * dayMs : parseDay("from", given.from);
  if (fromMs > toMs || (toMs - fromMs) / dayMs >= usageDaysMax) {
    throw new MillraceError("INVALID_PARAMETER", {
      message: `\`from\` must not be after \`to\`, and at most ${usageDaysMax} days may be asked for.`,
    });
  }
  return { from: dayOf(fromMs), to: dayOf(toMs) };
}

function parseDay(name: string, text: string): number {
  const atMs = Date.parse(`${text}T00:00:00Z`);
  // The calendar's word: 2026-02-30 is parsed, as another day.
  if (Number.isNaN(atMs) || dayOf(atMs) !== text) {
    throw new MillraceError("INVALID_PARAMETER", { message: `\`${name}\` is not a day: ${text}.` });
  }
  return atMs;
}
