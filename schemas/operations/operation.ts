// What one operation of the public interface is: who may call it, who answers it, what it takes and gives.
import { Type, type TSchema } from "@sinclair/typebox";
import type { ErrorCode } from "../errors.ts";
import type { KeyScope } from "../projects/project.ts";

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description: string;
  readonly schema: TSchema;
}

/** The service that answers an operation; the edge passes the request on and the answer back. */
export interface AnsweringService {
  /** `svc.<service>.<method>`. */
  readonly subject: string;
  /** Longest wait for the answer, or for the next piece of a streamed one. */
  readonly msMax: number;
  /** The answer comes in pieces, as fast as the client reads. */
  readonly stream?: boolean;
  /** Larger bodies are refused; default 256 KB. */
  readonly bodyBytesMax?: number;
  /** Headers that go to the service as parameters: `idempotency-key` as `idempotency_key`. */
  readonly headers?: readonly string[];
}

export interface Operation {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With parameters in braces. */
  readonly path: string;
  /** Further addresses of the same operation. */
  readonly aliases?: readonly string[];
  /**
   * Which pages of other origins may read the answers; absent: none. Mirrored names the page's origin and allows
   * credentials, which some SDKs ask for.
   */
  readonly cors?: "any" | "mirrored";
  /** Absent: the edge answers by itself. */
  readonly service?: AnsweringService;
  /** A key of this scope, or of any of these; null: open to everybody. */
  readonly scope: KeyScope | readonly KeyScope[] | null;
  readonly tag:
    | "Ingestion"
    | "Queries"
    | "Insights"
    | "Cohorts"
    | "Tracking plans"
    | "Alerts"
    | "Links"
    | "Users"
    | "Administration"
    | "Health";
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  /** By content type. */
  readonly body?: Readonly<Record<string, TSchema>>;
  readonly success: {
    readonly status: number;
    readonly description: string;
    readonly content: string;
    readonly schema?: TSchema;
  };
  /** What the audit log keeps beside the path: parameters of the query, and members that the answer begins with. */
  readonly audit?: { readonly parameters?: readonly string[]; readonly outcome: readonly string[] };
  /** Codes beyond those of the key and of a service that is away. */
  readonly errors: readonly ErrorCode[];
}

/** Scopes that may call an operation; empty when it is open to everybody. */
export function scopesOf(scope: Operation["scope"]): readonly KeyScope[] {
  if (scope === null) return [];
  return typeof scope === "string" ? [scope] : scope;
}

/** All addresses of an operation, its own first. */
export function pathsOf(operation: Operation): readonly string[] {
  return [operation.path, ...(operation.aliases ?? [])];
}

export const json = "application/json";
export const anyObject = Type.Record(Type.String(), Type.Unknown());

export const adminMsMax = 15_000;
export const queryMsMax = 60_000;

/** A parameter of the path. */
export function inPath(name: string, description: string): Parameter {
  return { name, in: "path", description, schema: Type.String() };
}

/** Every member of a contract as a parameter of the query string. */
export function inQuery(
  contract: { properties: Record<string, TSchema> },
  except: readonly string[] = [],
): Parameter[] {
  return Object.entries(contract.properties)
    .filter(([name]) => !except.includes(name))
    .map(([name, schema]) => ({ name, in: "query", description: schema.description ?? name, schema }));
}
