// What the package's entries export, with the docstrings of it: each function and class, and the
// methods and getters of each class or interface. It reads text and knows just enough of the
// language for that; values of options and fields of types are not listed.

import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };

const repositoryRoot = join(import.meta.dir, "../..");

/** A function, a class, or a member of one. */
export interface PublicName {
  /** The file that declares it, from the root. */
  readonly path: string;
  /** "Store", "Store.get". */
  readonly name: string;
  /** Empty: it has none. */
  readonly docstring: string;
}

/** All of them, each once; of an overloaded method, the docstrings of all its signatures. */
export async function publicNames(): Promise<PublicName[]> {
  const exported = await Promise.all(entryFiles().map(exportedBy));
  const unique = new Map(exported.flat().map((one) => [`${one.path} ${one.name}`, one]));
  const found = await Promise.all([...unique.values()].map(namesOf));
  const names = new Map(found.flat().map((one) => [`${one.path} ${one.name}`, one]));
  return [...names.values()];
}

// --- internal ---

interface Exported {
  readonly path: string;
  readonly name: string;
}

function entryFiles(): string[] {
  const entries: readonly unknown[] = Object.values(manifest.exports);
  return entries.flatMap((entry) => {
    const { bun } = entry as { bun?: string };
    return bun === undefined ? [] : [bun.slice("./".length)];
  });
}

/** What an entry declares by itself, and what it passes on from other files. */
async function exportedBy(path: string): Promise<Exported[]> {
  const text = await read(path);
  const own = [...text.matchAll(/^export (?:async )?(?:abstract )?(?:class|function) (\w+)/gm)];
  const passed = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from "(.*)";$/gm)];
  return [
    ...own.map(([, name = ""]) => ({ path, name })),
    ...passed.flatMap(([, names = "", from = ""]) =>
      [...names.matchAll(/\b(?!type\b)\w+/g)].map(([name]) => ({
        path: join(path, "..", from),
        name,
      })),
    ),
  ];
}

const docstring = "(?:/\\*\\*((?:(?!\\*/)[^])*)\\*/\\n *)?";

async function namesOf({ path, name }: Exported): Promise<PublicName[]> {
  const text = await read(path);
  const kinds = "(?:async |abstract )?(function|class|interface|type)";
  const pattern = new RegExp(`${docstring}^export ${kinds} ${name}\\b(.*)`, "m");
  const found = pattern.exec(text);
  if (found === null) throw new Error(`${path} does not declare ${name}`);
  const [, said = "", kind, rest = ""] = found;
  if (kind === "type") {
    // The type of a class without its private members.
    const [, whole] = / = Pick<(\w+)/.exec(rest) ?? [];
    if (whole === undefined) return [];
    const members = await namesOf({ path, name: whole });
    return members.slice(1);
  }
  const own = { path, name, docstring: said };
  if (kind === "function") return [own];
  const members = membersOf(text.slice(found.index), path, name);
  return kind === "class" ? [own, ...members, ...(await inherited(path, text, rest))] : members;
}

/** The members of the class that a class extends, if that is in another file of ours. */
async function inherited(path: string, text: string, rest: string): Promise<PublicName[]> {
  const [, base] = / extends (\w+)/.exec(rest) ?? [];
  if (base === undefined) return [];
  const [, from] = new RegExp(`^import .*\\b${base}\\b.* from "(\\..*)";$`, "m").exec(text) ?? [];
  if (from === undefined) return [];
  const whole = await namesOf({ path: join(path, "..", from), name: base });
  return whole.slice(1);
}

/** Members of two blanks' indentation with parentheses, and getters. */
function membersOf(text: string, path: string, owner: string): PublicName[] {
  const body = text.slice(0, text.indexOf("\n}\n"));
  const hidden = "private|protected|readonly|static|constructor|return\\b";
  const signature = `(?:override )?(?:async )?(?:get )?\\*?(\\w+)(?:<[^(]*?>)?\\(`;
  const pattern = new RegExp(`${docstring}(?<=^ {2})(?!${hidden})${signature}`, "gm");
  const docstrings = new Map<string, string>();
  for (const [, said = "", member = ""] of body.matchAll(pattern)) {
    docstrings.set(member, `${docstrings.get(member) ?? ""}${said}`);
  }
  return [...docstrings].map(([member, said]) => ({
    ...{ path, name: `${owner}.${member}`, docstring: said },
  }));
}

function read(path: string): Promise<string> {
  return Bun.file(join(repositoryRoot, path)).text();
}
