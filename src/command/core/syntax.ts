// The arguments of a command as data: a row states them in the notation of a manual, and COMMAND
// DOCS returns them in the shape of redis 7.0. It has no effect on what a handler accepts.
//
//   name            a string; `key` and `pattern` have the type of that name
//   name:type       another type: double, integer, key, pattern, string, unix-time
//   TOKEN           a keyword
//   TOKEN name      an argument after a keyword
//   name=(a | b)    one of several; name=(a b) is several in sequence
//   [a]             optional
//   a...            may be repeated
//   TOKEN a+...     the same, with its keyword
//   ""              an argument without a byte
//   a@6.2.0         since that version of Redis; a!6.2.0 is deprecated since then

export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly token?: string;
  readonly since?: string;
  readonly deprecatedSince?: string;
  readonly isOptional: boolean;
  readonly isMultiple: boolean;
  /** Whether its keyword is repeated with it. */
  readonly repeatsToken?: boolean;
  /** For a key, the index of its key specification in the command. */
  readonly keyIndex?: number;
  /** The parts of a "oneof" or "block". */
  readonly parts: readonly Argument[];
}

const types: ReadonlySet<string> = new Set([
  "double",
  "integer",
  "key",
  "pattern",
  "string",
  "unix-time",
]);

/**
 * Parses the notation. Throws an error with the position if it is invalid. Keys belong to the key
 * specifications in turn, and more keys than there are of these to the last.
 */
export function parseSyntax(
  text: string,
  specifications = Number.POSITIVE_INFINITY,
): readonly Argument[] {
  return new SyntaxParser(text, specifications).all();
}

class SyntaxParser {
  private readonly tokens: readonly string[];
  private readonly text: string;
  private readonly specifications: number;
  private at = 0;
  /** Keys so far. */
  private keys = 0;

  constructor(text: string, specifications: number) {
    this.text = text;
    this.specifications = specifications;
    this.tokens = text.match(/\+?\.\.\.|[[\]()|]|[^\s[\]()|]+?(?=\+?\.\.\.|[\s[\]()|]|$)/g) ?? [];
  }

  all(): readonly Argument[] {
    const { parts } = this.list();
    if (this.next !== "") throw new Error(`"${this.text}": "${this.next}" is one too many`);
    return parts;
  }

  private get next(): string {
    return this.tokens[this.at] ?? "";
  }

  /** Takes the next token if it is this one. */
  private takes(token: string): boolean {
    if (this.next !== token) return false;
    this.at++;
    return true;
  }

  private expect(token: string): void {
    if (!this.takes(token)) throw new Error(`"${this.text}": no ${token} at "${this.next}"`);
  }

  /** Up to a closing bracket or the end; with bars between them they are alternatives. */
  private list(): { readonly parts: readonly Argument[]; readonly isChoice: boolean } {
    const parts: Argument[] = [];
    let isChoice = false;
    while (this.next !== "" && this.next !== ")") {
      parts.push(this.argument());
      if (this.takes("|")) isChoice = true;
    }
    return { parts, isChoice };
  }

  private argument(): Argument {
    if (this.takes("[")) {
      const inner = this.argument();
      this.expect("]");
      return { ...inner, isOptional: true };
    }
    const word = this.tokens[this.at++] ?? "";
    if (!/^[A-Z][A-Z\d-]*$/.test(word)) return this.named(word);
    if (/^[a-z]/.test(this.next)) {
      return { ...this.named(this.tokens[this.at++] ?? ""), token: word };
    }
    return this.named(word);
  }

  private named(word: string): Argument {
    const [, stem = "", suffix = ""] = /^([^@!]+)(.*)$/.exec(word) ?? [];
    if (!stem.endsWith("=")) {
      if (stem === "" || stem.includes("=")) throw new Error(`"${this.text}": no ( at "${stem}"`);
      const one = simple(stem);
      const key = one.type === "key" ? { keyIndex: this.nextKeyIndex() } : {};
      return { ...one, ...key, ...versions(suffix), ...this.repeats() };
    }
    this.expect("(");
    const { parts, isChoice } = this.list();
    this.expect(")");
    const behind = /^[@!]/.test(this.next) ? (this.tokens[this.at++] ?? "") : "";
    const type = isChoice ? "oneof" : "block";
    return { name: stem.slice(0, -1), type, parts, ...versions(behind), ...this.repeats() };
  }

  private nextKeyIndex(): number {
    return Math.min(this.keys++, this.specifications - 1);
  }

  private repeats() {
    const repeatsToken = this.takes("+...");
    const isMultiple = repeatsToken || this.takes("...");
    return { isOptional: false, isMultiple, ...(repeatsToken && { repeatsToken }) };
  }
}

function simple(stem: string): Pick<Argument, "name" | "type" | "token" | "parts"> {
  const parts: Argument[] = [];
  if (stem === '""') return { name: "empty_string", type: "pure-token", token: "", parts };
  if (/^[A-Z][A-Z\d-]*$/.test(stem)) {
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
