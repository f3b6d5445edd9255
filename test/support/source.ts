// Reads TypeScript sources for the tidy test: which files there are, their imports, headers,
// functions, empty catches and comments. It knows just enough of the language for that: strings,
// comments and regular expressions are blanked, then braces are counted. Blanked text keeps every
// line break, so that lines are the file's own.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative, sep } from "node:path";

export interface Import {
  readonly line: number;
  readonly specifier: string;
  /** The file from the root, or null for a package or a built-in module. */
  readonly target: string | null;
}

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** The text with comments, strings and regular expressions blanked. */
  readonly code: string;
  readonly lineCount: number;
  /** The comment that opens the file, without its marks; empty when there is none. */
  readonly header: string;
  readonly imports: readonly Import[];
  readonly functions: readonly { readonly line: number; readonly lineCount: number }[];
  /** Lines of catches that neither do nor say anything. */
  readonly emptyCatches: readonly number[];
}

/** Every TypeScript file below the folders. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => {
      const path = relative(root, file).split(sep).join("/");
      return readSource(path, readFileSync(file, "utf8"));
    });
}

export function readSource(path: string, text: string): SourceFile {
  const code = blank(text);
  return {
    path,
    text,
    code,
    lineCount: text.trimEnd().split("\n").length,
    header: headerOf(text),
    imports: importsOf(path, text, code),
    functions: functionsOf(code),
    emptyCatches: emptyCatchesOf(text, code),
  };
}

function headerOf(text: string): string {
  const lines = text.replace(/^#!.*\n/, "").split("\n");
  if (lines[0]?.startsWith("/*")) {
    const end = lines.findIndex((line) => line.includes("*/"));
    const inside = lines.slice(0, end + 1).map((line) => line.replace(/^[\s/*]+|[\s*/]+$/g, ""));
    return inside.join("\n").trim();
  }
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines
    .slice(0, end)
    .map((line) => line.slice(2).trim())
    .join("\n");
}

// ---- imports ------------------------------------------------------------------------------------

/** Static, type-only, re-exporting and dynamic imports alike: all of them are directions. */
function importsOf(path: string, text: string, code: string): Import[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(["'])([^"'\n]+)\1/g;
  return [...text.matchAll(pattern)]
    .filter(({ index }) => /\b(from|import)\b/.test(code.slice(index, index + "import".length)))
    .map(({ index, 2: specifier = "" }) => {
      const isOurs = specifier.startsWith(".");
      const target = isOurs ? posix.normalize(posix.join(dirname(path), specifier)) : null;
      const line = lineAt(text, index);
      return { line, specifier, target };
    });
}

// ---- functions ----------------------------------------------------------------------------------

function functionsOf(code: string): { line: number; lineCount: number }[] {
  const functions: { line: number; lineCount: number }[] = [];
  const open: number[] = [];
  for (let i = 0; i < code.length; i++) {
    if (code[i] === "{") open.push(i);
    if (code[i] !== "}") continue;
    const start = open.pop();
    if (start === undefined || !opensFunction(code, start)) continue;
    const line = lineAt(code, start);
    functions.push({ line, lineCount: lineAt(code, i) - line + 1 });
  }
  return functions;
}

/**
 * Whether the brace opens a function's body: after `=>`, or after `)` and perhaps a return type.
 * Blocks of `if` and `for` look the same and count as well, which only finds what is inside a
 * longer function anyway.
 */
function opensFunction(code: string, brace: number): boolean {
  const before = code.slice(Math.max(0, brace - 400), brace).trimEnd();
  if (before.endsWith("=>")) return true;
  const statement = before.slice(Math.max(before.lastIndexOf(";"), before.lastIndexOf("{")) + 1);
  if (/\b(class|interface|type|enum)\s+\w+[^()]*$/.test(statement)) return false;
  // The last case is the end of a return type with braces of its own.
  return /\)\s*(:[^=;]*)?$/.test(statement) || /\}[\s>\]]*$/.test(before);
}

// ---- catches ------------------------------------------------------------------------------------

const sentenceWordsMin = 3;
const commentLine = /^\s*(\/\/|\*|\/\*).*\n/;

