// The libraries of a node and the VM that runs their functions: one for a node; with several data
// threads it belongs to the control thread. Nothing is compiled before the first library. A VM in
// doubt is replaced, and each library is loaded anew by the next call: what its functions kept in
// variables of the library is then lost.
// Invariant: what is in the catalogue was loaded once without an error.

import { type ErrorReply, errorReply } from "../../base/errors.ts";
import { scriptBytesMax } from "../../base/limits.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ErrorCounts } from "../core/command-statistics.ts";
import type { Context, Ending, NodeLibraries } from "../core/context.ts";
import type { Library, LibraryFunction } from "../core/script-record.ts";
import { firstKey, refusalOf } from "../script/scripts.ts";
import { flagsOf, knownFlags } from "../script/shebang.ts";
import { SpentMemory } from "../script/spent-memory.ts";
import type { MachineHost } from "../script/vm/machine.ts";
import type { RunningScript } from "../terms/late-reply.ts";
import { Catalogue } from "./catalogue.ts";
import { FunctionMachine } from "./function-machine.ts";
import { readHeader } from "./library-header.ts";
import type { Registered } from "./registration.ts";

export class Libraries implements NodeLibraries {
  changes: number;
  private catalogue: Catalogue;
  private readonly host: MachineHost;
  private machine: FunctionMachine | null;
  /** The VM of a function that is suspended: perhaps no longer `machine`. */
  private calling: FunctionMachine | null;
  private machines: number;
  private readonly spent: SpentMemory;

  /** By default there is no limit of time, and what functions log is lost. */
  constructor(errors: ErrorCounts, host: Partial<MachineHost> = {}) {
    this.changes = 0;
    this.catalogue = new Catalogue();
    this.host = { errors, timeLimitMs: () => 0, log: () => undefined, ...host };
    this.machine = null;
    this.calling = null;
    this.machines = 0;
    this.spent = new SpentMemory();
  }

  // ---- what is known ---------------------------------------------------------------------------

  all(): readonly Library[] {
    return [...this.catalogue.libraries.values()];
  }

  texts(): readonly Uint8Array[] {
    return this.all().map(({ text }) => text);
  }

  find(name: string): LibraryFunction | undefined {
    return this.catalogue.find(name);
  }

  get suspended(): RunningScript | null {
    return this.calling?.suspended ?? null;
  }

  get libraryCount(): number {
    return this.catalogue.libraries.size;
  }

  get functionCount(): number {
    return this.catalogue.functions.size;
  }

  get cachedBytes(): number {
    return this.catalogue.bytes;
  }

  /** Bytes that the values in the VM take; 0 without one. */
  get usedBytes(): number {
    return this.machine?.lua.usedBytes ?? 0;
  }

  // ---- changes ---------------------------------------------------------------------------------

  /** Loads a library. Returns its name, or why it cannot be. */
  load(text: Uint8Array, replaces: boolean): string | ErrorReply {
    const library = this.compiled(text, replaces ? null : this.catalogue);
    if (typeof library === "string") return errorReply(library);
    const joined = this.catalogue.joined([library], replaces);
    if (typeof joined === "string") {
      this.drop(library);
      return errorReply(joined);
    }
    this.become(joined);
    return library.name;
  }

  delete(name: string): boolean {
    const library = this.catalogue.libraries.get(name);
    if (library === undefined) return false;
    const rest = new Catalogue(this.catalogue);
    rest.remove(library);
    this.become(rest);
    return true;
  }

  clear(): void {
    this.become(new Catalogue());
  }

  /** Loads all of these libraries, or none; null, or why not. */
  restore(texts: readonly Uint8Array[], policy: "flush" | "append" | "replace"): ErrorReply | null {
    const loaded: Library[] = [];
    let problem = "";
    for (const text of texts) {
      const library = this.compiled(text, null);
      if (typeof library === "string") {
        problem = library;
        break;
      }
      loaded.push(library);
    }
    const before = policy === "flush" ? new Catalogue() : this.catalogue;
    const joined = problem === "" ? before.joined(loaded, policy === "replace") : problem;
    if (typeof joined !== "string") {
      this.become(joined);
      return null;
    }
    for (const library of loaded) this.drop(library);
    return errorReply(joined);
  }

