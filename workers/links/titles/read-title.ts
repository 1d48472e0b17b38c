// Bytes of a page ▸ its title, as text: charset, entities, nothing that could not stand on one line. The page is
// strangers' work: it is read as it comes, and no further than its title.
import { Parser } from "htmlparser2";

/** As long as a title that somebody gives may be. */
export const titleLengthMax = 500;
/** Longer elements are no titles; what begins like this is cut. */
const elementLengthMax = 8_192;
/** Looked through for what the page says its charset is (the standard asks for 1,024). */
const headBytes = 4_096;

/** Controls, and what turns the reading direction of what stands beside it. */
const stripped = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const declared = /<meta\s[^>]{0,300}?charset\s*=\s*["']?\s*([a-z0-9_:.-]{1,40})/i;

export class TitleReader {
  readonly #ofHeader: string | undefined;
  readonly #parser: Parser;
  #head: Uint8Array[] = [];
  #headBytes = 0;
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #element = "";
  #inTitle = false;
  /** Open elements in which a title is that of a drawing. */
  #foreign = 0;
  #isWhole = false;

  /** `contentType` of the answer. */
  constructor(contentType: string) {
    this.#ofHeader = /;\s*charset\s*=\s*"?([^";\s]{1,40})/i.exec(contentType)?.[1];
    this.#parser = new Parser(
      {
        onopentagname: (name) => {
          if (name === "svg" || name === "math") this.#foreign += 1;
          else if (name === "title" && this.#foreign === 0) this.#inTitle = true;
        },
        ontext: (text) => {
          if (!this.#inTitle || this.#isWhole) return;
          this.#element += text;
          if (this.#element.length > elementLengthMax) this.#isWhole = true;
        },
        onclosetag: (name, isImplied) => {
          if (name === "svg" || name === "math") this.#foreign = Math.max(0, this.#foreign - 1);
          else if (name === "title" && this.#inTitle && !isImplied) this.#isWhole = true;
        },
      },
      { decodeEntities: true },
    );
  }

  /** True: enough was read. */
  write(bytes: Uint8Array): boolean {
    if (this.#decoder !== undefined) return this.#parse(this.#decoder.decode(bytes, { stream: true }));
    this.#head.push(bytes);
    this.#headBytes += bytes.length;
    return this.#headBytes >= headBytes ? this.#begin() : false;
  }

  /** Null: the page has none. No more may be written. */
  end(): string | null {
    if (this.#decoder === undefined) this.#begin();
    return this.#isWhole ? cleanTitle(this.#element) : null;
  }

  #begin(): boolean {
    const head = Buffer.concat(this.#head);
    this.#head = [];
    this.#decoder = new TextDecoder(decideCharset(head, this.#ofHeader));
    return this.#parse(this.#decoder.decode(head, { stream: true }));
  }

  #parse(text: string): boolean {
    if (!this.#isWhole) this.#parser.write(text);
    return this.#isWhole;
  }
}

/** As browsers do: the mark at the beginning, the answer's header, the page's own word, else a guess. */
export function decideCharset(head: Uint8Array, ofHeader: string | undefined): string {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return "utf-8";
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  const said = knownCharset(ofHeader);
  if (said !== undefined) return said;
  const own = knownCharset(declared.exec(Buffer.from(head.subarray(0, headBytes)).toString("latin1"))?.[1]);
  // A page whose charset could be read like this is not in UTF-16, whatever it says.
  if (own !== undefined) return own.startsWith("utf-16") ? "utf-8" : own;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return "utf-8";
  } catch {
    return "windows-1252";
  }
}

function knownCharset(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    return undefined;
  }
}

/** One line of text; null when nothing is left. */
export function cleanTitle(text: string): string | null {
  const line = text.toWellFormed().replace(/\s+/g, " ").replace(stripped, "").trim();
  // Not in the middle of a character.
  const cut = line.slice(0, titleLengthMax).replace(/[\ud800-\udbff]$/, "");
  return cut.trim() || null;
}
