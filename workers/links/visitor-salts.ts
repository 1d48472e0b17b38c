// The day's salt, which edges hash their visitors with: `svc.links.salt`. Made by whoever is asked first, the same for
// everybody, and deleted once no click of its day can still be on its way: after that nobody can tell whose a hash was.
import { randomBytes } from "node:crypto";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import { serve } from "#streams/services.ts";

const dayMs = 24 * 3600 * 1000;
const saltBytes = 32;
/** Clocks of edges may differ; the day before and the day after may be asked for. */
const daysApartMax = 1;
const deleteEveryMs = 3600 * 1000;
const dayPattern = /^\d{4}-\d{2}-\d{2}$/;

export interface VisitorSalts {
  /** `day` such as 2026-11-23, in UTC. Throws INVALID_PARAMETER for days that are not about now. */
  read(day: string): Promise<string>;
  deleteOld(): Promise<void>;
}

export function createVisitorSalts(postgres: Postgres, now: () => number = Date.now): VisitorSalts {
  return {
    async read(day) {
      const apartDays = Math.round(Date.parse(day) / dayMs) - Math.floor(now() / dayMs);
      if (!dayPattern.test(day) || !(Math.abs(apartDays) <= daysApartMax)) {
        throw new MillraceError("INVALID_PARAMETER", {
          message: "There are salts of yesterday, today and tomorrow.",
        });
      }
      await postgres.query("INSERT INTO visitor_salts (day, salt) VALUES ($1, $2) ON CONFLICT DO NOTHING", [
        day,
        randomBytes(saltBytes).toString("base64url"),
      ]);
      const { rows } = await postgres.query<{ salt: string }>(
        "SELECT salt FROM visitor_salts WHERE day = $1",
        [day],
      );
      return (rows[0] as { salt: string }).salt;
    },
    async deleteOld() {
      const oldest = new Date(now() - daysApartMax * dayMs).toISOString().slice(0, 10);
      await postgres.query("DELETE FROM visitor_salts WHERE day < $1", [oldest]);
    },
  };
}

export function serveVisitorSalts(options: { connection: NatsConnection; postgres: Postgres; log: Logger }): {
  stop(): Promise<void>;
} {
  const { connection, log } = options;
  const salts = createVisitorSalts(options.postgres);
  const deleteOld = (): void => {
    salts
      .deleteOld()
      .catch((error: unknown) => log.warn({ err: error }, "old salts of visitors could not be deleted"));
  };
  deleteOld();
  const timer = setInterval(deleteOld, deleteEveryMs);
  timer.unref();
  const service = serve(connection, {
    service: "links",
    log,
    methods: {
      salt: async (payload) => {
        const { day } = JSON.parse(new TextDecoder().decode(payload)) as { day: string };
        return { salt: await salts.read(day) };
      },
    },
  });
  return {
    async stop() {
      clearInterval(timer);
      await service.stop();
    },
  };
}
