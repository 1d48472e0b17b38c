import { describe, expect, it } from "vitest";
import { cleanTitle, decideCharset, TitleReader, titleLengthMax } from "./read-title.ts";

/** In pieces of `size` bytes, as they may come. */
function read(page: Uint8Array | string, contentType = "text/html", size = 7): string | null {
  const bytes = Buffer.from(page as string);
  const reader = new TitleReader(contentType);
  for (let at = 0; at < bytes.length; at += size) {
    if (reader.write(bytes.subarray(at, at + size))) break;
  }
  return reader.end();
}

describe("the title of a page", () => {
  it.each([
    { name: "plain", page: "<!doctype html><title>Spring sale</title>", title: "Spring sale" },
    { name: "over lines", page: "<TITLE lang=en>\n  Spring\t\tsale\r\n</TITLE >", title: "Spring sale" },
    {
      name: "entities",
      page: "<title>A &amp; B &lt;b&gt; &#39;c&#x27; &eacute;&nbsp;x</title>",
      title: "A & B <b> 'c' é x",
    },
    { name: "no markup within", page: "<title><b>x</b></title>", title: "<b>x</b>" },
    {
      name: "a script as a title",
      page: "<title><script>alert(1)</script></title>",
      title: "<script>alert(1)</script>",
    },
    { name: "in a comment", page: "<!-- <title>no</title> --><title>yes</title>", title: "yes" },
    { name: "in a script", page: "<script>'<title>no</title>'</script><title>yes</title>", title: "yes" },
    { name: "of a drawing", page: "<svg><title>no</title></svg><title>yes</title>", title: "yes" },
    { name: "the first of two", page: "<title>one</title><title>two</title>", title: "one" },
    { name: "empty", page: "<title> \n </title>", title: null },
    { name: "none", page: "<h1>x</h1>", title: null },
    { name: "never closed", page: "<title>x", title: null },
    { name: "controls", page: "<title>a\u0000b\u0007c\u009bd</title>", title: "abcd" },
    { name: "turned around", page: "<title>\u202egnp.exe\u2066</title>", title: "gnp.exe" },
    { name: "an emoji of several", page: "<title>👩‍💻 work</title>", title: "👩‍💻 work" },
  ])("$name", ({ page, title }) => {
    for (const size of [1, 7, 100_000]) expect(read(page, "text/html", size)).toBe(title);
  });

  it.each([
    {
      name: "header",
      page: Buffer.from("<title>na\xefve</title>", "latin1"),
      type: "text/html; charset=ISO-8859-1",
    },
    {
      name: "header in quotes",
      page: Buffer.from("<title>na\xefve</title>", "latin1"),
      type: 'text/html;charset="windows-1252"',
    },
    {
      name: "meta",
      page: Buffer.from('<meta charset="latin1"><title>na\xefve</title>', "latin1"),
      type: "text/html",
    },
    {
      name: "old meta",
      page: Buffer.from(
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><title>na\xefve</title>',
        "latin1",
      ),
      type: "text/html",
    },
    { name: "a guess", page: Buffer.from("<title>na\xefve</title>", "latin1"), type: "text/html" },
    { name: "UTF-8 without a word", page: Buffer.from("<title>naïve</title>"), type: "text/html" },
    {
      name: "an unknown name",
      page: Buffer.from("<title>naïve</title>"),
      type: "text/html; charset=klingon",
    },
    {
      name: "UTF-16 with a mark",
      page: Buffer.from("\ufeff<title>naïve</title>", "utf16le"),
      type: "text/html",
    },
    {
      name: "UTF-16 by mistake",
      page: Buffer.from('<meta charset="utf-16"><title>naïve</title>'),
      type: "text/html",
    },
  ])("charset: $name", ({ page, type }) => {
    for (const size of [1, 100_000]) expect(read(page, type, size)).toBe("naïve");
  });

  it("in Japanese", () => {
    const page = Buffer.concat([
      Buffer.from("<title>"),
      Buffer.from([0x93, 0xfa, 0x96, 0x7b]),
      Buffer.from("</title>"),
    ]);
    expect(read(page, "text/html; charset=Shift_JIS")).toBe("日本");
    expect(decideCharset(Buffer.from("<meta charset=shift_jis>"), undefined)).toBe("shift_jis");
  });

  it("is cut where it is too long, and not within a character", () => {
    expect(cleanTitle("x".repeat(2_000))).toHaveLength(titleLengthMax);
    const emoji = cleanTitle(`x${"🦊".repeat(400)}`) ?? "";
    expect(emoji.isWellFormed()).toBe(true);
    expect(emoji).toHaveLength(titleLengthMax - 1);
    expect(cleanTitle("\ud800broken")).toBe("\ufffdbroken");
    // An element that never ends is read no further.
    const reader = new TitleReader("text/html");
    expect(reader.write(Buffer.from(`<title>${"y".repeat(20_000)}`))).toBe(true);
    expect(reader.end()).toHaveLength(titleLengthMax);
  });

  it("is not looked for behind what is enough", () => {
    const reader = new TitleReader("text/html");
    const page = `<title>early</title>${"<p>".repeat(2_000)}`;
    expect(reader.write(Buffer.from(page))).toBe(true);
    expect(reader.end()).toBe("early");
  });
});
