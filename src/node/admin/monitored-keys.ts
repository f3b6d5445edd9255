// The keys of a line of MONITOR: its database, and the arguments that the command's row says are
// keys. It undoes the quoting of terms/monitor-line.ts. Beyond the first few, the keys of a command
// are left out.

import { unescaped } from "../../base/redis-quotes.ts";
import { find } from "../../command/table.ts";
import { Request } from "../../protocol/request.ts";

export interface MonitoredKeys {
  readonly database: number;
  /** A character for each byte. */
  readonly keys: readonly string[];
}

const keysMax = 16;
const argumentsMax = 64;

const head = /^[\d.]+ \[(\d+) .*?\](?= ")/;
/** Where the last one ended, as Redis quotes. */
const argument = / "((?:[^"\\]|\\.)*)"/y;

export function monitoredKeys(line: string): MonitoredKeys | null {
  const [start, database] = head.exec(line) ?? [];
  if (start === undefined) return null;
  const args = argumentsOf(line, start.length);
  if (args.length === 0) return null;
  const request = requestOf(args);
  const command = find(request);
  if (command === undefined) return null;
  const end = command.keyArguments(request);
  const keys: string[] = [];
  for (let at = command.nextKey(0, end); at !== 0; at = command.nextKey(at, end)) {
    if (keys.length < keysMax) keys.push(args[at]);
  }
  return keys.length === 0 ? null : { database: Number(database), keys };
}

function requestOf(args: readonly string[]): Request {
  const request = new Request();
  request.buf = Buffer.from(args.join(""), "latin1");
  let at = 0;
  for (const { length } of args) {
    request.push(at, at + length);
    at += length;
  }
  return request;
}

function argumentsOf(line: string, from: number): string[] {
  const found: string[] = [];
  argument.lastIndex = from;
  while (found.length < argumentsMax) {
    const [, quoted] = argument.exec(line) ?? [];
    if (quoted === undefined) break;
    found.push(quoted.includes("\\") ? unescaped(quoted) : quoted);
  }
  argument.lastIndex = 0;
  return found;
}
