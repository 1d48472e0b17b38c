import { createServer, type AddressInfo, type Server } from "node:net";
import { afterEach, expect, it } from "vitest";
import type { AlertNotification } from "#schemas/alerts/incident.ts";
import { createSendMail } from "./send-mail.ts";

let server: Server | undefined;
afterEach(() => void server?.close());

/** Speaks as much SMTP as one mail needs; answers `verdict` to its recipient. */
async function startMailServer(verdict: string, mails: string[]): Promise<string> {
  const made = createServer((socket) => {
    let inMail = false;
    let text = "";
    socket.setEncoding("utf8");
    socket.on("error", () => undefined);
    socket.write("220 mail.test\r\n");
    socket.on("data", (piece: string) => {
      text += piece;
      if (inMail) {
        if (!text.endsWith("\r\n.\r\n")) return;
        mails.push(text);
        inMail = false;
        text = "";
        socket.write("250 taken\r\n");
        return;
      }
      for (let end = text.indexOf("\r\n"); end !== -1; end = text.indexOf("\r\n")) {
        const line = text.slice(0, end).toUpperCase();
        text = text.slice(end + 2);
        if (line.startsWith("RCPT")) socket.write(`${verdict}\r\n`);
        else if (line === "DATA") socket.write("354 go on\r\n");
        else if (line === "QUIT") socket.end("221 bye\r\n");
        else socket.write("250 fine\r\n");
        if (line === "DATA") inMail = true;
      }
    });
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `smtp://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

const body: AlertNotification = {
  delivery_id: "dlv_7",
  type: "alert.opened",
  created_at: "2026-06-01T03:00:00.000Z",
  alert: { id: "alr_1", name: "buys\r\nBcc: everybody@example.com" },
  incident: { id: "inc_1", opened_at: "2026-06-01T03:00:00.000Z", closed_at: null, close_reason: null },
  bucket: {
    start: "2026-06-01T02:00:00.000Z",
    end: "2026-06-01T03:00:00.000Z",
    value: 3,
    expected: { value: 20, low: 11, high: 31 },
    score: -6.2,
  },
};

it("tells by mail, under the delivery's id; a name makes no headers", async () => {
  const mails: string[] = [];
  const send = createSendMail(await startMailServer("250 fine", mails), "alerts@millrace.test");
  expect(await send?.("ops@example.com", body)).toEqual({ told: true, status: null, error: null });
  const [head = "", ...paragraphs] = (mails[0] ?? "").split("\r\n\r\n");
  const text = paragraphs.join("\n");
  expect(head).toContain("Subject: [Millrace] Firing: buys Bcc: everybody@example.com");
  expect(head).not.toMatch(/^Bcc:/m);
  expect(head).toContain("Message-ID: <dlv_7@millrace.test>");
  expect(text).toContain("Value: 3 (2026-06-01T02:00:00.000Z to 2026-06-01T03:00:00.000Z)");
  expect(text).toContain("Expected: 20");
});

it("says when it was refused, and when there is no server", async () => {
  const send = createSendMail(await startMailServer("550 nobody here", []), "alerts@millrace.test");
  expect(await send?.("ops@example.com", body)).toEqual({
    told: false,
    status: 550,
    error: "the mail server refused the mail",
  });
  const gone = createSendMail("smtp://127.0.0.1:1", "alerts@millrace.test");
  expect(await gone?.("ops@example.com", body)).toMatchObject({ told: false, status: null });
  expect(createSendMail(undefined, "alerts@millrace.test")).toBeUndefined();
});
