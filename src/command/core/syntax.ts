// The arguments of a command as data: a row writes them as a manual would, and COMMAND DOCS tells
// them in the shape of redis 7.0. It decides nothing about what a handler takes.
//
//   name            a text; `key` and `pattern` are of the type that they are called by
//   name:type       of another type: double, integer, key, pattern, string, unix-time
//   TOKEN           a word by itself
//   TOKEN name      an argument behind a word
//   name=(a | b)    one of several; name=(a b) is several in a row
//   [a]             may be left out
//   a...            may be repeated
//   a@6.2.0         since that version of Redis; a!6.2.0 is deprecated since

export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly token?: string;
  readonly since?: string;
  readonly deprecatedSince?: string;
  readonly isOptional: boolean;
  readonly isMultiple: boolean;
  /** The number of a key: which of the command's key specifications it belongs to. */
  readonly keyIndex?: number;
  /** Of "oneof" and "block". */
  readonly parts: readonly Argument[];
}

const types = new Set(["double", "integer", "key", "pattern", "string", "unix-time"]);

/** Throws where the notation is broken, with the place. */
export function parseSyntax(text: string): readonly Argument[] {
  return new SyntaxParser(text).all();
}

class SyntaxParser {
  readonly #tokens: readonly string[];
  readonly #text: string;
  #at = 0;
  /** Keys so far. */
  #keys = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = text.match(/\.\.\.|[[\]()|]|[^\s[\]()|]+?(?=\.\.\.|[\s[\]()|]|$)/g) ?? [];
  }

  all(): readonly Argument[] {
    const { parts } = this.#list();
    if (this.#next !== "") throw new Error(`"${this.#text}": "${this.#next}" is one too many`);
    return parts;
  }

  get #next(): string {
    return this.#tokens[this.#at] ?? "";
  }

  /** Takes the next token if it is this one. */
  #takes(token: string): boolean {
    if (this.#next !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    if (!this.#takes(token)) throw new Error(`"${this.#text}": no ${token} at "${this.#next}"`);
  }

  /** Up to a closing bracket or the end; with bars between them they are alternatives. */
  #list(): { readonly parts: readonly Argument[]; readonly isChoice: boolean } {
    const parts: Argument[] = [];
    let isChoice = false;
    while (this.#next !== "" && this.#next !== ")") {
      parts.push(this.#argument());
      if (this.#takes("|")) isChoice = true;
    }
    return { parts, isChoice };
  }

  #argument(): Argument {
    if (this.#takes("[")) {
      const inner = this.#argument();
      this.#expect("]");
      return { ...inner, isOptional: true };
    }
    const word = this.#tokens[this.#at++] ?? "";
    if (!/^[A-Z-]+$/.test(word)) return this.#named(word);
    if (/^[a-z]/.test(this.#next)) {
      return { ...this.#named(this.#tokens[this.#at++] ?? ""), token: word };
    }
    return this.#named(word);
  }

  #named(word: string): Argument {
    const [, stem = "", suffix = ""] = /^([^@!]+)(.*)$/.exec(word) ?? [];
    if (!stem.endsWith("=")) {
      if (stem === "" || stem.includes("=")) throw new Error(`"${this.#text}": no ( at "${stem}"`);
      const one = simple(stem);
      const key = one.type === "key" ? { keyIndex: this.#keys++ } : {};
      return { ...one, ...key, ...versions(suffix), ...this.#repeats() };
    }
    this.#expect("(");
    const { parts, isChoice } = this.#list();
    this.#expect(")");
    const behind = /^[@!]/.test(this.#next) ? (this.#tokens[this.#at++] ?? "") : "";
    const type = isChoice ? "oneof" : "block";
    return { name: stem.slice(0, -1), type, parts, ...versions(behind), ...this.#repeats() };
  }

  #repeats() {
    return { isOptional: false, isMultiple: this.#takes("...") };
  }
}

function simple(stem: string): Pick<Argument, "name" | "type" | "token" | "parts"> {
  const parts: Argument[] = [];
  if (/^[A-Z-]+$/.test(stem)) {
    return { name: stem.toLowerCase(), type: "pure-token", token: stem, parts };
  }
  const [, name, type = ""] = /^(.+):([^:]+)$/.exec(stem) ?? [];
  if (name !== undefined && types.has(type)) return { name, type, parts };
  return { name: stem, type: types.has(stem) ? stem : "string", parts };
}

function versions(suffix: string): Pick<Argument, "since" | "deprecatedSince"> {
  const [, since] = /@([\d.]+)/.exec(suffix) ?? [];
  const [, deprecatedSince] = /!([\d.]+)/.exec(suffix) ?? [];
  return { ...(since && { since }), ...(deprecatedSince && { deprecatedSince }) };
}
