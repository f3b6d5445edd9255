// Hints for the command that is being typed: the names that begin with it, or its summary and its
// arguments, from COMMAND LIST and COMMAND DOCS. The console works without them as well.

import type { Json } from "../node/admin/observations.ts";
import { el, setText } from "./dom.ts";
import type { NodeApi } from "./node-api.ts";

interface Argument {
  readonly name: string;
  readonly type: string;
  readonly token?: string;
  readonly flags?: readonly string[];
  readonly arguments?: readonly Argument[];
}

interface Doc {
  readonly summary?: string;
  readonly arguments?: readonly Argument[];
}

const namesShown = 12;

export class CommandHints {
  readonly root = el("p", { class: "footing hint" });
  private readonly api: NodeApi;
  private readonly docs = new Map<string, string>();
  private names: readonly string[] = [];
  private typed = "";

  constructor(api: NodeApi) {
    this.api = api;
  }

  /** Once; a user who may not ask has no hints. */
  async load(): Promise<void> {
    if (this.names.length > 0) return;
    const names = await this.api.command(["COMMAND", "LIST"]).catch(() => []);
    this.names = (names as readonly Json[]).map((name) => String(name)).sort();
  }

  show(line: string): void {
    const [name = ""] = line.trimStart().toLowerCase().split(/\s+/);
    this.typed = name;
    if (name === "") return setText(this.root, "");
    if (this.names.includes(name)) return void this.describe(name);
    const found = this.names.filter((each) => each.startsWith(name));
    const more = found.length > namesShown ? " …" : "";
    setText(this.root, found.slice(0, namesShown).join("  ").toUpperCase() + more);
  }

  /** The line with its command's name completed; null: it is whole, or there are several ways. */
  completed(line: string): string | null {
    const name = line.trimStart().toLowerCase();
    if (name === "" || name.includes(" ") || this.names.includes(name)) return null;
    const found = this.names.filter((each) => each.startsWith(name));
    return found.length === 1 ? `${found[0].toUpperCase()} ` : null;
  }

  private async describe(name: string): Promise<void> {
    const text = this.docs.get(name) ?? (await this.fetch(name));
    this.docs.set(name, text);
    if (this.typed === name) setText(this.root, text);
  }

  private async fetch(name: string): Promise<string> {
    const told = await this.api.command(["COMMAND", "DOCS", name]).catch(() => null);
    const doc = (told as Readonly<Record<string, Doc>> | null)?.[name];
    if (doc === undefined) return "";
    const words = [name.toUpperCase(), ...(doc.arguments ?? []).map(argumentText)];
    return `${words.join(" ")} — ${doc.summary ?? ""}`;
  }
}

function argumentText({ name, type, token, flags = [], arguments: inner = [] }: Argument): string {
  const parts = inner.map(argumentText);
  const value = type === "oneof" ? parts.join(" | ") : type === "block" ? parts.join(" ") : name;
  const isToken = type === "pure-token";
  const told = [token, isToken ? undefined : value].filter((part) => part !== undefined).join(" ");
  const many = flags.includes("multiple") ? `${told} …` : told;
  return flags.includes("optional") ? `[${many}]` : many;
}
