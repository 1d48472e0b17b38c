// GET /v1/ingest as a WebSocket: the first frame names the key, each further frame is one event or an array, and
// every frame is answered in order once the log holds its events. A sender that goes faster than the log is held
// back by late answers; more than the allowed number of unanswered frames ends the connection.
import type { Logger } from "#ops/runtime/log.ts";
import { errorCatalogue, MillraceError, type ErrorCode } from "#schemas/errors.ts";
import type { ResolvedKey } from "#schemas/projects/project.ts";
import { hasQuota } from "../access/quotas.ts";
import { resolveKey } from "../access/authorize.ts";
import type { KeyCache } from "../access/key-cache.ts";
import type { RequestHead } from "../server/exchange.ts";
import type { BodyBudget } from "../server/body-budget.ts";
import type { SocketConnection, SocketHandler } from "../server/sockets.ts";
import type { Delivery, Intake } from "./intake.ts";
import type { Origin, ReadOrigin } from "./origin.ts";
import { parseBody } from "./parse-body.ts";

export const frameLimits = {
  /** Frames that a sender may have sent and not seen answered. */
  unansweredMax: 64,
  /** How long a frame waits for room before it is answered with the refusal. */
  waitMsMax: 30_000,
  /** A connection that has not named its key by then is ended. */
  keyMsMax: 10_000,
} as const;

/** Close codes of RFC 6455, and of the range for applications. */
const closeCodes = { goingAway: 1001, policy: 1008, unauthorized: 4401 } as const;

export interface ReceiveFramesOptions {
  readonly keys: KeyCache;
  readonly intake: Intake;
  readonly originOf: ReadOrigin;
  /** Bytes of frames that wait, beside those of all request bodies. */
  readonly budget: BodyBudget;
  readonly log: Logger;
  readonly eventsPerRequestMax: number;
}

/** One frame from its arrival to its answer. */
interface Frame {
  readonly number: number;
  answer: string | undefined;
}

export function createReceiveFrames(
  options: ReceiveFramesOptions,
): (connection: SocketConnection, head: RequestHead) => SocketHandler {
  return (connection, head) =>
    new FrameSession(options, connection, options.originOf(head, connection.remoteAddress));
}

class FrameSession implements SocketHandler {
  readonly #options: ReceiveFramesOptions;
  readonly #connection: SocketConnection;
  readonly #origin: Origin;
  readonly #keyTimer: NodeJS.Timeout;
  #key: ResolvedKey | undefined;
  #keyText = "";
  #isAsking = false;
  /** Frames are taken up one after the other: their events must reach the log in order. */
  #chain: Promise<void> | undefined;
  readonly #unanswered: Frame[] = [];
  #frames = 0;
  #closed = false;
  #leaving = false;

