// The documents as tests: the generated tables, the index of test/README.md, and the files that
// comments and documents name. It judges facts, not words.
// Invariant: whatever a document says about commands, options and files is compared with the code.

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { clientTable, keyTable } from "../scripts/client-table.ts";
import { errorTables } from "../scripts/error-table.ts";
import { generatedParts } from "../scripts/generated-parts.ts";
import { withPart } from "../scripts/markdown.ts";
import { optionTables } from "../scripts/option-table.ts";
import { commands } from "../src/command/table.ts";
import { options } from "../src/config/options.ts";
import { commentLines, type Line, literalsOf, readSources } from "./support/source.ts";

const repositoryRoot = join(import.meta.dir, "..");
const files = readSources(repositoryRoot, ["src", "test", "scripts"]);

/** Fails with one line for each finding. */
function expectNone(findings: readonly string[]): void {
  expect(findings).toEqual([]);
}

const documentPattern = new Bun.Glob("{src,test,scripts,.github}/**/*.md");
const documents = [
  "README.md",
  ...documentPattern.scanSync({ cwd: repositoryRoot, dot: true }),
].filter((path) => !path.includes("node_modules"));

/** Names of files in examples of a text. */
const invented = new Set(["a.ts", "a.d.ts"]);

test("comments and documents name only files that are there", () => {
  const known = [...files.map(({ path }) => path), ...documents].map((path) => `/${path}`);
  const named = [
    ...files.flatMap((file) => commentLines(file)),
    ...documents.flatMap((path) => documentLines(path)),
  ];
  const strays = named.flatMap(({ where, line }) =>
    [...line.matchAll(/[\w./-]*[\w-]\.(?:ts|md)\b/g)]
      .map(([name]) => name.replace(/^(\.{1,2}\/)+/, ""))
      .filter((name) => !invented.has(name) && !known.some((path) => path.endsWith(`/${name}`)))
      .map((name) => `${where}: there is no ${name}`),
  );
  expectNone(strays);
});

