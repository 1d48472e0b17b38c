import { expect, it } from "vitest";
import { readClick } from "./read-click.ts";

const start = '{"link_id":"lnk_1","code":"a-b","domain":"e.com","bot":false,"preview":true';

it.each([
  `${start}}`,
  `${start},"language":"nl","utm_source":"mail"}`,
  start.replace("false", "true") + ',"x":1}',
  // A later member wins, whatever stands around it and however its name is written.
  `${start},"bot":true}`,
  `${start}, "preview" : false }`,
  `${start},"link_id":"lnk_2"}`,
  `${start},"b\\u006ft":true}`,
  `${start},"more":{"bot":true}}`,
  `${start},"utm_source":"\\"bot\\":true"}`,
  // As others may write it.
  '{"preview":false,"bot":true,"link_id":"lnk_1"}',
  '{"link_id":7,"code":"a","domain":"","bot":false,"preview":false}',
  '{"link_id":"","code":"a","domain":"","bot":false,"preview":false}',
  '{"link_id":"lnk_1","code":"a\\"b","domain":"","bot":"true","preview":1}',
  '{"link_id":"ä","code":"a","domain":"","bot":false,"preview":false}',
  '{"link_id":"lnk_1","code":"a","domain":"","bot":false,"preview":falsehood":1}'.replace(
    "falsehood",
    'false,"x',
  ),
  "{}",
])("says what the parsed properties say: %s", (properties) => {
  const { link_id: linkId, bot, preview } = JSON.parse(properties) as Record<string, unknown>;
  expect(readClick(properties)).toEqual({
    linkId: typeof linkId === "string" ? linkId : undefined,
    bot: bot === true,
    preview: preview === true,
  });
});
