// The body of a form on its way to disk: its one file as a stream, its other fields as the mapping.
import { Busboy, type BusboyFileStream } from "@fastify/busboy";
import { finished } from "node:stream/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { MillraceError } from "#schemas/errors.ts";
import { parameterError } from "#schemas/uploads/mapping.ts";
import { CopiedPieces } from "./copied-pieces.ts";

const fieldsMax = 40;
const fieldBytesMax = 64 * 1024;
const nameBytesMax = 200;
const fileNameLengthMax = 200;

export interface FormFile {
  readonly fileName: string | null;
  readonly content: AsyncIterable<Buffer>;
}

function malformed(message?: string, cause?: unknown): MillraceError {
  return new MillraceError("MALFORMED_MULTIPART", { ...(message === undefined ? {} : { message }), cause });
}

function asError(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : malformed(undefined, error);
}

/**
 * Calls `takeFile` with the form's file and resolves with all fields once the form is whole and the file taken. Bytes
 * of the body and of the file are valid until the next piece is asked for.
 * Fails with MALFORMED_MULTIPART, INVALID_PARAMETER, or with what the body or `takeFile` fails with.
 */
export async function readForm(
  body: AsyncIterable<Buffer>,
  contentType: string,
  takeFile: (file: FormFile) => Promise<void>,
): Promise<ReadonlyMap<string, unknown>> {
  const form = new Form(contentType, takeFile);
  try {
    for await (const piece of body) await form.take(piece);
    return spreadMapping(await form.end());
  } catch (error) {
    throw await form.giveUp(error);
  }
}

class Form {
  readonly #parser: Parser;
  readonly #ended: Promise<void>;
  readonly #fields = new Map<string, unknown>();
  readonly #pieces = new CopiedPieces();
  #file: BusboyFileStream | undefined;
  #taken: Promise<void> | undefined;
  #failure: unknown;

  constructor(contentType: string, takeFile: (file: FormFile) => Promise<void>) {
    this.#parser = createParser(contentType);
    this.#ended = finished(this.#parser);
    this.#ended.catch((error: unknown) => this.#fail(error));
    this.#parser.on("file", (_field, content, fileName) => this.#openFile(content, fileName, takeFile));
    this.#parser.on("field", (name, value, isNameCut, isValueCut) =>
      this.#addField(name, value, isNameCut, isValueCut),
    );
    this.#parser.on("fieldsLimit", () =>
      this.#fail(malformed(`The form has more than ${fieldsMax} fields.`)),
    );
    this.#parser.on("filesLimit", () => this.#fail(malformed("The form holds more than one file.")));
  }

  /** Resolves when nothing refers to the piece any more. */
  async take(piece: Buffer): Promise<void> {
    await new Promise<void>((resolve) => {
      // An error is told to `finished` too.
      this.#parser.write(piece, () => resolve());
    });
    while ((this.#file?.readableLength ?? 0) > 0 && this.#failure === undefined) await nextTurn();
    await this.#pieces.flush();
    this.#throwFailure();
  }

  async end(): Promise<Map<string, unknown>> {
    this.#parser.end();
    await this.#ended.catch(() => undefined);
    this.#throwFailure();
    if (this.#taken === undefined)
      throw malformed("The form holds no file: send it as a part with a file name.");
    await this.#taken;
    return this.#fields;
  }

  #openFile(content: BusboyFileStream, fileName: unknown, takeFile: (file: FormFile) => Promise<void>): void {
    // It fails together with the form, which is what is listened to.
    content.on("error", () => undefined);
    if (this.#taken !== undefined) {
      content.resume();
      this.#fail(malformed("The form holds more than one file."));
      return;
    }
    this.#file = content;
    content.on("data", (piece: Buffer) => this.#pieces.add(piece));
    content.on("end", () => this.#pieces.end());
    this.#taken = takeFile({ fileName: cleanName(fileName), content: this.#pieces });
    this.#taken.catch((error: unknown) => this.#fail(error));
  }

  #addField(name: string, value: unknown, isNameCut: boolean, isValueCut: boolean): void {
    if (isNameCut || isValueCut) {
      this.#fail(malformed(`The field \`${name.slice(0, 40)}\` of the form is too long.`));
    } else if (this.#fields.has(name)) {
      this.#fail(parameterError(name, `\`${name.slice(0, 100)}\` is given twice.`));
    } else {
      this.#fields.set(name, value);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#pieces.fail(asError(error));
  }

  /** What went wrong first; by then nobody writes the file any more. */
  async giveUp(error: unknown): Promise<MillraceError> {
    this.#fail(error);
    await this.#taken?.catch(() => undefined);
    this.#parser.destroy();
    return asError(this.#failure);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw asError(this.#failure);
  }
}

type Parser = InstanceType<typeof Busboy>;

function createParser(contentType: string): Parser {
  try {
    return new Busboy({
      headers: { "content-type": contentType },
      // A part made from a Blob has a file name, also when it is the mapping.
      isPartAFile: (field, type, fileName) =>
        field !== "mapping" && (fileName !== undefined || type === "application/octet-stream"),
      limits: {
        fields: fieldsMax,
        fieldSize: fieldBytesMax,
        fieldNameSize: nameBytesMax,
        files: 1,
        parts: fieldsMax + 1,
      },
    });
  } catch (error) {
    throw malformed(undefined, error);
  }
}

/** Null when there is none that could be shown. */
function cleanName(fileName: unknown): string | null {
  if (typeof fileName !== "string") return null;
  const name = fileName.slice(0, fileNameLengthMax).toWellFormed().replaceAll("\0", "");
  return name === "" ? null : name;
}

/** The part `mapping` is a JSON object of parameters; other fields are parameters themselves. */
function spreadMapping(fields: Map<string, unknown>): ReadonlyMap<string, unknown> {
  const json = fields.get("mapping");
  if (json === undefined) return fields;
  fields.delete("mapping");
  let mapping: unknown;
  try {
    mapping = JSON.parse(json as string);
  } catch (error) {
    throw new MillraceError("MALFORMED_JSON", {
      message: "The part `mapping` is not valid JSON.",
      cause: error,
    });
  }
  if (typeof mapping !== "object" || mapping === null || Array.isArray(mapping)) {
    throw parameterError("mapping", "The part `mapping` must be a JSON object of parameters.");
  }
  for (const [name, value] of Object.entries(mapping)) {
    if (fields.has(name)) throw parameterError(name, `\`${name.slice(0, 100)}\` is given twice.`);
    fields.set(name, value);
  }
  return fields;
}
