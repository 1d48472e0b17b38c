import { copyFile, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger } from "#ops/runtime/log.ts";
import { openPlaces, type Places } from "./places.ts";
import { readPlace } from "./read-place.ts";

const cities = new URL("testing/GeoIP2-City-Test.mmdb", import.meta.url).pathname;
const countries = new URL("testing/GeoIP2-Country-Test.mmdb", import.meta.url).pathname;
const log = createLogger({ level: "fatal", name: "test" });

describe("readPlace", () => {
  it.each([
    {
      name: "GeoIP2",
      record: {
        country: { iso_code: "GB", names: { en: "United Kingdom" } },
        city: { names: { en: "London" } },
        subdivisions: [{ iso_code: "ENG", names: { en: "England" } }],
      },
      expected: { country: "GB", city: "London", region: "England" },
    },
    {
      name: "flat",
      record: { country_code: "NL", city: "Utrecht", state1: "Utrecht" },
      expected: { country: "NL", city: "Utrecht", region: "Utrecht" },
    },
    {
      name: "only where it is registered",
      record: { registered_country: { iso_code: "US" } },
      expected: { country: "US" },
    },
    { name: "a name instead of a code", record: { country: "Netherlands" }, expected: undefined },
    { name: "another kind of database", record: { autonomous_system_number: 1 }, expected: undefined },
    { name: "none", record: null, expected: undefined },
  ])("$name", ({ record, expected }) => {
    expect(readPlace(record)).toEqual(expected);
  });
});

describe("openPlaces", () => {
  let folder: string;
  let places: Places | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "places-"));
  });

  afterEach(async () => {
    places?.stop();
    await rm(folder, { recursive: true });
  });

  it("knows no place without a file", async () => {
    places = await openPlaces(undefined, log);
    expect(places.available).toBe(false);
    expect(places.lookUp("81.2.69.160")).toBeUndefined();
  });

  it.each([
    { address: "81.2.69.160", expected: { country: "GB", region: "England", city: "London" } },
    { address: "::ffff:81.2.69.160", expected: { country: "GB", region: "England", city: "London" } },
    {
      address: "0000:0000:0000:0000:0000:ffff:5102:45a0",
      expected: { country: "GB", region: "England", city: "London" },
    },
    { address: "2001:218::1", expected: { country: "JP" } },
    { address: "127.0.0.1", expected: undefined },
    { address: "81.2.69", expected: undefined },
    { address: "", expected: undefined },
    { address: "%%%", expected: undefined },
  ])("finds $address", async ({ address, expected }) => {
    places = await openPlaces(cities, log);
    expect(places.lookUp(address)).toEqual(expected);
    expect(places.lookUp(address), "from decoded parts").toEqual(expected);
  });

  it("takes a newer file while it runs, and keeps the old one when the new one is damaged", async () => {
    const path = join(folder, "places.mmdb");
    places = await openPlaces(path, log, { lookMs: 10 });
    expect(places.available).toBe(false);
    await copyFile(countries, path);
    await expect.poll(() => places?.lookUp("81.2.69.160")).toEqual({ country: "GB" });
    await copyFile(cities, path);
    await utimes(path, new Date(), new Date(Date.now() + 5_000));
    await expect.poll(() => places?.lookUp("81.2.69.160")?.city).toBe("London");
    await writeFile(path, "damaged");
    await new Promise((resolve) => {
      setTimeout(resolve, 60);
    });
    expect(places.lookUp("81.2.69.160")?.city).toBe("London");
  });
});
