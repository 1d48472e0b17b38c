// svc.query.dashboard_result: the answers of all tiles of a dashboard, streamed in their order. A few tiles are worked
// on at once, tiles that ask the same are answered once, and one that fails fails alone.
import { MillraceError } from "#schemas/errors.ts";
import { dashboardLimits, type DashboardTile } from "#schemas/insights/dashboard.ts";
import type { Meta } from "#schemas/query/meta.ts";
import type { Call, StreamSink } from "#streams/services.ts";
import type { QueryContext } from "../query-context.ts";
import type { AskedRange } from "./apply-range.ts";
import { answerInsight } from "./insight-result.ts";
import { loadDashboard, loadInsights, type LoadedInsight } from "./load-insights.ts";
import { mapInOrder } from "./map-in-order.ts";
import { readResultParameters } from "./read-result-parameters.ts";

/** Answered tiles that wait for one before them, as text. */
const tilesAheadMax = 12;
/** One tile may be as large as the answer of a query may. */
const headerBytes = 4096;

interface TileText {
  readonly text: string;
  readonly asOf: string | null | undefined;
}

export async function dashboardResult(
  context: QueryContext,
  payload: Uint8Array,
  call: Call,
  sink: StreamSink,
): Promise<void> {
  const startedMs = performance.now();
  const { id, asked } = readResultParameters(payload);
  const { name, tiles } = await loadDashboard(context.postgres, call.projectId, id);
  const [insights, asOf] = await Promise.all([
    loadInsights(
      context.postgres,
      call.projectId,
      tiles.map(({ insight_id }) => insight_id),
    ),
    context.watermark.asOf(),
  ]);
  const answer = createAnswer(context, asked, call);
  const texts = mapInOrder(
    tiles,
    { atOnceMax: dashboardLimits.tilesAtOnceMax, aheadMax: tilesAheadMax },
    (tile) => tileText(tile, insights.get(tile.insight_id), answer, context.log),
  );

  sink.start({ status: 200, headers: { "content-type": "application/json" } });
  await sink.write(Buffer.from(`{"id":${JSON.stringify(id)},"name":${JSON.stringify(name)},"tiles":[`));
  let oldest: string | null = asOf;
  let first = true;
  for await (const { text, asOf: tileAsOf } of texts) {
    await sink.write(Buffer.from(first ? text : `,${text}`));
    first = false;
    if (tileAsOf !== undefined) oldest = earlier(oldest, tileAsOf);
  }
  const meta = { as_of: oldest, elapsed_ms: Math.round((performance.now() - startedMs) * 10) / 10 };
  await sink.write(Buffer.from(`],"meta":${JSON.stringify(meta)}}`));
}

type AnswerTile = (insight: LoadedInsight) => Promise<{ text: string; meta: Meta }>;

/** Each distinct question once, whatever its name. */
function createAnswer(context: QueryContext, asked: AskedRange, call: Call): AnswerTile {
  const nowMs = Date.now();
  const bytesMax = context.answerBytesMax() - headerBytes;
  const known = new Map<string, ReturnType<AnswerTile>>();
  const ask: AnswerTile = async (insight) => {
    const answer = await answerInsight(context, insight, asked, nowMs, call);
    const text = JSON.stringify(answer);
    if (Buffer.byteLength(text) > bytesMax) {
      throw new MillraceError("QUERY_TOO_EXPENSIVE", {
        message: `The answer has more than ${bytesMax} bytes; ask for fewer series, buckets or breakdown values.`,
      });
    }
    return { text, meta: answer.meta };
  };
  return (insight) => {
    const { kind, query, range } = insight;
    const key = JSON.stringify([kind, query, range]);
    const answered = known.get(key) ?? ask(insight);
    known.set(key, answered);
    return answered;
  };
}

async function tileText(
  { insight_id, title }: DashboardTile,
  insight: LoadedInsight | undefined,
  answer: AnswerTile,
  log: QueryContext["log"],
): Promise<TileText> {
  const about = { insight_id, ...(title === undefined ? {} : { title }) };
  if (insight === undefined) return failed(about, new MillraceError("INSIGHT_NOT_FOUND"));
  const { name, kind } = insight;
  try {
    const { text, meta } = await answer(insight);
    const head = JSON.stringify({ ...about, name, kind });
    return { text: `${head.slice(0, -1)},"result":${text}}`, asOf: meta.as_of };
  } catch (error) {
    const coded = error instanceof MillraceError ? error : new MillraceError("INTERNAL", { cause: error });
    if (coded.code === "INTERNAL") log.error({ err: error, kind }, "tile of a dashboard failed");
    return failed({ ...about, name, kind }, coded);
  }
}

function failed(about: object, error: MillraceError): TileText {
  const { code, message, details } = error;
  const said = { code, message, ...(details.length === 0 ? {} : { details }) };
  return { text: JSON.stringify({ ...about, error: said }), asOf: undefined };
}

function earlier(left: string | null, right: string | null): string | null {
  if (left === null || right === null) return null;
  return left < right ? left : right;
}
