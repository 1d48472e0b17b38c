import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors.ts";
import { checkTarget, isOwnAddress } from "./check-target.ts";

function codeOf(text: string): string {
  try {
    checkTarget(text);
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return "taken";
}

it.each([
  "https://example.com",
  "http://example.com:8080/a/../b?x=1&y=%20#frag",
  "HTTPS://EXAMPLE.com/%E4%BD%A0",
  "https://bücher.example/straße?q=日本語",
  "https://xn--bcher-kva.example/",
  "https://user.example/@name?mail=a@b.example",
  "http://10.0.0.7/intranet",
  "http://[2001:db8::1]:81/x",
  `https://example.com/${"a".repeat(8192 - 20)}`,
])("takes %s", (text) => {
  expect(codeOf(text)).toBe("taken");
});

it.each([
  "",
  " https://example.com",
  "https://example.com ",
  "https://exa mple.com",
  "https://example.com/a b",
  "https://example.com/\r\nSet-Cookie: a=b",
  "https://example.com/\0",
  "https://example.com/\t",
  "ht\ntps://example.com",
  "https://example.com\\@evil.example",
  "https:\\\\example.com",
  "https:example.com",
  "https:/example.com",
  "https:///example.com",
  "http://",
  "https://?x",
  "//example.com",
  "/relative",
  "example.com",
  "https://example.com:99999/",
  "https://[::1",
  "https://%zz/",
  "https://example.com/\u202Egpj.exe",
  "https://example.com/\u200B",
  "https://example.com/\u2028",
  "https://example.com/\uD800",
  "https://example.com/<script>",
  `https://example.com/${"a".repeat(8193)}`,
])("refuses %j as no URL", (text) => {
  expect(codeOf(text)).toBe("URL_INVALID");
});

it.each([
  "javascript:alert(1)",
  "JaVaScRiPt://example.com/%0aalert(1)",
  "data:text/html,<script>alert(1)</script>".replace(/[<>]/g, ""),
  "vbscript:x",
  "file:///etc/passwd",
  "ftp://example.com/",
  "blob:https://example.com/1",
  "intent://example.com/#Intent;end",
  "mailto:a@b.example",
  "https://user:password@example.com/",
  "https://example.com@evil.example/",
  "https://@evil.example/",
])("forbids %s", (text) => {
  expect(codeOf(text)).toBe("URL_FORBIDDEN");
});

describe("loops", () => {
  it.each([
    ["https://go.example/abc", "https://go.example", true],
    ["https://GO.example./abc", "https://go.example", true],
    ["https://go.example:443/abc", "https://go.example", true],
    ["http://go.example/abc", "https://go.example", false],
    ["https://shop.example/abc", "https://go.example", false],
    ["http://localhost:8080/x", "http://127.0.0.1:8080", true],
    ["http://2130706433:8080/x", "http://127.0.0.1:8080", true],
    ["http://0x7f.1:8080/x", "http://127.0.0.1:8080", true],
    ["http://[::1]:8080/x", "http://127.0.0.1:8080", true],
    ["http://[::ffff:127.0.0.1]:8080/x", "http://127.0.0.1:8080", true],
    ["http://localhost:3000/x", "http://127.0.0.1:8080", false],
  ])("%s at %s: %s", (text, publicUrl, expected) => {
    expect(isOwnAddress(checkTarget(text), publicUrl)).toBe(expected);
  });
});
