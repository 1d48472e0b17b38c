// Visits of short links at a constant arrival rate, a few of them far more often than the rest.
// k6 run -e URL=http://127.0.0.1:8080 -e CODES=code1,code2 -e RATE=1000 -e DURATION=30s redirects.js
import http from "k6/http";
import { check } from "k6";

const rate = Number(__ENV.RATE || 1000);
const codes = __ENV.CODES.split(",");

export const options = {
  discardResponseBodies: true,
  scenarios: {
    redirects: {
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
    http_req_duration: ["p(99)<50"],
  },
};

const params = {
  redirects: 0,
  headers: {
    "User-Agent":
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    Referer: "https://www.example.org/",
  },
};

export default function () {
  // By Zipf's law, nearly: the logarithm of the rank is even.
  const code = codes[Math.floor(codes.length ** Math.random()) - 1];
  const response = http.get(`${__ENV.URL}/${code}`, params);
  check(response, { redirected: ({ status }) => status === 302 });
}
