// The body of a form on its way to disk: its one file as a stream, its other fields as the mapping.
import { Busboy, type BusboyFileStream } from "@fastify/busboy";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { MillraceError } from "#schemas/errors.ts";
import { parameterError } from "#schemas/uploads/mapping.ts";

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
 * Calls `takeFile` with the form's file and resolves with all fields once the form is whole and the file taken.
 * Fails with MALFORMED_MULTIPART, INVALID_PARAMETER, or with what the body or `takeFile` fails with.
 */
export async function readForm(
  body: Readable,
  contentType: string,
  takeFile: (file: FormFile) => Promise<void>,
): Promise<ReadonlyMap<string, unknown>> {
  const fields = new Map<string, unknown>();
  let taken: Promise<void> | undefined;
  let file: BusboyFileStream | undefined;
  let failure: unknown;
  const form = createForm(contentType);
  const fail = (error: unknown): void => {
    failure ??= error;
    body.destroy(asError(error));
  };
  form.on("file", (_field, content, fileName) => {
    // It fails together with the form, which is what is listened to.
    content.on("error", () => undefined);
    if (taken !== undefined) {
      content.resume();
      fail(malformed("The form holds more than one file."));
      return;
    }
    const name = cleanName(fileName);
    file = content;
    taken = takeFile({ fileName: name, content: content as AsyncIterable<Buffer> });
    taken.catch((error: unknown) => {
      content.resume();
      fail(error);
    });
  });
  form.on("field", (name, value, isNameCut, isValueCut) => {
    if (isNameCut || isValueCut)
      fail(malformed(`The field \`${name.slice(0, 40)}\` of the form is too long.`));
    else if (fields.has(name)) fail(parameterError(name, `\`${name.slice(0, 100)}\` is given twice.`));
    else fields.set(name, value);
  });
  form.on("fieldsLimit", () => fail(malformed(`The form has more than ${fieldsMax} fields.`)));
  form.on("filesLimit", () => fail(malformed("The form holds more than one file.")));
  try {
    await pipeline(body, form);
  } catch (error) {
    // What stopped the body is what went wrong, and not that it stopped.
    file?.destroy(asError(failure ?? error));
    if (taken !== undefined) await taken.catch((cause: unknown) => (failure ??= cause));
    throw asError(failure ?? error);
  }
  if (taken === undefined) throw malformed("The form holds no file: send it as a part with a file name.");
  await taken;
  return spreadMapping(fields);
}

function createForm(contentType: string) {
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
