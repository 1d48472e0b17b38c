// The service `alerts`: makes, lists, shows, replaces and deletes alerts, shows their history, sends tests.
import type { NatsConnection } from "@nats-io/transport-node";
import type { AlertShape } from "#schemas/alerts/alert.ts";
import type { Delivery } from "#schemas/alerts/incident.ts";
import type { Logger } from "#ops/runtime/log.ts";
import { readMember } from "#schemas/operations/read-body.ts";
import { callService } from "#streams/call-service.ts";
import { serve, type Call } from "#streams/services.ts";
import type { AlertEvaluator } from "./alert-evaluator.ts";
import type { AlertSender } from "./alert-sender.ts";
import type { AlertStore } from "./alert-store.ts";
import type { IncidentStore } from "./incident-store.ts";
import { readAlert } from "./read-alert.ts";

/** Checking reads next to nothing. */
const checkMsMax = 10_000;
const testMsMax = 12_000;
const lookMs = 100;

export function serveAlerts(options: {
  connection: NatsConnection;
  store: AlertStore;
  incidents: IncidentStore;
  evaluator: AlertEvaluator;
  sender: AlertSender;
  log: Logger;
}): { stop(): Promise<void> } {
  const { connection, store, incidents, evaluator, sender, log } = options;

  /** Throws INVALID_QUERY with paths inside `query`. */
  const read = async (payload: Uint8Array, call: Call): Promise<AlertShape> => {
    const alert = readAlert(payload, { mail: sender.sendsMail });
    const { requestId, traceparent, projectId } = call;
    await callService(
      connection,
      "svc.query.check_insight",
      // Of any short range: an evaluation looks at its own buckets.
      { kind: "trends", query: alert.query, range: { days: 1 } },
      { requestId, traceparent, projectId, timeoutMs: checkMsMax },
    );
    return alert;
  };

  const test = async (projectId: number, id: string, call: Call): Promise<Delivery[]> => {
    const ids = await store.test(projectId, id);
    sender.wake();
    const deadlineMs = performance.now() + testMsMax;
    for (;;) {
      const deliveries = await incidents.findDeliveries(ids);
      const ended = deliveries.every(({ state }) => state !== "pending");
      if (ended || performance.now() > deadlineMs || call.signal.aborted) return deliveries;
      await new Promise((resolve) => setTimeout(resolve, lookMs));
    }
  };

  return serve(connection, {
    service: "alerts",
    log,
    methods: {
      create: async (payload, call) => {
        const saved = await store.create(call.projectId, await read(payload, call));
        evaluator.wake();
        return saved;
      },
      replace: async (payload, call) => {
        const id = String(call.parameters["id"]);
        const saved = await store.replace(call.projectId, id, await read(payload, call));
        evaluator.wake();
        sender.wake();
        return saved;
      },
      list: async (_payload, call) => ({ alerts: await store.list(call.projectId) }),
      get: (payload, call) => store.find(call.projectId, readMember(payload, "id")),
      delete: async (payload, call) => {
        const id = readMember(payload, "id");
        await store.delete(call.projectId, id);
        return { id, deleted: true };
      },
      incidents: async (payload, call) => ({
        incidents: await incidents.list(call.projectId, readMember(payload, "id")),
      }),
      test: async (payload, call) => ({
        deliveries: await test(call.projectId, readMember(payload, "id"), call),
      }),
    },
  });
}
