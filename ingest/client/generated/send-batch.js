// Generated from ingest/client/send-batch.ts by npm run docs.
export async function sendBatch(events, options) {
    let response;
    let body;
    try {
        response = await options.fetch(`${options.url}/v1/events`, {
            method: "POST",
            headers: { authorization: `Bearer ${options.key}`, "content-type": "application/json" },
            body: bodyOf(events),
            signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.requestMsMax)]),
            ...(options.keepalive === true ? { keepalive: true } : {}),
        });
        body = await response.text();
    }
    catch (error) {
        return { kind: "again", reason: String(error), retryAfterMs: undefined };
    }
    return readAnswer(response.status, body, response.headers.get("retry-after"));
}
/** `sent_at` lets the platform correct a wrong clock. */
export function bodyOf(events) {
    const sentAt = new Date().toISOString();
    return `{"sent_at":"${sentAt}","batch":[${events.map(({ text }) => text).join(",")}]}`;
}
function readAnswer(status, body, retryAfter) {
    const answer = parse(body);
    const { code = `HTTP_${status}`, message = "" } = answer?.error ?? {};
    if (status >= 200 && status < 300) {
        // Something else than the platform has answered: a proxy's page, a cut answer.
        if (answer?.rejected === undefined)
            return again("the answer is not the platform's", retryAfter);
        return { kind: "taken", rejected: answer.rejected };
    }
    if (status === 413)
        return { kind: "too-large" };
    // Each event was looked at, and none was accepted.
    if (status === 400 && Array.isArray(answer?.rejected))
        return { kind: "taken", rejected: answer.rejected };
    if (status === 400 || status === 415 || status === 422)
        return { kind: "refused", code, message };
    // 401 and 403 too: keys are exchanged, and the events can wait for the right one.
    return again(code, retryAfter);
}
function again(reason, retryAfter) {
    return { kind: "again", reason, retryAfterMs: readRetryAfter(retryAfter) };
}
/** Seconds, or a date. */
function readRetryAfter(text) {
    if (text === null)
        return undefined;
    const seconds = Number(text);
    if (text.trim() !== "" && Number.isFinite(seconds))
        return Math.max(0, seconds * 1000);
    const date = Date.parse(text);
    return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
function parse(body) {
    try {
        const answer = JSON.parse(body);
        return typeof answer === "object" && answer !== null ? answer : undefined;
    }
    catch {
        return undefined;
    }
}