  replaceAll(texts: readonly Uint8Array[]): readonly string[] {
    const problems: string[] = [];
    this.clear();
    for (const text of texts) {
      const outcome = this.load(text, false);
      if (typeof outcome !== "string") problems.push(outcome.text);
    }
    return problems;
  }

  private become(catalogue: Catalogue): void {
    for (const library of this.catalogue.libraries.values()) {
      if (catalogue.libraries.get(library.name) !== library) this.drop(library);
    }
    this.catalogue = catalogue;
    this.changes++;
    if (catalogue.libraries.size === 0) this.machine = null; // its memory goes with it
  }

  private drop(library: Library): void {
    for (const { vm, reference } of library.functions) {
      if (vm === this.machine?.number) this.machine.drop(reference);
    }
  }

  /** A library of this text, of another name than those of `others`; or what is wrong with it. */
  private compiled(text: Uint8Array, others: Catalogue | null): Library | string {
    if (text.length > scriptBytesMax) return `a library is at most ${scriptBytesMax} bytes long`;
    const header = readHeader(text);
    if (typeof header === "string") return header;
    const { name, codeStart } = header;
    if (others?.libraries.has(name)) return `Library '${name}' already exists`;
    const machine = this.ready();
    const found = machine.load(text.subarray(codeStart));
    if (machine.isSpent) this.replaceMachine();
    if (typeof found === "string") return found;
    if (found.size === 0) return "No functions registered";
    return libraryOf(name, text.slice(), codeStart, found, machine.number);
  }

  // ---- calls -----------------------------------------------------------------------------------

  run(
    x: Context,
    called: LibraryFunction,
    request: Request,
    keyCount: number,
    isReadOnly: boolean,
    reply: Reply,
  ): Ending {
    const refusal = refusalOf(x, called, request, isReadOnly);
    if (refusal !== null) return reply.error(refusal);
    const machine = this.ready();
    const problem = called.vm === machine.number ? "" : reload(machine, called.library);
    if (problem !== "") return reply.error(errorReply(problem));
    const outcome = machine.run(x, called, request, firstKey, keyCount, isReadOnly, reply);
    if (outcome !== undefined) {
      this.calling = machine;
      return outcome.finally(() => this.inspect(machine));
    }
    this.inspect(machine);
  }

  private inspect(machine: FunctionMachine): void {
    // Within EXEC, its next call may have been suspended before this.
    if (machine.suspended === null) this.calling = null;
    if (machine === this.machine && machine.isSpent) this.replaceMachine();
  }

  private replaceMachine(): void {
    this.machine = null;
    this.spent.release();
  }

  private ready(): FunctionMachine {
    // The leader may send a library while a function is suspended, whose VM cannot load it.
    const lua = this.machine?.lua;
    if (lua?.isSuspended === true || lua?.isBroken === true) this.machine = null;
    this.machine ??= new FunctionMachine(++this.machines, this.host);
    return this.machine;
  }
}

function libraryOf(
  name: string,
  text: Uint8Array,
  codeStart: number,
  found: ReadonlyMap<string, Registered>,
  vm: number,
): Library {
  const functions: LibraryFunction[] = [];
  const library = { name, text, codeStart, functions };
  for (const { name: sha, description, flags, reference } of found.values()) {
    const stated = knownFlags.filter((flag) => flags.has(flag));
    const known = { sha, description, stated, flags: flagsOf(flags, 0), mayLoop: true };
    functions.push({ ...known, library, reference, vm });
  }
  return library;
}

/** Loads a library into a VM that does not have it. Returns why that is not possible, or "". */
function reload(machine: FunctionMachine, { text, codeStart, functions }: Library): string {
  const found = machine.load(text.subarray(codeStart));
  if (typeof found === "string") return found;
  for (const known of functions) {
    const registered = found.get(known.sha);
    if (registered === undefined) return `Function ${known.sha} is no longer registered`;
    known.reference = registered.reference;
    known.vm = machine.number;
  }
  return "";
}
