// The only place where a name that a caller chose becomes part of SQL text. Everything else a caller chooses
// travels as a query parameter. Identifier parameters ({p:Identifier}) would do for most names, but their values
// are not unescaped: names with a backslash, quote or tab would not be found (tried on 26.7).

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "`": "\\`",
  "\0": "\\0",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** `name` as a backtick-quoted identifier; nothing inside can end the quotes. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replace(/[\\`\0\b\f\n\r\t]/g, (character) => escapes[character] as string)}\``;
}

/**
 * True when the JSON type would read the name as something else than a path: "^`…" is its notation for a
 * sub-object, ".:`…" for a path's values of one type.
 */
export function isReservedPath(name: string): boolean {
  return name.startsWith("^`") || name.includes(".:`");
}