function emptyCatchesOf(text: string, code: string): number[] {
  const pattern = /\bcatch\s*(?:\([^)]*\)\s*)?\{(\s*)\}|\.catch\(\s*\(\w*\)\s*=>\s*\{(\s*)\}/g;
  return [...code.matchAll(pattern)]
    .filter(({ index, 0: whole }) => {
      const lines = text.slice(0, index).split("\n");
      const above = commentLine.test(`${lines.at(-2)}\n`) ? lines.at(-2) : "";
      const body = text.slice(index + whole.indexOf("{") + 1, index + whole.length);
      const [, behind = ""] = /^[^\n]*?\/\/(.*)/.exec(text.slice(index + whole.length)) ?? [];
      const words = `${above} ${body} ${behind}`.match(/\p{L}+/gu) ?? [];
      return words.length < sentenceWordsMin;
    })
    .map(({ index }) => lineAt(text, index));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

// ---- blanking -----------------------------------------------------------------------------------

/** After these a slash begins a regular expression, after anything else it divides. */
const beforeRegex = /(^|[(,=:[!&|?{};+\-*%~^<>]|\b(return|typeof|case|in|of|await|yield))\s*$/;
const commentPattern = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const stringPattern = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const regexPattern = /\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;

/** The strings, parts of templates and regular expressions of a source, with their marks. */
export function literalsOf(text: string): string[] {
  const skipped: string[] = [];
  blank(text, skipped);
  return skipped.filter((token) => !/^\/[/*]/.test(token));
}

/**
 * Replaces what is no code by spaces; `${}` inside templates stays code. `skipped` receives what
 * was replaced.
 */
export function blank(text: string, skipped: string[] = []): string {
  let out = "";
  /** For each template that we are inside an expression of: how many braces are open in it. */
  const templates: number[] = [];
  const skip = (length: number) => {
    skipped.push(text.slice(out.length, out.length + length));
    out += text.slice(out.length, out.length + length).replace(/[^\n]/g, " ");
  };
  while (out.length < text.length) {
    const character = text[out.length] ?? "";
    const length = lengthOfToken(text, out);
    const depth = templates.at(-1);
    if (length > 0) skip(length);
    else if (character === "`" || (character === "}" && depth === 0)) {
      if (character === "}") templates.pop();
      skip(templateLength(text, out.length, templates));
    } else {
      if (depth !== undefined && character === "{") templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && character === "}") templates[templates.length - 1] = depth - 1;
      out += character;
    }
  }
  return out;
}

/** The length of the comment, string or regular expression that begins here, or 0. */
function lengthOfToken(text: string, out: string): number {
  const character = text[out.length];
  if (character === '"' || character === "'") return lengthOf(stringPattern, text, out.length);
  if (character !== "/") return 0;
  const comment = lengthOf(commentPattern, text, out.length);
  if (comment > 0) return comment;
  const before = out.slice(-60);
  return beforeRegex.test(before) ? lengthOf(regexPattern, text, out.length) : 0;
}

function lengthOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}

/** From a backtick or the end of an expression to the next `${` or the closing backtick. */
function templateLength(text: string, start: number, templates: number[]): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "`") return i + 1 - start;
    else if (text[i] === "$" && text[i + 1] === "{") {
      templates.push(0);
      return i + 2 - start;
    }
  }
  return text.length - start;
}

/** The way by which a file comes back to itself, or null. */
export function wayBack(
  from: string,
  targets: ReadonlyMap<string, readonly string[]>,
): readonly string[] | null {
  const ways: string[][] = [[from]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const target of targets.get(way.at(-1) ?? "") ?? []) {
      if (target === from) return [...way, target];
      if (!seen.has(target)) ways.push([...way, target]);
      seen.add(target);
    }
  }
  return null;
}

// ---- comments -----------------------------------------------------------------------------------

/** A line of a comment or of a document, and where it stands. */
export interface Line {
  readonly where: string;
  readonly line: string;
}

export function commentLines({ path, text, code }: SourceFile): Line[] {
  const blanked = code.split("\n");
  return text
    .split("\n")
    .map((line, index) => ({ where: `${path}:${index + 1}`, line, code: blanked[index] ?? "" }))
    .filter((it) => isComment(it.line, it.code));
}

/** A line of a comment, or of code with a comment behind it; a long string is neither. */
export function isComment(line: string, code: string): boolean {
  if (/\S {3,}\S|^\s*(\/\/|\*) ?\|/.test(line)) return false;
  if (/^\s*(\/\/|\/\*|\*)/.test(line)) return code.trim() === "";
  return / \/\/ [^"'`]*$/.test(line) && code.trimEnd().length < line.length;
}
