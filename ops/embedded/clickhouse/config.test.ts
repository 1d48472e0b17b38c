import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { buildConfigXml, buildStartSql, buildUsersXml, type ServerConfig } from "./config.ts";

const config: ServerConfig = {
  usersPath: "/data/a & b/users.xml",
  logPath: "/data/server.log",
  memoryBytesMax: 1_000_000_000,
  remoteServers: {},
};

describe("buildUsersXml", () => {
  const users = buildUsersXml({ owner: "o<&>'\"", reader: "r€", memoryBytesMax: 1_000_000_000 });

  it("holds hashes and no password", () => {
    for (const password of ["o<&>'\"", "r€"]) {
      expect(users).toContain(createHash("sha256").update(password).digest("hex"));
    }
    expect(users).not.toContain("o&#60;");
    expect(users).not.toContain("r€");
  });

  it("allows the start-up user as many statements as the start has", () => {
    const statements = buildStartSql("/dev/fd/9", false).split(";").length;
    expect(users).toContain(`<queries>${statements}</queries>`);
    expect(buildStartSql("/dev/fd/9", true).split(";")).toHaveLength(statements);
  });
});

describe("buildConfigXml", () => {
  it("escapes what it is given", () => {
    expect(buildConfigXml(config)).toContain("<users_config>/data/a &#38; b/users.xml</users_config>");
  });

  it("keeps all caches together well below the memory bound", () => {
    const sizes = [...buildConfigXml(config).matchAll(/<\w*cache_size>(\d+)</g)].map(([, size]) =>
      Number(size),
    );
    expect(sizes.length).toBeGreaterThan(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(0.25 * config.memoryBytesMax);
  });

  it("lists a cluster's shards with the user that may read and write there", () => {
    const shard = { host: "127.0.0.1", tcpPort: 9_001, user: "millrace", password: "p&q" };
    const text = buildConfigXml({
      ...config,
      remoteServers: { both: [shard, { ...shard, tcpPort: 9_002 }] },
    });
    expect(text.match(/<shard>/g)).toHaveLength(2);
    expect(text).toContain("<port>9002</port>\n<user>millrace</user>\n<password>p&#38;q</password>");
  });
});
