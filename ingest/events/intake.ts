// The way of events into the log, the same from every entry: may they come in, is each of them good, and the
// verdicts once the log holds the accepted ones.
import type { ErrorCode, MillraceError } from "#schemas/errors.ts";
import { userKeyOf, type LogEvent } from "#schemas/events/event.ts";
import { partitionOf } from "#schemas/hash.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import type { Commit } from "#streams/publisher-block.ts";
import type { Publisher } from "#streams/publisher.ts";
import { hasQuota, type Quotas } from "../access/quotas.ts";
import type { RateLimits } from "../access/rate-limits.ts";
import type { UseReporter } from "../access/use-reporter.ts";
import type { Admission } from "../admission.ts";
import type { RejectingPlans } from "../plans/rejecting-plans.ts";
import { checkEvent, type Arrival, type SentEvent } from "./check-event.ts";
import type { Places } from "../geo/places.ts";
import type { Origin } from "./origin.ts";
import { MalformedLine, type SentEvents } from "./parse-body.ts";
import { buildRejection, type Rejection } from "./verdicts.ts";

/** Events are counted by outcome; told once a request or frame. */
export interface EventsObserver {
  accepted(events: number, bytes: number): void;
  rejected(code: ErrorCode): void;
}

/** What a project may send, as it stands beside its key and its uploads. */
export type AllowanceOf = Pick<
  ResolvedKey,
  "projectId" | "eventsPerSecondMax" | "eventsPerDayMax" | "eventsPerMonthMax"
>;

export interface IntakeOptions {
  readonly limits: RateLimits;
  readonly quotas: Quotas;
  readonly use: Pick<UseReporter, "events">;
  readonly admission: Admission;
  readonly publisher: Publisher;
  readonly plans: Pick<RejectingPlans, "violationOf">;
  readonly observer: EventsObserver;
  /** For events that say their address themselves. */
  readonly places: Places;
  /** Texts no larger than this cannot hold an event that is too large. */
  readonly eventBytesMax: number;
}

/** What became of the events that came together; also their commit in the publisher. */
export class Delivery implements Commit {
  outstanding = 0;
  failure: MillraceError | undefined;
  accepted = 0;
  readonly rejected: Rejection[] = [];
  readonly #settle: (delivery: Delivery) => void;

  constructor(settle: (delivery: Delivery) => void) {
    this.#settle = settle;
  }

  settled(): void {
    this.#settle(this);
  }
}

export class Intake {
  readonly #options: IntakeOptions;
  // Encoded within `append`, so one object serves all events.
  readonly #scratch = {} as LogEvent;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Before the events are read: why `bytes` cannot be taken at all now. */
  refusal(bytes: number): MillraceError | undefined {
    return this.#options.admission.refusal(bytes);
  }

  /** Before the events are read: why this project's cannot be taken now. */
  limited(key: ResolvedKey): MillraceError | undefined {
    const { limits, quotas } = this.#options;
    const limited = key.eventsPerSecondMax === null ? undefined : limits.refusal(key.projectId);
    return limited ?? quotas.refusal(key);
  }

  /** Takes the events of the project's allowances; a promise only when Redis has to be asked. */
  admit(
    key: AllowanceOf,
    events: number,
    bytes: number,
  ): MillraceError | undefined | Promise<MillraceError | undefined> {
    const { limits, publisher } = this.#options;
    // Before anything is taken: what the log has no room for uses nothing up.
    const refused = publisher.refusal(bytes);
    if (refused !== undefined) return refused;
    const limited =
      key.eventsPerSecondMax === null
        ? undefined
        : limits.take(key.projectId, events, key.eventsPerSecondMax);
    const taken =
      limited instanceof Promise
        ? limited.then((error) => error ?? this.#takeQuota(key, events))
        : (limited ?? this.#takeQuota(key, events));
    if (!(taken instanceof Promise)) return taken;
    return taken.then((error) => {
      if (error !== undefined) return error;
      // Others may have filled the log's room meanwhile.
      const full = publisher.refusal(bytes);
      if (full !== undefined) this.giveBack(key, events);
      return full;
    });
  }

  /** Events that were admitted and did not go into the log. */
  giveBack(key: AllowanceOf, events: number): void {
    if (events > 0 && hasQuota(key)) this.#options.quotas.give(key, events);
  }

  /** For the project's usage: events that were answered with a code, and bytes of bodies with accepted ones. */
  count(projectId: number, rejected: number, bytes: number): void {
    this.#options.use.events(projectId, rejected, bytes);
  }

  #takeQuota(
    key: AllowanceOf,
    events: number,
  ): MillraceError | undefined | Promise<MillraceError | undefined> {
    return hasQuota(key) ? this.#options.quotas.take(key, events) : undefined;
  }

  /** Publishes what is good; `settle` is called once, when the log holds it or will not. `admit` came before. */
  publish(
    key: ResolvedKey,
    sent: SentEvents,
    bytes: number,
    origin: Origin,
    settle: (delivery: Delivery) => void,
  ): void {
    const { publisher, observer, plans } = this.#options;
    const scratch = this.#scratch;
    const delivery = new Delivery(settle);
    const arrival: Arrival = {
      projectId: key.projectId,
      receivedAtMs: Date.now(),
      sentAtMs: sent.sentAtMs,
      userAgent: origin.userAgent,
      place: origin.place,
      places: this.#options.places,
      measure: bytes > this.#options.eventBytesMax,
    };
    const { events } = sent;
    for (let index = 0; index < events.length; index += 1) {
      const event = events[index];
      let code: ErrorCode | undefined;
      let message: string | undefined;
      if (event instanceof MalformedLine) {
        code = "MALFORMED_JSON";
        message = event.message;
      } else {
        if (sent.madeHere !== undefined) arrival.madeHere = sent.madeHere.has(index);
        code = checkEvent(event, arrival, scratch);
        if (code === undefined) {
          const { properties } = event as SentEvent;
          message = plans.violationOf(key.projectId, scratch.event, properties, arrival.receivedAtMs);
          if (message !== undefined) code = "PLAN_VIOLATED";
        }
      }
      if (code === undefined) {
        const partition = partitionOf(scratch.project_id, userKeyOf(scratch), publisher.partitions);
        publisher.append(partition, scratch, delivery);
        delivery.accepted += 1;
      } else {
        observer.rejected(code);
        delivery.rejected.push(buildRejection(index, event, code, message));
      }
    }
    observer.accepted(delivery.accepted, bytes);
    this.count(key.projectId, delivery.rejected.length, delivery.accepted > 0 ? bytes : 0);
    this.giveBack(key, delivery.rejected.length);
    if (delivery.accepted === 0) delivery.settled();
  }
}
