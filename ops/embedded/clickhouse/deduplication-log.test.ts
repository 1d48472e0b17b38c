import { describe, expect, it } from "vitest";
import { buildLog, findUntrueRecords, parseLog, parsePartName, type LogRecord } from "./deduplication-log.ts";

const add = (part: string, blockId = `id-${part}`): LogRecord => ({ operation: "add", part, blockId });
const drop = (part: string, blockId = `id-${part}`): LogRecord => ({ operation: "drop", part, blockId });

describe("parseLog", () => {
  const whole = "1\t202601_1_1_0\t202601_11_22\n2\t202601_1_1_0\t202601_11_22\n";

  it("reads what it builds", () => {
    const { records, damaged } = parseLog(whole);
    expect(records).toEqual([add("202601_1_1_0", "202601_11_22"), drop("202601_1_1_0", "202601_11_22")]);
    expect(damaged).toBe(0);
    expect(buildLog(records)).toBe(whole);
    expect(parseLog("")).toEqual({ records: [], damaged: 0 });
  });

  it.each([
    { name: "a line cut in its middle", text: `${whole}1\t202601_2_2` },
    { name: "a line cut before its line feed", text: `${whole}1\t202601_2_2_0\t202601_33_44` },
    { name: "a line of zeros", text: `${whole}\0\0\0\0\n` },
    {
      name: "a cut line that another one was appended to",
      text: `1\t2026011\t202601_2_2_0\t202601_3_4\n${whole}`,
    },
  ])("leaves out $name, and nothing else", ({ text }) => {
    expect(parseLog(text)).toEqual({ records: parseLog(whole).records, damaged: 1 });
  });
});

describe("parsePartName", () => {
  it.each([
    { name: "202601_7_7_0", range: { partition: "202601", blockMin: 7n, blockMax: 7n } },
    { name: "90-202601_1_15_3", range: { partition: "90-202601", blockMin: 1n, blockMax: 15n } },
    { name: "all_1_15_3_21", range: { partition: "all", blockMin: 1n, blockMax: 15n } },
    { name: "tmp_insert_202601_7_7_0", range: undefined },
    { name: "tmp_merge_202601_1_7_1", range: undefined },
    { name: "delete_tmp_202601_7_7_0", range: undefined },
    { name: "detached", range: undefined },
    { name: "deduplication_logs", range: undefined },
    { name: "mutation_21.txt", range: undefined },
  ])("$name", ({ name, range }) => {
    expect(parsePartName(name)).toEqual(range);
  });
});

describe("findUntrueRecords", () => {
  const untrueParts = (logs: LogRecord[][], directories: string[]): string[] =>
    [...findUntrueRecords(logs, directories)].map(({ part }) => part);

  it.each([
    { name: "the part itself", directories: ["202601_7_7_0"] },
    { name: "a merged part", directories: ["202601_5_9_1"] },
    { name: "a mutated part", directories: ["202601_7_7_0_12"] },
    { name: "a merged and mutated part", directories: ["202601_1_7_2_12"] },
  ])("believes a record with $name on disk", ({ directories }) => {
    expect(untrueParts([[add("202601_7_7_0")]], directories)).toEqual([]);
  });

  it.each([
    { name: "nothing", directories: ["detached", "deduplication_logs"] },
    { name: "only its unfinished part", directories: ["tmp_insert_202601_7_7_0"] },
    { name: "only a part that is being deleted", directories: ["delete_tmp_202601_7_7_0"] },
    { name: "only another partition", directories: ["202602_7_7_0", "202602_1_9_2"] },
    { name: "only older and newer blocks", directories: ["202601_1_6_1", "202601_8_8_0"] },
  ])("does not believe a record with $name on disk", ({ directories }) => {
    expect(untrueParts([[add("202601_7_7_0")]], directories)).toEqual(["202601_7_7_0"]);
  });

  it("leaves alone what the engine has taken back, also in a later file", () => {
    expect(untrueParts([[add("202601_1_1_0")], [drop("202601_1_1_0")]], [])).toEqual([]);
  });

  it("does not take an earlier drop for a later one: the block was added again after it", () => {
    const again = add("202601_9_9_0", "id-202601_1_1_0");
    expect(untrueParts([[add("202601_1_1_0"), drop("202601_1_1_0"), again]], [])).toEqual(["202601_9_9_0"]);
  });

  it("believes a record whose part it cannot read", () => {
    expect(untrueParts([[add("all_seven_7_0")]], [])).toEqual([]);
  });

  it("compares block numbers beyond 2^53 exactly", () => {
    const name = "all_9007199254740993_9007199254740993_0";
    expect(untrueParts([[add(name)]], ["all_9007199254740992_9007199254740992_0"])).toEqual([name]);
  });
});
