// Single events at a constant arrival rate: what browsers and services send one by one.
// k6 run -e URL=http://127.0.0.1:8080 -e KEY=… -e RATE=2000 -e DURATION=30s single-events.js
import http from "k6/http";
import { check } from "k6";
import { uuidv4 } from "./ids.js";

const rate = Number(__ENV.RATE || 1000);

export const options = {
  discardResponseBodies: true,
  scenarios: {
    single: {
      executor: "constant-arrival-rate",
      rate,
      timeUnit: "1s",
      duration: __ENV.DURATION || "30s",
      preAllocatedVUs: Math.min(500, Math.max(50, Math.ceil(rate / 10))),
      maxVUs: 1000,
    },
  },
  thresholds: {
    // An arrival that found no free sender was not sent: the rate was not held.
    dropped_iterations: ["count==0"],
    http_req_failed: ["rate==0"],
    http_req_duration: ["p(99)<25"],
  },
};

const params = {
  headers: { Authorization: `Bearer ${__ENV.KEY}`, "Content-Type": "application/json" },
};

export default function () {
  const event = {
    event: "order_placed",
    user_id: `user-${Math.floor(Math.random() * 10000)}`,
    event_id: uuidv4(),
    timestamp: new Date().toISOString(),
    properties: { revenue: Math.floor(Math.random() * 10000) / 100, country: "NL", plan: "pro", items: 3 },
  };
  const response = http.post(`${__ENV.URL}/v1/events`, JSON.stringify(event), params);
  check(response, { accepted: ({ status }) => status === 202 });
}
