/**
 * The options that the sources of the client and of what is embedded declare: the members of their
 * interfaces, with the docstrings. It reads text and knows just enough of the language for that;
 * what is marked as internal is nobody's option, and types that are no interfaces are not listed.
 */

import { join } from "node:path";
import { Glob } from "bun";

const source = join(import.meta.dir, "../../src");

export interface DeclaredOption {
  /** "ConnectOptions". Those of serve() are all in "ServeOptions". */
  readonly owner: string;
  readonly name: string;
  readonly type: string;
  readonly isOptional: boolean;
  /** Its docstring, and the one of the whole interface, each in one line. */
  readonly docstring: string;
  readonly about: string;
}

export async function declaredOptions(): Promise<DeclaredOption[]> {
  const paths = [...new Glob("{client,embed}/**/*.ts").scanSync(source)];
  const texts = await Promise.all(paths.map((path) => Bun.file(join(source, path)).text()));
  return paths.flatMap((path, i) => {
    const found = optionsIn(texts[i] as string);
    if (!path.endsWith("serve-options.ts")) return found;
    return found.map((option) => ({ ...option, owner: "ServeOptions" }));
  });
}

// --- internal ---

const comment = "(?:/\\*\\*((?:(?!\\*/)[^])*)\\*/\\n)?";
const bag = "interface (\\w*(?:Options|Timeouts|Durations|Lifespan))\\b[^{]*\\{\\n([^]*?)^\\}";
const bags = new RegExp(`${comment}^(?:export )?${bag}`, "gm");
const members = new RegExp(`(?: {2}${comment})?^ {2}(\\w+)(\\??): ([^;]*);`, "gm");

function optionsIn(text: string): DeclaredOption[] {
  const options = [...text.matchAll(bags)].flatMap(([, about = "", owner = "", body = ""]) =>
    [...body.matchAll(members)].map(([, docstring = "", name = "", mark, type = ""]) => ({
      ...{ owner, name, type, isOptional: mark === "?" },
      ...{ docstring: plain(docstring), about: plain(about) },
    })),
  );
  return options.filter(({ docstring }) => !docstring.includes("@internal"));
}

function plain(docstring: string): string {
  return docstring.replace(/\s*\n\s*\*?\s*/g, " ").trim();
}
