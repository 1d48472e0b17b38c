// Works off the outbox: takes what is due, makes one attempt, writes down what became of it.
import type { Logger } from "#ops/runtime/log.ts";
import type { AlertNotification } from "#schemas/alerts/incident.ts";
import type { DeliveryClaim, DeliveryOutbox } from "./delivery-outbox.ts";
import type { AddressGuard } from "./guard-address.ts";
import type { AlertMetrics } from "./metrics.ts";
import type { SendMail } from "./send-mail.ts";
import { sendWebhook, type Attempt } from "./send-webhook.ts";

/** Attempts of one worker process at once. */
const attemptsAtOnceMax = 8;
/** How often it looks for something that is due. */
const idleMs = 1_000;
const attemptMsMax = 30_000;
const forgetEveryMs = 3_600_000;

export class AlertSender {
  readonly #outbox: DeliveryOutbox;
  readonly #guard: AddressGuard;
  readonly #sendMail: SendMail | undefined;
  readonly #metrics: AlertMetrics;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  readonly #attempts = new Set<Promise<void>>();
  #running: Promise<void> = Promise.resolve();
  #wake = Promise.withResolvers<void>();
  #forgetAtMs = 0;

  constructor(options: {
    outbox: DeliveryOutbox;
    guard: AddressGuard;
    sendMail: SendMail | undefined;
    metrics: AlertMetrics;
    log: Logger;
  }) {
    this.#outbox = options.outbox;
    this.#guard = options.guard;
    this.#sendMail = options.sendMail;
    this.#metrics = options.metrics;
    this.#log = options.log;
  }

  get sendsMail(): boolean {
    return this.#sendMail !== undefined;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** There is something new in the outbox. */
  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  /** Attempts under way are broken off and given back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    await this.#running;
    await Promise.all(this.#attempts);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const woken = this.#wake.promise;
      try {
        await this.#forgetOld();
        const claim = this.#attempts.size < attemptsAtOnceMax ? await this.#outbox.claim() : undefined;
        if (claim === undefined) await Promise.race([woken, pause(idleMs), ...this.#attempts]);
        else this.#begin(claim);
      } catch (error) {
        this.#log.warn({ err: error }, "notifications could not be claimed, trying again");
        await Promise.race([woken, pause(idleMs)]);
      }
    }
  }

  #begin(claim: DeliveryClaim): void {
    const attempt = this.#tell(claim)
      .catch((error: unknown) => {
        // It is made again when its lease ends, under the same delivery id.
        this.#log.warn(
          { err: error, delivery: claim.deliveryId },
          "what became of a notification could not be written down",
        );
      })
      .finally(() => this.#attempts.delete(attempt));
    this.#attempts.add(attempt);
  }

  async #tell(claim: DeliveryClaim): Promise<void> {
    const { signal } = this.#stopping;
    const { destination } = claim;
    if (destination === undefined) {
      await this.#outbox.cancel(claim);
      this.#metrics.deliveries.inc({ type: "none", outcome: "cancelled" });
      return;
    }
    const attempt = await this.#attempt(claim, destination, signal);
    if (!attempt.told && signal.aborted) return this.#outbox.release(claim);
    const outcome = await this.#outbox.finish(claim, attempt);
    this.#metrics.deliveries.inc({ type: destination.type, outcome });
    if (outcome === "failed") {
      this.#log.warn(
        { delivery: claim.deliveryId, status: attempt.status, reason: attempt.error },
        "a notification was given up",
      );
    }
  }

  async #attempt(
    claim: DeliveryClaim,
    destination: NonNullable<DeliveryClaim["destination"]>,
    signal: AbortSignal,
  ): Promise<Attempt> {
    if (destination.type === "webhook") {
      const { url, secret } = destination;
      const { deliveryId, body } = claim;
      return sendWebhook({ url, secret, deliveryId, body }, this.#guard, { nowMs: Date.now(), signal });
    }
    if (this.#sendMail === undefined) return { told: false, status: null, error: "no mail server is set" };
    // Nothing stops a mail half-way: one that was sent all the same is sent again under the same id.
    const broken = Promise.withResolvers<Attempt>();
    const giveUp = (): void =>
      broken.resolve({ told: false, status: null, error: "the mail server did not answer in time" });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(attemptMsMax)]);
    limit.addEventListener("abort", giveUp, { once: true });
    const mail = this.#sendMail(destination.to, JSON.parse(claim.body) as AlertNotification);
    return Promise.race([mail, broken.promise]);
  }

  async #forgetOld(): Promise<void> {
    if (performance.now() < this.#forgetAtMs) return;
    this.#forgetAtMs = performance.now() + forgetEveryMs;
    await this.#outbox.forgetOld();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
