// Scripts and functions as plain data: what the context of a handler tells of them. script/ and
// function/ make them.

/** What a script promises, and what it wants to be allowed. */
export interface ScriptFlags {
  /** It has no such line, so the checks of Redis before version 7 apply. */
  readonly isPlain: boolean;
  readonly noWrites: boolean;
  readonly allowOom: boolean;
  readonly allowStale: boolean;
  /** Where the code begins: the line's end stays, so that errors name the right line. */
  readonly codeStart: number;
}

/** What a VM can run. */
export interface Runnable {
  /** How errors name it: a script by its SHA1, in lower-case digits; a function by its name. */
  readonly sha: string;
  readonly flags: ScriptFlags;
  /** Whether it may run for long: otherwise it need not be one that can be suspended, 150 ns. */
  readonly mayLoop: boolean;
  /** Its function in the registry of the VM with this number. */
  reference: number;
  vm: number;
}

/** A script that could be compiled. */
export interface Script extends Runnable {
  readonly shaBytes: Uint8Array;
  readonly text: Uint8Array;
  /** The number of the same as code of ours (native/native-scripts.ts); -1: there is none. */
  readonly program: number;
  /** Every data thread may run it; else only the control thread. */
  readonly runsAnywhere: boolean;
  /** Whether SCRIPT LOAD has brought it: then only SCRIPT FLUSH removes it. */
  isLoaded: boolean;
}

export interface LibraryFunction extends Runnable {
  readonly description: Uint8Array | null;
  /** The flags that it has stated, in Redis's order. */
  readonly stated: readonly string[];
  readonly library: Library;
}

export interface Library {
  readonly name: string;
  readonly text: Uint8Array;
  readonly codeStart: number;
  readonly functions: readonly LibraryFunction[];
}