  constructor(options: ReceiveFramesOptions, connection: SocketConnection, origin: Origin) {
    this.#options = options;
    this.#connection = connection;
    this.#origin = origin;
    this.#keyTimer = setTimeout(
      () => this.#refuse(new MillraceError("UNAUTHORIZED"), closeCodes.unauthorized),
      frameLimits.keyMsMax,
    );
  }

  onFrame(bytes: Buffer, isText: boolean): void {
    if (this.#closed || this.#leaving) return;
    if (this.#key === undefined && this.#chain === undefined) {
      clearTimeout(this.#keyTimer);
      this.#follow(() => this.#readKey(bytes));
      return;
    }
    if (this.#unanswered.length >= frameLimits.unansweredMax) {
      this.#refuse(
        new MillraceError("TOO_MANY_FRAMES", {
          message: `More than ${frameLimits.unansweredMax} frames are not answered yet; wait for answers before sending more.`,
        }),
        closeCodes.policy,
      );
      return;
    }
    if (this.#key !== undefined) this.#recheckKey();
    if (this.#closed) return;
    const frame: Frame = { number: (this.#frames += 1), answer: undefined };
    this.#unanswered.push(frame);
    if (!isText) {
      this.#fail(frame, new MillraceError("INVALID_BODY", { message: "Frames must be text." }));
      return;
    }
    // In the usual case nothing is waited for, and the bytes need no copy.
    if (this.#chain === undefined && this.#key !== undefined && this.#takeNow(frame, this.#key, bytes))
      return;
    if (!this.#options.budget.take(bytes.length)) {
      this.#fail(frame, new MillraceError("BEHIND", { retryAfterSeconds: 1 }));
      return;
    }
    const kept = Buffer.from(bytes);
    this.#follow(() => this.#takeLater(frame, kept).finally(() => this.#options.budget.give(kept.length)));
  }

  onClose(): void {
    this.#closed = true;
    clearTimeout(this.#keyTimer);
  }

  onDrain(): void {
    this.#leaving = true;
    this.#leave();
  }

  #follow(work: () => Promise<void>): void {
    const chain = (this.#chain ?? Promise.resolve()).then(work).catch((error: unknown) => {
      this.#options.log.error({ err: error }, "frame could not be received");
      this.#refuse(new MillraceError("INTERNAL", { cause: error }), closeCodes.policy);
    });
    this.#chain = chain;
    void chain.then(() => {
      if (this.#chain === chain) this.#chain = undefined;
    });
  }

  async #readKey(bytes: Buffer): Promise<void> {
    let text: unknown;
    try {
      text = (JSON.parse(bytes.toString()) as { key?: unknown } | null)?.key;
    } catch {
      text = undefined;
    }
    if (typeof text !== "string" || text === "") {
      const message = 'The first frame must be {"key":"<write key>"}.';
      this.#refuse(new MillraceError("UNAUTHORIZED", { message }), closeCodes.unauthorized);
      return;
    }
    try {
      this.#key = await resolveKey(this.#options.keys, text, ["write"]);
      this.#keyText = text;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.#refuse(error, closeCodes.unauthorized);
    }
  }

  /** A key that was revoked or ended opens nothing from the next frame on; limits that were changed hold. */
  #recheckKey(): void {
    if (this.#isAsking) return;
    try {
      const key = resolveKey(this.#options.keys, this.#keyText, ["write"]);
      if (!(key instanceof Promise)) {
        this.#key = key;
        return;
      }
      // Not remembered any more: frames go on with what was known until it is asked for again.
      this.#isAsking = true;
      key
        .then((now) => (this.#key = now))
        .catch((error: unknown) => this.#endOfKey(error))
        .finally(() => (this.#isAsking = false));
    } catch (error) {
      this.#endOfKey(error);
    }
  }

  #endOfKey(error: unknown): void {
    // A service that is away is no reason to stop what was allowed.
    if (!(error instanceof MillraceError) || error.retryable) return;
    this.#refuse(error, closeCodes.unauthorized);
    this.#closed = true;
  }

  /** False when the frame has to wait: nothing of it was taken. */
  #takeNow(frame: Frame, key: ResolvedKey, bytes: Buffer): boolean {
    const { intake } = this.#options;
    try {
      if ((intake.refusal(bytes.length) ?? intake.limited(key)) !== undefined) return false;
      const sent = parseBody(bytes, "json", this.#options.eventsPerRequestMax);
      if (key.eventsPerSecondMax !== null || hasQuota(key)) return false;
      const refusal = intake.admit(key, sent.events.length, bytes.length);
      if (refusal !== undefined) return false;
      intake.publish(key, sent, bytes.length, this.#origin, (delivery) => this.#settle(frame, delivery));
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.#fail(frame, error);
    }
    return true;
  }

  async #takeLater(frame: Frame, bytes: Buffer): Promise<void> {
    const { intake } = this.#options;
    const key = this.#key;
    if (key === undefined || this.#closed) return;
    const untilMs = Date.now() + frameLimits.waitMsMax;
    try {
      const sent = parseBody(bytes, "json", this.#options.eventsPerRequestMax);
      for (;;) {
        const refusal =
          intake.refusal(bytes.length) ??
          intake.limited(key) ??
          (await intake.admit(key, sent.events.length, bytes.length));
        if (refusal === undefined) break;
        const waitMs = Math.max(1, refusal.retryAfterSeconds ?? 1) * 1000;
        if (this.#closed) return;
        if (this.#leaving || Date.now() + waitMs > untilMs) throw refusal;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
      intake.publish(key, sent, bytes.length, this.#origin, (delivery) => this.#settle(frame, delivery));
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.#fail(frame, error);
    }
  }

  #settle(frame: Frame, delivery: Delivery): void {
    if (delivery.failure !== undefined) {
      this.#fail(frame, delivery.failure);
      return;
    }
    const { accepted, rejected } = delivery;
    this.#answer(frame, JSON.stringify({ ack: frame.number, accepted, rejected }));
  }

  #fail(frame: Frame, error: MillraceError): void {
    this.#answer(
      frame,
      JSON.stringify({ ack: frame.number, accepted: 0, rejected: [], error: describe(error) }),
    );
  }

  /** Answers go out in the order of their frames. */
  #answer(frame: Frame, answer: string): void {
    frame.answer = answer;
    while (this.#unanswered[0]?.answer !== undefined) {
      const next = this.#unanswered.shift();
      if (!this.#closed && next?.answer !== undefined) this.#connection.send(next.answer);
    }
    if (this.#leaving) this.#leave();
  }

  #leave(): void {
    if (this.#unanswered.length === 0 && !this.#closed) {
      this.#connection.close(closeCodes.goingAway, "the server is stopping");
    }
  }

  #refuse(error: MillraceError, closeCode: number): void {
    if (this.#closed) return;
    this.#connection.send(JSON.stringify({ error: describe(error) }));
    this.#connection.close(closeCode, error.code);
  }
}

function describe(error: MillraceError): object {
  const code: ErrorCode = error.code;
  return {
    code,
    message: error.message,
    details: error.details,
    ...(errorCatalogue[code].retryable ? { retry_after_seconds: error.retryAfterSeconds ?? 1 } : {}),
  };
}
