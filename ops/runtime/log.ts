// Structured logs. Levels by what an operator must do: error, act now; warn, look soon; info, a state changed;
// debug, for developers. Nothing per event above debug, no personal data, no secrets.
import { pino, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;

export function createLogger(options: { level: string; name: string; instance?: string }): Logger {
  return pino({
    level: options.level,
    base: {
      name: options.name,
      pid: process.pid,
      ...(options.instance ? { instance: options.instance } : {}),
    },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ["*.password", "*.key", "*.token", "*.authorization"], censor: "[redacted]" },
  });
}
