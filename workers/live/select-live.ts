// Runs in a pool thread, beside the encoding of a batch: which of its events somebody listens to, and what the
// counters say. Only projects with listeners are looked at.
import { compileLiveFilter } from "#schemas/live/match-event.ts";
import { liveLimits } from "#schemas/live/live-filter.ts";
import { encodeLiveMessage, type LiveCount, type LiveInterest } from "#schemas/live/live-messages.ts";
import type { Outcome, PipelineEvent } from "../events/pipeline-event.ts";
import type { LiveMessage } from "./live-interests.ts";
import { LiveEvent } from "./live-event.ts";

/** Well below what the log's servers take; an event has at most some 32 KB. */
const messageLengthMax = 512 * 1024;
/**
 * Time that trying the filters of a project may take of a batch, and of all projects together: the events after that
 * are not looked at, and count as skipped. One filter that takes all of 60,000 events takes 50 ms, counters 20 ms.
 */
const projectMsMax = 100;
const batchMsMax = 300;
/** The clock is read for every so many events. */
const clockEvery = 64;
/** Numbers of users in one message. */
const usersPerMessageMax = 20_000;

/** In the order of the log. `except` could not be stored. */
export function selectLive(
  all: readonly PipelineEvent[],
  interests: readonly LiveInterest[],
  options: { partition: number; except: readonly Outcome[] },
): LiveMessage[] | undefined {
  const messages: LiveMessage[] = [];
  const except = new Set(options.except.map(({ event }) => event));
  const endMs = performance.now() + batchMsMax;
  const events = byProject(all, new Set(interests.map(({ projectId }) => projectId)), except);
  for (const interest of interests) {
    const { projectId } = interest;
    const own = events.get(projectId);
    if (own === undefined) continue;
    for (const text of [
      ...selectEvents(own, options.partition, interest, endMs),
      ...countEvents(own, interest),
    ]) {
      messages.push({ projectId, text });
    }
  }
  return messages.length === 0 ? undefined : messages;
}

/** In one pass, however many projects are listened to. */
function byProject(
  events: readonly PipelineEvent[],
  wanted: ReadonlySet<number>,
  except: ReadonlySet<PipelineEvent>,
): Map<number, PipelineEvent[]> {
  const found = new Map<number, PipelineEvent[]>();
  for (const event of events) {
    const projectId = event.log.project_id;
    if (!wanted.has(projectId) || except.has(event)) continue;
    const own = found.get(projectId);
    if (own === undefined) found.set(projectId, [event]);
    else own.push(event);
  }
  return found;
}

interface Wanting {
  readonly id: string;
  readonly matches: (event: LiveEvent) => boolean;
  given: number;
  skipped: number;
}

function* selectEvents(
  events: readonly PipelineEvent[],
  partition: number,
  interest: LiveInterest,
  endOfBatchMs: number,
): Generator<string> {
  const endMs = Math.min(endOfBatchMs, performance.now() + projectMsMax);
  const wanting: Wanting[] = Object.entries(interest.filters).map(([id, filter]) => ({
    id,
    matches: compileLiveFilter(filter),
    given: 0,
    skipped: 0,
  }));
  if (wanting.length === 0) return;
  const filters = wanting.map(({ id }) => id);
  let lines: string[] = [];
  let length = 0;
  let lengthOfAll = 0;
  for (const [at, event] of events.entries()) {
    if (at % clockEvery === clockEvery - 1 && performance.now() > endMs) {
      for (const want of wanting) want.skipped += events.length - at;
      break;
    }
    const view = new LiveEvent(event, partition);
    const takers: number[] = [];
    for (const [position, want] of wanting.entries()) {
      if (!want.matches(view)) continue;
      if (want.given >= liveLimits.eventsPerBatchMax || lengthOfAll >= liveLimits.bytesPerBatchMax) {
        want.skipped += 1;
      } else {
        want.given += 1;
        takers.push(position);
      }
    }
    if (takers.length === 0) continue;
    const line = `${takers.join()} ${view.text()}`;
    if (length + line.length > messageLengthMax && lines.length > 0) {
      yield encodeLiveMessage({ filters }, lines);
      lines = [];
      length = 0;
    }
    lines.push(line);
    length += line.length;
    lengthOfAll += line.length;
  }
  const skipped = Object.fromEntries(
    wanting.filter((want) => want.skipped > 0).map((want) => [want.id, want.skipped]),
  );
  if (lines.length > 0 || Object.keys(skipped).length > 0) {
    yield encodeLiveMessage({ filters, skipped }, lines);
  }
}

function* countEvents(events: readonly PipelineEvent[], interest: LiveInterest): Generator<string> {
  if (!interest.counters) return;
  const counted = new Map<string, { events: number; users: Set<number> }>();
  for (const { log, userNumber } of events) {
    let count = counted.get(log.event);
    if (count === undefined) counted.set(log.event, (count = { events: 0, users: new Set() }));
    count.events += 1;
    count.users.add(userNumber);
  }
  let counts: LiveCount[] = [];
  let users = 0;
  for (const [event, count] of counted) {
    const numbers = [...count.users];
    for (let from = 0; from < numbers.length; from += usersPerMessageMax) {
      const part = numbers.slice(from, from + usersPerMessageMax);
      if (users + part.length > usersPerMessageMax && counts.length > 0) {
        yield encodeLiveMessage({ filters: [], counts }, []);
        counts = [];
        users = 0;
      }
      counts.push({ event, events: from === 0 ? count.events : 0, users: part });
      users += part.length;
    }
  }
  yield encodeLiveMessage({ filters: [], counts }, []);
}
