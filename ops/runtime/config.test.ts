import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "./config.ts";

describe("readConfig", () => {
  it("fills in defaults", () => {
    const config = readConfig({});
    expect(config).toMatchObject({ port: 8080, host: "127.0.0.1", partitions: 4, natsUrl: undefined });
    expect(config.dataDir).toMatch(/[/\\]\.millrace$/);
  });

  it("lists every problem at once", () => {
    const problems = (() => {
      try {
        readConfig({ MILLRACE_PORT: "80x", MILLRACE_PROT: "1", MILLRACE_NATS_URL: "nowhere", OTHER: "fine" });
      } catch (error) {
        return (error as ConfigError).problems;
      }
      return [];
    })();
    expect(problems).toHaveLength(3);
    expect(problems.join("\n")).toMatch(/MILLRACE_PROT is not a known setting/);
    expect(problems.join("\n")).toMatch(/MILLRACE_PORT must be a whole number from 1 to 65535; it is "80x"/);
    expect(problems.join("\n")).toMatch(/MILLRACE_NATS_URL must be a URL/);
  });

  it.each([
    ["MILLRACE_PORT", "0"],
    ["MILLRACE_PORT", "65536"],
    ["MILLRACE_PORT", "1.5"],
    ["MILLRACE_LOG_LEVEL", "loud"],
    ["MILLRACE_PARTITIONS", "-1"],
  ])("refuses %s=%s", (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
  });

  it("takes an empty value as unset", () => {
    expect(readConfig({ MILLRACE_PORT: "", MILLRACE_REDIS_URL: "" })).toMatchObject({
      port: 8080,
      redisUrl: undefined,
    });
  });
});
