// What an incident says to those it is told to: the body of a webhook, and the same in words for a mail.
import type { Bucket } from "#schemas/alerts/alert.ts";
import type { AlertNotification, CloseReason, DeliveryKind } from "#schemas/alerts/incident.ts";

export interface Told {
  readonly kind: DeliveryKind;
  readonly alert: { readonly id: string; readonly name: string };
  readonly incident: {
    readonly id: string;
    readonly openedAt: Date;
    readonly closedAt: Date | null;
    readonly closeReason: CloseReason | null;
  } | null;
  readonly bucket: Bucket | null;
}

export function buildNotification(deliveryId: string, told: Told, nowMs: number): AlertNotification {
  const { kind, alert, incident, bucket } = told;
  return {
    delivery_id: deliveryId,
    type: `alert.${kind}`,
    created_at: new Date(nowMs).toISOString(),
    alert,
    incident:
      incident === null
        ? null
        : {
            id: incident.id,
            opened_at: incident.openedAt.toISOString(),
            closed_at: incident.closedAt?.toISOString() ?? null,
            close_reason: incident.closeReason,
          },
    bucket,
  };
}

const headlines = { opened: "Firing", closed: "Resolved", test: "Test" } as const;

export function describeNotification(body: AlertNotification): { subject: string; text: string } {
  const kind = body.type.slice("alert.".length) as DeliveryKind;
  // A line end in a header would begin another header.
  const name = body.alert.name.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ");
  const lines = [`${headlines[kind]}: ${name}`, ""];
  const { bucket, incident } = body;
  if (bucket !== null) {
    const { value, low, high } = bucket.expected;
    lines.push(`Value: ${bucket.value ?? "none"} (${bucket.start} to ${bucket.end})`);
    if (value !== null) lines.push(`Expected: ${value}`);
    if (low !== null || high !== null) lines.push(`Normal: ${low ?? "anything"} to ${high ?? "anything"}`);
  }
  if (incident !== null) {
    lines.push(`Opened: ${incident.opened_at}`);
    if (incident.closed_at !== null) lines.push(`Closed: ${incident.closed_at} (${incident.close_reason})`);
  }
  if (kind === "test") lines.push("This is a test: mail of this alert arrives.");
  lines.push("", `Alert ${body.alert.id}, delivery ${body.delivery_id}`);
  return { subject: `[Millrace] ${headlines[kind]}: ${name}`, text: `${lines.join("\n")}\n` };
}
