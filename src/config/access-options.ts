// The options that say who may reach a node besides those who have its password, as rows of the
// table in options.ts. Names and defaults are Redis's where Redis has them.

import { ConfigError } from "../base/errors.ts";
import { unixPathBytesMax } from "../base/limits.ts";
import type { Option } from "./option.ts";
import { type DebugAccess, debugAccesses, parseWord } from "./values.ts";

export interface AccessConfig {
  readonly protectedMode: boolean;
  readonly unixSocket: string;
  readonly unixSocketPerm: number;
  readonly debugCommand: DebugAccess;
}

export const accessOptions: { readonly [Key in keyof AccessConfig]: Option<AccessConfig[Key]> } = {
  protectedMode: {
    name: "protected-mode",
    environment: "MSCACHE_PROTECTED_MODE",
    group: "Security",
    hint: "yes|no",
    default: "yes",
    doc: "Whether a node without a password refuses connections from other machines.",
    change: "applies",
    parse: (text) => parseWord(text, ["yes", "no"]) === "yes",
    format: (isProtected) => (isProtected ? "yes" : "no"),
    redis: [{ name: "protected-mode" }],
  },
  unixSocket: {
    name: "unix-socket",
    environment: "MSCACHE_UNIX_SOCKET",
    group: "Network",
    hint: "PATH",
    default: "",
    doc: "Unix socket to listen on as well.",
    change: "restart",
    parse: parseUnixPath,
    format: (path) => path,
    redis: [{ name: "unixsocket" }],
  },
  unixSocketPerm: {
    name: "unix-socket-perm",
    environment: "MSCACHE_UNIX_SOCKET_PERM",
    group: "Network",
    hint: "MODE",
    default: "0",
    doc: "Permissions of the Unix socket in octal, such as 700; 0 leaves them to the umask.",
    change: "restart",
    parse: parseMode,
    format: (mode) => mode.toString(8),
    redis: [{ name: "unixsocketperm" }],
  },
  debugCommand: {
    name: "enable-debug-command",
    environment: "MSCACHE_ENABLE_DEBUG_COMMAND",
    group: "Security",
    hint: debugAccesses.join("|"),
    default: "no",
    doc: "Whether clients may use DEBUG, or only those of this machine (`local`); it can hold up the node.",
    change: "restart",
    parse: (text) => parseWord(text, debugAccesses),
    format: (access) => access,
    redis: [{ name: "enable-debug-command" }],
  },
};

function parseUnixPath(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (text.includes("\0")) throw new ConfigError("a path cannot contain a zero byte");
  if (bytes <= unixPathBytesMax) return text;
  throw new ConfigError(
    `"${text}" has ${bytes} bytes; a Unix socket can have ${unixPathBytesMax} in its path`,
  );
}

function parseMode(text: string): number {
  const mode = /^[0-7]+$/.test(text.trim()) ? Number.parseInt(text, 8) : Number.NaN;
  if (mode <= 0o777) return mode;
  throw new ConfigError(`"${text}" is not a mode in octal, as in 700`);
}
