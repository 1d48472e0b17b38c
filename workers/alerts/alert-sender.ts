// Works off the outbox: takes what is due, makes one attempt, writes down what became of it.
import type { Logger } from "#ops/runtime/log.ts";
import type { Seal } from "#ops/runtime/seal.ts";
import type { AlertNotification } from "#schemas/alerts/incident.ts";
import { Lanes } from "../background/lanes.ts";
import type { DeliveryClaim, DeliveryOutbox } from "./delivery-outbox.ts";
import type { AddressGuard } from "../outgoing/guard-address.ts";
import type { AlertMetrics } from "./metrics.ts";
import type { SendMail } from "./send-mail.ts";
import { sendWebhook, type Attempt } from "./send-webhook.ts";

/** Attempts of one worker process at once. */
const attemptsAtOnceMax = 8;
const attemptMsMax = 30_000;
const forgetEveryMs = 3_600_000;

export class AlertSender {
  readonly #outbox: DeliveryOutbox;
  readonly #guard: AddressGuard;
  readonly #sendMail: SendMail | undefined;
  readonly #seal: Seal;
  readonly #metrics: AlertMetrics;
  readonly #log: Logger;
  readonly #lanes: Lanes<DeliveryClaim>;
  #forgetAtMs = 0;

  constructor(options: {
    outbox: DeliveryOutbox;
    guard: AddressGuard;
    sendMail: SendMail | undefined;
    seal: Seal;
    metrics: AlertMetrics;
    log: Logger;
  }) {
    this.#outbox = options.outbox;
    this.#guard = options.guard;
    this.#sendMail = options.sendMail;
    this.#seal = options.seal;
    this.#metrics = options.metrics;
    this.#log = options.log;
    this.#lanes = new Lanes({
      lanes: attemptsAtOnceMax,
      claim: () => this.#claim(),
      work: (claim, signal) => this.#tell(claim, signal),
      trouble: "notifications could not be claimed or written down, trying again",
      log: options.log,
    });
  }

  get sendsMail(): boolean {
    return this.#sendMail !== undefined;
  }

  start(): void {
    this.#lanes.start();
  }

  /** There is something new in the outbox. */
  wake(): void {
    this.#lanes.wake();
  }

  /** Attempts under way are broken off and given back. */
  async stop(): Promise<void> {
    await this.#lanes.stop();
  }

  async #claim(): Promise<DeliveryClaim | undefined> {
    await this.#forgetOld();
    return this.#outbox.claim();
  }

  async #tell(claim: DeliveryClaim, signal: AbortSignal): Promise<void> {
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
      const { url } = destination;
      const { deliveryId, body } = claim;
      const secret = destination.secret === null ? null : this.#seal.open(destination.secret, destination.id);
      if (secret === undefined) {
        return {
          told: false,
          status: null,
          error: "its secret was sealed with another MILLRACE_SECRETS_KEY",
        };
      }
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