test("each link of a document leads to a file, and to a heading of it", () => {
  const broken = documents.flatMap((path) =>
    documentLines(path).flatMap(({ where, line }) =>
      [...line.matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
        .filter(([, file = "", heading]) => !leads(join(path, file ? `../${file}` : ""), heading))
        .map(([link]) => `${where}: ${link} leads nowhere`),
    ),
  );
  expectNone(broken);
});

test.each(generatedParts.map((it) => [it.document, it.part, it] as const))(
  "%s has the %s that the code says",
  (path, part, { make }) => {
    const document = readFileSync(join(repositoryRoot, path), "utf8");
    const isFresh = withPart(document, part, make()) === document;
    expectNone(isFresh ? [] : [`${path}: run \`bun run docs\``]);
  },
);

test("the tables of options and of errors have a row for each", () => {
  const flags = [...optionTables().matchAll(/^\| `--([\w-]+) .*$/gm)];
  const names = Object.values(options).map(({ name }) => name);
  expect(flags.map(([, name]) => name).sort()).toEqual([...names].sort());
  for (const [row] of flags) expect(row.split(/(?<!\\)\|/)).toHaveLength(7);
  const union = readFileSync(join(repositoryRoot, "src/client/client-errors.ts"), "utf8");
  const [, codes = ""] = /^export type ErrorCode =([\s\S]*?);$/m.exec(union) ?? [];
  const all = [...codes.matchAll(/"(\w+)"/g)].map(([, code]) => code);
  const told = [...errorTables().matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
  expect(all.length).toBeGreaterThan(20);
  expect(told.filter((code) => code !== "code").sort()).toEqual(all.sort());
});

test.each([
  ["src/client/commands/command-table.ts", clientTable],
  ["src/client/shards/key-table.ts", keyTable],
])("%s is what the rows of the commands say", (path, written) => {
  const table = readFileSync(join(repositoryRoot, path), "utf8");
  expectNone(table === written() ? [] : [`${path}: run \`bun run docs\``]);
});

test("test/README.md tells what each folder and each file beside it is for", () => {
  const table = readFileSync(join(repositoryRoot, "test/README.md"), "utf8");
  const entries = new Set(files.flatMap(({ path }) => /^test\/([^/]+\/?)/.exec(path)?.[1] ?? []));
  const missing = [...entries].filter((name) => !table.includes(`\`${name}\``));
  expectNone(missing.map((name) => `test/README.md: say what ${name} is for`));
});

test("src/README.md lists each file with code that depends on the system", () => {
  const document = readFileSync(join(repositoryRoot, "src/README.md"), "utf8");
  const part = document.slice(document.indexOf("## Platforms"), document.indexOf("## Glossary"));
  const listed = [...part.matchAll(/^\| `([\w/-]+\.ts)`/gm)].map(([, path]) => `src/${path}`);
  const bound = /process\.platform|fromCLibrary\(|"\/proc\/|\bdlopen\(/;
  const found = files.filter(({ path, text }) => path.startsWith("src/") && bound.test(text));
  expect(listed.toSorted()).toEqual(found.map(({ path }) => path).sort());
});

const index = indexOfTests();
/** Of the files that the index names, by path. */
const literals = new Map<string, readonly string[]>();
const subcommandNames = commands.flatMap(({ subcommands }) =>
  subcommands.map(({ name }) => name.replace("|", " ").toUpperCase()),
);

test("test/README.md tells where each command and each option is tested", () => {
  const names = [
    ...commands.map(({ name }) => name.toUpperCase()),
    ...Object.values(options).map(({ name }) => name),
  ];
  const indexed = new Set(index.flatMap((row) => row.names));
  const missing = names.filter((name) => !indexed.has(name));
  expectNone(missing.map((name) => `test/README.md: say where ${name} is tested`));
  const known = new Set([...names, ...subcommandNames]);
  const strangers = [...indexed].filter((name) => !known.has(name));
  expectNone(strangers.map((name) => `test/README.md: there is no ${name} any more`));
});

test("what the index names is there, and a file of its row speaks of each option", () => {
  const gone = index.flatMap((row) => row.files.filter((path) => !textOf(path)));
  expectNone(gone.map((path) => `test/README.md: ${path} is not there`));
  const optionNames = new Set<string>(Object.values(options).map(({ name }) => name));
  const silent = index.flatMap(({ names, files: paths }) =>
    names
      .filter((name) => optionNames.has(name))
      .filter((name) => !paths.some((path) => speaksOfOption(textOf(path), name))),
  );
  expectNone(silent.map((name) => `test/README.md: the files of its row do not test ${name}`));
});

test("each command and each subcommand is called in a test of its row", () => {
  const names = [...commands.map(({ name }) => name.toUpperCase()), ...subcommandNames];
  const silent = names.filter((name) => {
    const [container] = name.split(" ");
    const rows = index.filter(
      (row) => row.names.includes(name) || row.names.includes(`${container}`),
    );
    return !rows.some((row) => row.files.some((path) => calls(literalsIn(path), name)));
  });
  expectNone(
    silent.map((name) => `${name}: test it in a file that its row of test/README.md names`),
  );
});

test.each([
  ['ask("CLIENT", "KILL", id)', "CLIENT KILL", true],
  ['ask("CLIENT KILL ID 5")', "CLIENT KILL", true],
  ["const script = `\n  PING\n  CLIENT KILL x`", "CLIENT KILL", true],
  ['ask("GETEX", "GET")', "GETEX", true],
  ['test("SET with EX replaces an earlier TTL")', "SET", true],
  ['// ask("GET", "k")', "GET", false],
  ['new Map().get("k")', "GET", false],
  ['expect("no GET")', "GET", false],
  ['ask("CLIENT", "KILLER")', "CLIENT KILL", false],
  ['ask("CLIENT", "NO-EVICT")', "CLIENT NO", false],
])("%s and a call of %s: %p", (text, name, isCall) => {
  expect(calls(literalsOf(text), name)).toBe(isCall);
});

function documentLines(path: string): Line[] {
  const text = readFileSync(join(repositoryRoot, path), "utf8");
  return text.split("\n").map((line, index) => ({ where: `${path}:${index + 1}`, line }));
}

/** Whether the file is there and, if it is a document, has the heading, as GitHub names it. */
function leads(path: string, heading?: string): boolean {
  if (!existsSync(join(repositoryRoot, path))) return false;
  if (heading === undefined) return true;
  const names = documentLines(path).flatMap(({ line }) => {
    const [, title] = /^#+ (.*)$/.exec(line) ?? [];
    return title === undefined ? [] : [title.toLowerCase().replace(/[^\w\- ]/g, "")];
  });
  return names.some((name) => name.replaceAll(" ", "-") === heading);
}

interface IndexRow {
  readonly names: readonly string[];
  readonly files: readonly string[];
}

/**
 * The rows of the index in test/README.md: names of commands and options, and files below test/.
 */
function indexOfTests(): IndexRow[] {
  const text = readFileSync(join(repositoryRoot, "test/README.md"), "utf8");
  const [, section = ""] = /^## Where is X tested\?\n([\s\S]*?)^## /m.exec(text) ?? [];
  const quoted = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
  const cells = section.split("\n").map((line) => line.split("|"));
  const rows = cells.map(([, names, paths]) => ({ names: quoted(names), files: quoted(paths) }));
  return rows.filter((row) => row.names.length > 0 && row.files.length > 0);
}

/** The text of a file of test/, or nothing where there is none. */
function textOf(path: string): string {
  return files.find((file) => file.path === `test/${path}`)?.text ?? "";
}

function literalsIn(path: string): readonly string[] {
  const found = literals.get(path) ?? literalsOf(textOf(path));
  literals.set(path, found);
  return found;
}

/** An option may go by its name among Redis's settings, or by its key in a Config. */
function speaksOfOption(text: string, name: string): boolean {
  const [key, option] = Object.entries(options).find(([, it]) => it.name === name) ?? [];
  const names = [name, key ?? name, ...(option?.redis ?? []).map((redis) => redis.name)];
  return new RegExp(`\\b(${names.join("|")})\\b`, "i").test(text);
}

/**
 * Whether a string of the test begins with the command, in capitals as a test writes it: a whole
 * line, the first of several arguments, or the title of a test.
 */
function calls(strings: readonly string[], name: string): boolean {
  const line = new RegExp(`(^["'\`]|\\n)\\s*${name}(?![\\w-])`);
  if (strings.some((literal) => line.test(literal))) return true;
  const [container, ...words] = name
    .split(" ")
    .map((word) => new RegExp(`^["'\`]${word}(?![\\w-])`));
  return strings.some((literal, at) => {
    const next = strings[at + 1] ?? "";
    return words.length > 0 && container?.test(literal) && words.every((word) => word.test(next));
  });
}
