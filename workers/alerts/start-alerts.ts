// Wires the alerts of one worker process: evaluations, the outbox, and the service.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Registry } from "prom-client";
import type { Config } from "#ops/runtime/config.ts";
import type { Logger } from "#ops/runtime/log.ts";
import type { Postgres } from "#ops/runtime/postgres.ts";
import { createSeal } from "#ops/runtime/seal.ts";
import { AlertEvaluator } from "./alert-evaluator.ts";
import { AlertSender } from "./alert-sender.ts";
import { serveAlerts } from "./alert-service.ts";
import { AlertStore, type OnChange } from "./alert-store.ts";
import { DeliveryOutbox } from "./delivery-outbox.ts";
import { EvaluationLedger } from "./evaluation-ledger.ts";
import { AddressGuard } from "../outgoing/guard-address.ts";
import { IncidentStore } from "./incident-store.ts";
import { createAlertMetrics } from "./metrics.ts";
import { createSendMail } from "./send-mail.ts";

export function startAlerts(options: {
  config: Config;
  connection: NatsConnection;
  postgres: Postgres;
  registry: Registry;
  onChange: OnChange;
  log: Logger;
}): { stop(): Promise<void> } {
  const { config, connection, postgres, log } = options;
  const seal = createSeal(config.secretsKey);
  const ledger = new EvaluationLedger(postgres);
  const outbox = new DeliveryOutbox(postgres);
  const metrics = createAlertMetrics(options.registry, ledger, outbox);
  const sender = new AlertSender({
    outbox,
    guard: new AddressGuard(config.webhookPrivate, portsOfStores(config)),
    seal,
    sendMail: createSendMail(config.smtpUrl, config.mailFrom),
    metrics,
    log,
  });
  const evaluator = new AlertEvaluator({ connection, ledger, metrics, log, onTold: () => sender.wake() });
  sender.start();
  evaluator.start();
  const service = serveAlerts({
    connection,
    store: new AlertStore(postgres, options.onChange, seal),
    incidents: new IncidentStore(postgres),
    evaluator,
    sender,
    log,
  });
  return {
    async stop() {
      await service.stop();
      await evaluator.stop();
      await sender.stop();
    },
  };
}

/** A webhook has no business there, wherever private addresses may be reached. */
function portsOfStores(config: Config): number[] {
  const urls = [config.natsUrl, config.clickhouseUrl, config.postgresUrl, config.redisUrl, config.smtpUrl];
  return urls
    .flatMap((url) => url?.split(",") ?? [])
    .map((url) => Number(new URL(url).port))
    .filter((port) => port > 0);
}
