// Batches of 100 events at a constant arrival rate: what server-side SDKs send.
// k6 run -e URL=http://127.0.0.1:8080 -e KEY=… -e RATE=200 -e DURATION=30s batches.js
import http from "k6/http";
import { check } from "k6";
import { uuidv4 } from "./ids.js";

const rate = Number(__ENV.RATE || 100);
const batchEvents = 100;

export const options = {
  discardResponseBodies: true,
  scenarios: {
    batches: {
      executor: "constant-arrival-rate",
      rate,
      timeUnit: "1s",
      duration: __ENV.DURATION || "30s",
      preAllocatedVUs: Math.min(200, Math.max(20, Math.ceil(rate / 2))),
      maxVUs: 400,
    },
  },
  thresholds: {
    dropped_iterations: ["count==0"],
    http_req_failed: ["rate==0"],
    http_req_duration: ["p(99)<250"],
  },
};

const params = {
  headers: { Authorization: `Bearer ${__ENV.KEY}`, "Content-Type": "application/json" },
};

export default function () {
  const timestamp = new Date().toISOString();
  const batch = [];
  for (let index = 0; index < batchEvents; index += 1) {
    batch.push({
      event: "page_view",
      user_id: `user-${Math.floor(Math.random() * 10000)}`,
      event_id: uuidv4(),
      timestamp,
      properties: { path: `/p/${index}`, country: "NL", plan: "pro", width: 1280 },
    });
  }
  const response = http.post(`${__ENV.URL}/v1/events`, JSON.stringify({ batch }), params);
  check(response, { accepted: ({ status }) => status === 202 });
}
