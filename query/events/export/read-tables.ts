// The answer of a query as tables: one, or page after page where it is a list of users.
import type { Call } from "#streams/services.ts";
import { answerQuery, type QueryMethod, type QueryRequest } from "../../answer-query.ts";
import type { QueryContext } from "../../query-context.ts";
import type { Table } from "./table.ts";

export type ExportedQuery = Readonly<Record<string, unknown>>;

/** Tables with the same columns, one after another. */
export type ReadTables = (context: QueryContext, query: ExportedQuery, call: Call) => AsyncGenerator<Table>;

export function readAnswer<Request extends QueryRequest, Answer extends object>(
  { kind }: Pick<QueryMethod<Request, Answer>, "kind">,
  tableOf: (answer: Answer) => Table,
): ReadTables {
  return async function* (context, query, call) {
    // Rows say nothing of bounds, so they are exact unless somebody asks for a sample.
    yield tableOf(await answerQuery(kind, context, { accuracy: "exact", ...query }, call));
  };
}

/**
 * People of one page, held while they are written. Each page of a funnel costs as much as the whole funnel, so pages
 * are larger than those that the interface gives.
 */
const usersOfPageMax = 100_000;

export function readPages<
  Request extends QueryRequest & { readonly limit: number },
  Answer extends { readonly next: string | null },
>(
  { kind }: Pick<QueryMethod<Request, Answer>, "kind">,
  tableOf: (answer: Answer) => Table,
  usersOfPage: number = usersOfPageMax,
): ReadTables {
  const large = {
    read: (body: unknown, nowMs: number): Request => ({ ...kind.read(body, nowMs), limit: usersOfPage }),
    answer: kind.answer.bind(kind),
  };
  return async function* (context, query, call) {
    let page = query;
    for (;;) {
      const answer = await answerQuery(large, context, page, call);
      yield tableOf(answer);
      if (answer.next === null) return;
      page = { ...query, cursor: answer.next };
    }
  };
}
