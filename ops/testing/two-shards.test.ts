import { expect, it } from "vitest";
import { withoutKeeper } from "./two-shards.ts";

it.each([
  {
    name: "an engine without arguments of its own",
    input: `CREATE TABLE a_local ON CLUSTER 'it\\'s'\n(b UInt8) ENGINE = ReplicatedMergeTree('/x/{shard}', '{replica}') ORDER BY b SETTINGS replicated_deduplication_window = 9`,
    expected: `CREATE TABLE a_local\n(b UInt8) ENGINE = MergeTree() ORDER BY b SETTINGS non_replicated_deduplication_window = 9`,
  },
  {
    name: "an engine with arguments",
    input: `CREATE TABLE a_local ON CLUSTER 'c' (b UInt8) ENGINE = ReplicatedReplacingMergeTree('/x', '{replica}', b) ORDER BY b`,
    expected: `CREATE TABLE a_local (b UInt8) ENGINE = ReplacingMergeTree(b) ORDER BY b`,
  },
  {
    name: "everything else as it is",
    input: `CREATE TABLE a ON CLUSTER 'c' AS a_local ENGINE = Distributed('c', currentDatabase(), 'a_local', rand())`,
    expected: `CREATE TABLE a AS a_local ENGINE = Distributed('c', currentDatabase(), 'a_local', rand())`,
  },
])("without Keeper: $name", ({ input, expected }) => expect(withoutKeeper(input)).toBe(expected));

it("refuses what it does not know to take away", () => {
  expect(() => withoutKeeper("CREATE TABLE a (b UInt8) ENGINE = ReplicatedMergeTree ORDER BY b")).toThrow(
    "Needs Keeper",
  );
});
