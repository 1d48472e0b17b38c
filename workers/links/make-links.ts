// Makes links: one, many at once, or those of a file. Checked first, then one transaction, then told to the edges.
import { transact } from "#ops/runtime/transact.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { MillraceError } from "#schemas/errors.ts";
import {
  linkLimits,
  NewLink,
  type Link,
  type LinkBulkResult,
  type LinkImportResult,
} from "#schemas/links/link-contract.ts";
import { asInvalid } from "#schemas/operations/read-body.ts";
import { compileCheck } from "#schemas/query/check.ts";
import type { LinkAnnouncer } from "./announce-links.ts";
import { answerOnce, type IdempotentRequest } from "./idempotent-requests.ts";
import { buildLink, buildResolved, noTotals, type LinkRow } from "./link-row.ts";
import type { LinkStore } from "./link-store.ts";
import { readLinksCsv } from "./links-csv.ts";
import { readNewLink, type LinkDraft } from "./read-link.ts";

const importErrorsMax = 100;
const check = compileCheck(NewLink);

export interface MakeParts {
  readonly postgres: Postgres;
  readonly store: LinkStore;
  readonly announcer: LinkAnnouncer;
  readonly publicUrl: string;
  /** Links were made or changed whose pages may have to be read. */
  readonly onTitleWanted: () => void;
}

/** What a body asks for, or why it is refused. */
async function readDraft(parts: MakeParts, body: unknown): Promise<LinkDraft | MillraceError> {
  try {
    return await readNewLink(
      asInvalid("INVALID_BODY", () => check(body)),
      parts.publicUrl,
    );
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
}

/** Throws what `readNewLink` and `LinkStore.insert` refuse with, and what `answerOnce` does. */
export async function makeLink(parts: MakeParts, request: IdempotentRequest, body: unknown): Promise<Link> {
  const draft = await readDraft(parts, body);
  if (draft instanceof MillraceError) throw draft;
  let row: LinkRow | undefined;
  const { answer } = await transact(parts.postgres, (client) =>
    answerOnce(client, request, async () => {
      const [made] = await parts.store.insert(client, request.projectId, [draft]);
      if (made === undefined || made instanceof MillraceError) throw made ?? new MillraceError("INTERNAL");
      row = made;
      return buildLink(made, noTotals, parts.publicUrl);
    }),
  );
  if (row !== undefined) await announceNew(parts, request.projectId, [row]);
  return answer;
}

/** Each of the bodies is made or refused by itself. */
export async function makeLinks(
  parts: MakeParts,
  request: IdempotentRequest,
  bodies: readonly unknown[],
): Promise<LinkBulkResult> {
  const drafts: (LinkDraft | MillraceError)[] = [];
  // One after the other: passwords take a thread each.
  for (const body of bodies) drafts.push(await readDraft(parts, body));
  const rows: LinkRow[] = [];
  const { answer } = await transact(parts.postgres, (client) =>
    answerOnce(client, request, async () => {
      const good = drafts.filter((draft): draft is LinkDraft => !(draft instanceof MillraceError));
      const made = (await parts.store.insert(client, request.projectId, good)).values();
      const results = drafts.map((draft) => {
        const result =
          draft instanceof MillraceError ? draft : (made.next().value as LinkRow | MillraceError);
        if (result instanceof MillraceError) {
          return { error: { code: result.code, message: result.message, details: [...result.details] } };
        }
        rows.push(result);
        return { link: buildLink(result, noTotals, parts.publicUrl) };
      });
      return { created: rows.length, failed: results.length - rows.length, results };
    }),
  );
  if (rows.length > 0) await announceNew(parts, request.projectId, rows);
  return answer;
}

/** Rows of a file, a thousand in each transaction: what was made before an error in the file stays. */
export async function importLinks(
  parts: MakeParts,
  projectId: number,
  bytes: Uint8Array,
): Promise<LinkImportResult> {
  const result: LinkImportResult = { created: 0, failed: 0, errors: [] };
  let rows = 0;
  let batch: { line: number; body: unknown }[] = [];
  const make = async (): Promise<void> => {
    const request = { projectId, key: "", method: "import", body: new Uint8Array() };
    const { results } = await makeLinks(
      parts,
      request,
      batch.map(({ body }) => body),
    );
    results.forEach((each, index) => {
      if ("link" in each) {
        result.created += 1;
        return;
      }
      result.failed += 1;
      const line = batch[index]?.line ?? 0;
      if (result.errors.length < importErrorsMax) {
        result.errors.push({ line, code: each.error.code, message: each.error.message });
      }
    });
    batch = [];
  };
  for await (const row of readLinksCsv(bytes)) {
    rows += 1;
    if (rows > linkLimits.importRowsMax) {
      throw new MillraceError("INVALID_BODY", {
        message: `The file has more than ${linkLimits.importRowsMax} rows; the first ${rows - 1} were taken.`,
      });
    }
    batch.push(row);
    if (batch.length === linkLimits.bulkMax) await make();
  }
  if (batch.length > 0) await make();
  return result;
}

async function announceNew(parts: MakeParts, projectId: number, rows: readonly LinkRow[]): Promise<void> {
  parts.onTitleWanted();
  const project = await parts.store.projectOf(projectId);
  await parts.announcer.announce(
    rows.map((row) => ({
      domain: row.domain,
      code: row.code,
      version: Number(row.version),
      link: buildResolved(row, project),
    })),
    true,
  );
}
