// Which commands there are, and their arguments: from the server (COMMAND DOCS, since Redis 7), or
// from this program's own table if the server does not say or there is no connection. Completion,
// hints and HELP look here. Invariant: names are in upper case, a subcommand's with its
// container's: "CLIENT LIST".

import type { Tree } from "./reply-tree.ts";

export interface DocArgument {
  /** As manuals show it. */
  readonly name: string;
  readonly token?: string | undefined;
  readonly isOptional: boolean;
  readonly isMultiple: boolean;
  /** Whether each repetition has the token. */
  readonly repeatsToken: boolean;
  /** It stands for the repetitions behind the first one, which is there. */
  readonly isAgain?: boolean;
  /** "block" and "oneof" have parts, "pure-token" is only its token; all else is a value. */
  readonly type: string;
  readonly parts: readonly DocArgument[];
}

export interface CommandDoc {
  readonly name: string;
  readonly summary: string;
  readonly since: string;
  readonly group: string;
  readonly args: readonly DocArgument[];
}

export type CommandDocs = ReadonlyMap<string, CommandDoc>;

/** Null if the reply is none to COMMAND DOCS. */
export function docsOfReply(reply: Tree): CommandDocs | null {
  const found = new Map<string, CommandDoc>();
  if (reply.type !== "map" && reply.type !== "array") return null;
  for (const [name, fields] of fieldsOf(reply)) addDoc(found, name, fields);
  return found.size === 0 ? null : found;
}

/** The commands of this program's own servers. */
export async function ownDocs(): Promise<CommandDocs> {
  const { commands } = await import("../../command/table.ts");
  const { parseSyntax } = await import("../../command/core/syntax.ts");
  type Row = (typeof commands)[number]["row"];
  type Argument = ReturnType<typeof parseSyntax>[number];
  const argument = (one: Argument): DocArgument => ({
    name: one.name,
    token: one.token,
    isOptional: one.isOptional,
    isMultiple: one.isMultiple,
    repeatsToken: one.repeatsToken === true,
    type: one.type,
    parts: one.parts.map(argument),
  });
  const found = new Map<string, CommandDoc>();
  const add = (row: Row): void => {
    const name = row.name.replace("|", " ").toUpperCase();
    const { summary, since, group, syntax = "" } = row;
    found.set(name, { name, summary, since, group, args: parseSyntax(syntax).map(argument) });
    for (const sub of row.subcommands ?? []) add(sub);
  };
  for (const { row } of commands) add(row);
  return found;
}

/** The arguments as a manual shows them: "key value [NX | XX]". */
export function syntaxText(args: readonly DocArgument[]): string {
  return args.map(argumentText).join(" ");
}

// --- internal ---

function addDoc(found: Map<string, CommandDoc>, fullName: string, tree: Tree): void {
  const fields = new Map(fieldsOf(tree));
  const text = (field: string) => fields.get(field)?.text ?? "";
  const name = fullName.replace("|", " ").toUpperCase();
  found.set(name, {
    name,
    summary: text("summary"),
    since: text("since"),
    group: text("group"),
    args: (fields.get("arguments")?.items ?? []).map(argumentOf),
  });
  const subcommands = fields.get("subcommands");
  for (const [sub, subFields] of subcommands ? fieldsOf(subcommands) : []) {
    addDoc(found, sub.includes("|") ? sub : `${fullName}|${sub}`, subFields);
  }
}

function argumentOf(tree: Tree): DocArgument {
  const fields = new Map(fieldsOf(tree));
  const flags = fields.get("flags")?.items.map(({ text }) => text) ?? [];
  return {
    name: fields.get("display_text")?.text ?? fields.get("name")?.text ?? "",
    token: fields.get("token")?.text,
    isOptional: flags.includes("optional"),
    isMultiple: flags.includes("multiple"),
    repeatsToken: flags.includes("multiple_token"),
    type: fields.get("type")?.text ?? "",
    parts: (fields.get("arguments")?.items ?? []).map(argumentOf),
  };
}

/** RESP2 has names and values in turn, and so has a map here. */
function fieldsOf({ items }: Tree): [string, Tree][] {
  const found: [string, Tree][] = [];
  for (let i = 0; i + 1 < items.length; i += 2) {
    const [name, value] = [items[i], items[i + 1]];
    if (name !== undefined && value !== undefined) found.push([name.text, value]);
  }
  return found;
}

function argumentText(arg: DocArgument): string {
  const { token, isOptional, isMultiple, repeatsToken, type } = arg;
  const shownToken = token === "" ? '""' : token;
  const value = type === "pure-token" ? "" : valueText(arg);
  const one = [shownToken, value].filter((part) => part !== undefined && part !== "").join(" ");
  if (arg.isAgain === true) return `[${one} ...]`;
  const again = repeatsToken || token === undefined ? one : value;
  const text = isMultiple ? `${one} [${again} ...]` : one;
  return isOptional ? `[${text}]` : text;
}

function valueText({ type, name, parts, isOptional, token }: DocArgument): string {
  if (type === "block") return syntaxText(parts);
  if (type !== "oneof") return name;
  const text = parts.map(argumentText).join(" | ");
  return isOptional && token === undefined ? text : `<${text}>`;
}
