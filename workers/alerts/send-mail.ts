// One attempt to tell somebody by mail.
import { createTransport } from "nodemailer";
import type { AlertNotification } from "#schemas/alerts/incident.ts";
import { describeNotification } from "./notification.ts";
import type { Attempt } from "./send-webhook.ts";

const stepMsMax = 10_000;

/** Never throws. */
export type SendMail = (to: string, body: AlertNotification) => Promise<Attempt>;

/** Undefined without a mail server. */
export function createSendMail(smtpUrl: string | undefined, from: string): SendMail | undefined {
  if (smtpUrl === undefined) return undefined;
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: stepMsMax,
    greetingTimeout: stepMsMax,
    socketTimeout: stepMsMax,
    dnsTimeout: stepMsMax,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = from.slice(from.lastIndexOf("@") + 1).replaceAll(/[^\w.-]/g, "") || "localhost";
  return async (to, body) => {
    try {
      await transport.sendMail({
        from,
        to,
        ...describeNotification(body),
        // The same in every attempt: mail programs drop repeats by it.
        messageId: `<${body.delivery_id}@${domain}>`,
        headers: { "Auto-Submitted": "auto-generated" },
      });
      return { told: true, status: null, error: null };
    } catch (error) {
      const { responseCode } = error as { responseCode?: number };
      const refused = responseCode !== undefined;
      return {
        told: false,
        status: responseCode ?? null,
        error: refused ? "the mail server refused the mail" : "the mail server could not be reached",
      };
    }
  };
}
