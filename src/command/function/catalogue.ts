// Libraries and their functions by name. A change is made on a copy, which then takes the place of
// the catalogue: so it happens as a whole or not at all. Nothing is compiled here.
// Invariant: each function belongs to one library, and at most librariesMax libraries have at most
// libraryBytesMax bytes.

import { librariesMax, libraryBytesMax } from "../../base/limits.ts";
import type { Library, LibraryFunction } from "../core/script-record.ts";

/** What a library or a function costs beside its text. */
const overheadBytes = 200;

export class Catalogue {
  readonly libraries: Map<string, Library>;
  /** By their names in lower case: as in Redis, that of a function may be written in any case. */
  readonly functions: Map<string, LibraryFunction>;

  constructor(from?: Catalogue) {
    this.libraries = new Map(from?.libraries);
    this.functions = new Map(from?.functions);
  }

  /** Memory, without the VM's. */
  get bytes(): number {
    const { libraries, functions } = this;
    return this.textBytes + (libraries.size + functions.size) * overheadBytes;
  }

  private get textBytes(): number {
    let bytes = 0;
    for (const { text } of this.libraries.values()) bytes += text.length;
    return bytes;
  }

  find(name: string): LibraryFunction | undefined {
    return this.functions.get(name.toLowerCase());
  }

  remove(library: Library): void {
    this.libraries.delete(library.name);
    for (const { sha } of library.functions) this.functions.delete(sha.toLowerCase());
  }

  add(library: Library): void {
    this.libraries.set(library.name, library);
    for (const added of library.functions) {
      const name = added.sha.toLowerCase();
      // Of two that differ in case only, the first is found.
      if (!this.functions.has(name)) this.functions.set(name, added);
    }
  }

  /** This one with these libraries added, or what keeps it from having them. */
  joined(added: readonly Library[], replaces: boolean): Catalogue | string {
    const joined = new Catalogue(this);
    for (const { name } of added) {
      const present = joined.libraries.get(name);
      if (present === undefined) continue;
      if (!replaces) return `Library ${name} already exists`;
      joined.remove(present);
    }
    for (const library of added) {
      const taken = library.functions.find(({ sha }) => joined.find(sha) !== undefined);
      if (taken !== undefined) return `Function ${taken.sha} already exists`;
      if (joined.libraries.has(library.name)) return `Library ${library.name} already exists`;
      joined.add(library);
    }
    if (joined.libraries.size > librariesMax) return `there are at most ${librariesMax} libraries`;
    if (joined.textBytes > libraryBytesMax) {
      return `libraries have at most ${libraryBytesMax} bytes together`;
    }
    return joined;
  }
}
