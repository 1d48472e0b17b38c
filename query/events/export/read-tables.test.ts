import { expect, it } from "vitest";
import { projectLimitsDefault } from "#schemas/projects/limits.ts";
import { invalidQuery } from "#schemas/query/check.ts";
import type { Call } from "#streams/services.ts";
import type { QueryRequest } from "../../answer-query.ts";
import type { QueryContext } from "../../query-context.ts";
import { readPages } from "./read-tables.ts";
import type { Row } from "./table.ts";
import { usersTable } from "./users-table.ts";

const call: Call = {
  requestId: "r",
  traceparent: undefined,
  projectId: 1,
  scope: "read",
  parameters: {},
  signal: new AbortController().signal,
};
// What a query asks before it runs; no store is reached.
const context = {
  watermark: { asOf: () => Promise.resolve(null) },
  postgres: { query: () => Promise.resolve({ rows: [{ merged: false, cohorts: null }] }) },
  answers: { stateOf: () => Promise.resolve({ limits: projectLimitsDefault }) },
  budgets: {
    run: (_turn: object, work: (store: object, ending: AbortSignal) => unknown) => work({}, call.signal),
  },
  store: {},
} as unknown as QueryContext;

const everybody = Array.from({ length: 8 }, (_, index) => `u${index}`);

interface UsersRequest extends QueryRequest {
  readonly first: number;
  readonly limit: number;
}

/** A list of users, which gives at most 2 at once to others. */
const users = {
  kind: {
    read: (body: unknown): UsersRequest => {
      const { cursor, limit = 2 } = body as { cursor?: string; limit?: number };
      if (limit > 2) throw invalidQuery([{ path: "limit", message: "is too high" }]);
      return { first: Number(cursor ?? 0), limit, cohortsUsed: [], explain: false };
    },
    answer: ({ first, limit }: UsersRequest) =>
      Promise.resolve({
        users: everybody.slice(first, first + limit),
        next: first + limit < everybody.length ? String(first + limit) : null,
      }),
  },
};

it("reads a list of users to its end, in pages of its own size, from the cursor that was given", async () => {
  const read = async (query: object, usersOfPage: number): Promise<(readonly Row[])[]> => {
    const pages: (readonly Row[])[] = [];
    for await (const { rows } of readPages(users, usersTable, usersOfPage)(context, { ...query }, call)) {
      pages.push(rows);
    }
    return pages;
  };
  for (const usersOfPage of [1, 3, 4, 8, 100]) {
    const pages = await read({}, usersOfPage);
    expect(pages.flat().flat()).toEqual(everybody);
    expect(pages).toHaveLength(Math.ceil(8 / usersOfPage));
  }
  expect((await read({ cursor: "5" }, 2)).flat().flat()).toEqual(everybody.slice(5));
});
