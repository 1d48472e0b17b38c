// Why background work failed, as its owner may read it: codes and kinds, nothing of other servers' texts.
import { ClickHouseError } from "@clickhouse/client";
import { MillraceError } from "#schemas/errors.ts";

export function describeFailure(error: unknown): string {
  if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
  if (error instanceof ClickHouseError) return `STORE_REFUSED: ${error.type ?? error.code}`;
  if (error instanceof Error && error.name === "TimeoutError") return "TIMEOUT: the work took too long";
  return "STORE_UNAVAILABLE: a store is away";
}
