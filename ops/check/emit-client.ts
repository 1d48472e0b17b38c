// The client as JavaScript with declarations, for those who install the package: Node runs no TypeScript of installed
// packages, and browsers none at all. One file for each of its sources, in ingest/client/generated/.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { projectRoot } from "./project-files.ts";

const folder = "ingest/client";

const compilerOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  declaration: true,
};

interface EmittedFile {
  readonly path: string;
  readonly build: () => string;
}

export function listClientFiles(): EmittedFile[] {
  const sources = readdirSync(join(projectRoot, folder)).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".test.ts"),
  );
  return sources.sort().flatMap((name) => {
    const target = `${folder}/generated/${name.replace(/\.ts$/, "")}`;
    const emit = (transpile: typeof ts.transpileModule): string => {
      const source = readFileSync(join(projectRoot, folder, name), "utf8");
      const { outputText } = transpile(source, { compilerOptions, fileName: name });
      const text = outputText.replace(/(from ")(\.\/[^"]+)\.ts"/g, '$1$2.js"');
      return `// Generated from ${folder}/${name} by npm run docs.\n${text}`;
    };
    return [
      { path: `${target}.js`, build: () => emit(ts.transpileModule) },
      { path: `${target}.d.ts`, build: () => emit(ts.transpileDeclaration) },
    ];
  });
}
