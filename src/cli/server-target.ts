// Where a subcommand that speaks to a server itself connects: the place, TLS, the login and the
// database, from the flags that all of these subcommands have. It opens nothing.

import { parseAddress } from "../base/address.ts";
import { ConfigError } from "../base/errors.ts";
import { isServerUrl, type Place, parseDatabase, parseServerUrl } from "../base/place.ts";
import { resolveTls } from "../client/link/client-tls.ts";
import { textOf } from "./argument-check.ts";
import { passwordBeside } from "./node-client.ts";
import type { Login } from "./prompt/prompt-session.ts";
import { bytesText } from "./prompt/redis-line.ts";
import type { Target } from "./prompt/reply-wire.ts";
import { tlsOf } from "./tls-arguments.ts";

export interface ServerTarget {
  readonly target: Target;
  readonly login: Login | null;
  readonly database: number;
}

/** The arguments as citty has them. Throws a ConfigError. */
export function serverTarget(args: Readonly<Record<string, unknown>>): ServerTarget {
  const addr = String(args.addr);
  const url = isServerUrl(addr) ? parseServerUrl(addr) : null;
  const { host, port, unixPath }: Place = url ?? parseAddress(addr, "127.0.0.1");
  const place = unixPath === undefined ? { host, port } : { host, port, unixPath };
  const tls = resolveTls(tlsOf({ ...args, addr }), url?.isTls ?? false, [place]);
  const password = textOf(args.password) ?? passwordBeside(addr) ?? url?.password;
  const user = textOf(args.user) ?? url?.username;
  if (user !== undefined && password === undefined) {
    throw new ConfigError("--user needs a password");
  }
  const db = textOf(args.db);
  return {
    target: { ...place, ...(tls && { tls }) },
    login: password === undefined ? null : loginOf(user, password),
    database: db === undefined ? (url?.database ?? 0) : parseDatabase(db),
  };
}

/** As the session sends it: one character a byte. */
function loginOf(user: string | undefined, password: string): Login {
  const secret = { password: bytesText(password) };
  return user === undefined ? secret : { user: bytesText(user), ...secret };
}
