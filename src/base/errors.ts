// The errors of the server: error replies as constants encoded once, protocol violations,
// configuration mistakes, and the handling of programmer errors. Peer and socket failures have no
// class: they are logged once where they happen. The client's own error classes are in
// client/client-errors.ts.

import { latin1Bytes } from "./bytes.ts";
import { keyBytesMax } from "./limits.ts";
import { formatLine, type LogFormat } from "./log-line.ts";
import { writeLine } from "./stderr.ts";

const encoder = new TextEncoder();

/**
 * An error reply. `code` is the first word on the wire, which clients test; `bytes` is the whole
 * RESP line, encoded once.
 */
export class ErrorReply {
  readonly code: string;
  readonly text: string;
  readonly bytes: Uint8Array;

  constructor(code: string, text: string, line = text === "" ? code : `${code} ${text}`) {
    this.code = code;
    this.text = text;
    this.bytes = encode(`-${singleLine(line)}\r\n`);
  }
}

/**
 * A text that echoes a client's bytes has one character per byte, and must give the same bytes
 * back.
 */
function encode(text: string): Uint8Array {
  return /[\u0100-\uffff]/.test(text) ? encoder.encode(text) : latin1Bytes(text);
}

/**
 * Line breaks in an echoed argument would end the reply early and forge the next one. Trailing ones
 * are dropped, as in Redis.
 */
function singleLine(text: string): string {
  let { length } = text;
  while (length > 0 && (text[length - 1] === "\r" || text[length - 1] === "\n")) length--;
  return text.slice(0, length).replace(/[\r\n]/g, " ");
}

/** An `ERR` reply, for texts known at load. */
export function errorReply(text: string): ErrorReply {
  return new ErrorReply("ERR", text);
}

// ---- replies that several commands share; the texts are Redis 7.0's -----------------------------

export const syntaxError = errorReply("syntax error");
export const notAnInteger = errorReply("value is not an integer or out of range");
export const notAnInt32 = errorReply(
  "value is out of range, value must between -2147483648 and 2147483647",
);
export const notAFloat = errorReply("value is not a valid float");
export const overflow = errorReply("increment or decrement would overflow");
export const noSuchKey = errorReply("no such key");
export const patternTooComplex = errorReply("pattern is too long or too complex");
export const keyTooLong = errorReply(`key is longer than ${keyBytesMax} bytes`);
export const valueTooLarge = errorReply(
  "value is larger than this cache accepts (--max-value-size, or a quarter of --max-memory)",
);
export const stringTooLong = errorReply("string exceeds maximum allowed size (proto-max-bulk-len)");
export const outOfMemory = new ErrorReply(
  "OOM",
  "command not allowed when used memory > 'maxmemory'.",
);
export const readOnly = new ErrorReply("READONLY", "You can't write against a read only replica.");

/** Refuses a write on a follower: Redis's words, then the leader's address if it is known. */
export function readOnlyUnder(leaderAddress: string): ErrorReply {
  if (leaderAddress === "") return readOnly;
  return new ErrorReply(readOnly.code, `${readOnly.text} Its leader is ${leaderAddress}.`);
}

export const leaderGone = new ErrorReply(
  "MASTERDOWN",
  "Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
);
export const tooFewFollowers = new ErrorReply("NOREPLICAS", "Not enough good replicas to write.");
export const unblocked = new ErrorReply("UNBLOCKED", "client unblocked via CLIENT UNBLOCK");
export const unblockedByRole = new ErrorReply(
  "UNBLOCKED",
  "force unblock from blocking operation, instance state changed (master -> replica?)",
);
/** While a script takes too long; of Redis, where a function is a script, and a script an EVAL. */
export const busyFunction = new ErrorReply("BUSY", busyText("FUNCTION KILL"));
export const busyScript = new ErrorReply("BUSY", busyText("SCRIPT KILL"));

function busyText(way: string): string {
  return `Redis is busy running a script. You can only call ${way} or SHUTDOWN NOSAVE.`;
}

export const loading = new ErrorReply("LOADING", "Redis is loading the dataset in memory");
export const noAuth = new ErrorReply("NOAUTH", "Authentication required.");
export const wrongPass = new ErrorReply(
  "WRONGPASS",
  "invalid username-password pair or user is disabled.",
);
export const noProto = new ErrorReply("NOPROTO", "unsupported protocol version");

/**
 * Bytes that break a protocol's framing: the client gets the text, then its connection is closed.
 */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/**
 * A mistake in flags, environment or configuration file. The message is one sentence for the
 * operator.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The leader sent what this node cannot follow: its link ends, and a full sync may follow. */
export class SyncError extends Error {
  override readonly name = "SyncError";
}

/** States what must hold. A failure is a programmer error: a fault of the node. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/**
 * Receives an error in our own code and where it occurred. Returns only if the process lives on.
 */
export type Fault = (error: unknown, where: string) => void;

/** Runs work that nobody awaits: an exception or a rejection is a fault. */
export function attempt(fault: Fault, where: string, work: () => void | Promise<void>): void {
  try {
    work()?.catch((error) => fault(error, where));
  } catch (error) {
    fault(error, where);
  }
}

/**
 * Writes one line and aborts the process. For an unexpected exception while a lock may be held: Bun
 * would otherwise pass it to an event handler and leave the process alive with the lock taken.
 */
export function fatal(error: unknown, where: string, format: LogFormat = "text"): never {
  try {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const message = `fatal error in ${where}: ${text}`;
    const isJson = format === "json";
    const fields = { event: "fault", where } as const;
    const line = isJson ? formatLine(format, "error", message, fields) : `mscache: ${message}\n`;
    writeLine(line, format);
  } finally {
    // Even if the line could not be written: half a node must not live on.
    process.kill(process.pid, "SIGABRT");
  }
  throw error;
}
