// A user as plain data, which threads post to each other and files hold as rules. Names and
// patterns are text with one character per byte. user.ts and selector.ts change it by rules.
// Invariant: the first selector is the user's own, and is always there.

export interface Selector {
  allKeys: boolean;
  allChannels: boolean;
  /** +@all, and no command was taken away since. */
  allCommands: boolean;
  /** +@all, and no -@all since: commands that are absent today are meant too. */
  futureCommands: boolean;
  /** 1 at the number of each allowed command (command-names.ts). */
  commands: Uint8Array;
  /** First arguments with which a command is allowed that is not allowed otherwise, by number. */
  firstArguments: Map<number, string[]>;
  /** Patterns, each with bits of keyAccess. */
  keys: Map<string, number>;
  channels: Set<string>;
}

export interface User {
  readonly name: string;
  isOn: boolean;
  /** Any password logs it in (nopass). */
  isOpen: boolean;
  /** Whether RESTORE checks its payloads. Ours always does; the words are only kept. */
  payloads: "" | "skip-sanitize-payload" | "sanitize-payload";
  /** Hashes in lower-case hexadecimal digits. */
  passwords: string[];
  selectors: Selector[];
}
