// The kinds of replies to the client's commands, and the JavaScript values that they become. Each
// shape accepts only its own kind: a reply of another kind is a ProtocolError, never a value of the
// wrong type.

import type { Address } from "../../base/address.ts";
import type { Reply } from "../../protocol/resp/reply-parser.ts";
import type { Shape } from "./client-request.ts";

/** A value as a string, or null. */
export const textOrNull: Shape<string | null> = {
  expected: "a value or null",
  asBytes: false,
  read: (reply) => (typeof reply === "string" || reply === null ? reply : undefined),
};

/** A value as bytes, or null. */
export const bytesOrNull: Shape<Uint8Array | null> = {
  expected: "a value or null",
  asBytes: true,
  read: (reply) => (reply instanceof Uint8Array || reply === null ? reply : undefined),
};

/** A status or a string. */
export const text: Shape<string> = {
  expected: "text",
  asBytes: false,
  read: (reply) => (typeof reply === "string" ? reply : undefined),
};

/** OK, or null if a condition was not met. */
export const stored: Shape<boolean> = {
  expected: "OK or null",
  asBytes: false,
  read: (reply) => (reply === "OK" ? true : reply === null ? false : undefined),
};

/** 1 or 0. */
export const truth: Shape<boolean> = {
  expected: "0 or 1",
  asBytes: false,
  read: (reply) => (reply === 1 ? true : reply === 0 ? false : undefined),
};

/** An exact count. */
export const count: Shape<number> = {
  expected: "a whole number",
  asBytes: false,
  read: (reply) => (typeof reply === "number" ? reply : undefined),
};

/** Any integer; those beyond 2^53 - 1 as bigint. */
export const integer: Shape<number | bigint> = {
  expected: "a whole number",
  asBytes: false,
  read: (reply) => (typeof reply === "number" || typeof reply === "bigint" ? reply : undefined),
};

/** The reply to PTTL: -2 for a missing key, -1 for a key that does not expire. */
export const timeLeft: Shape<number | null> = {
  expected: "a time in milliseconds",
  asBytes: false,
  read(reply) {
    if (typeof reply !== "number" || reply < -2) return undefined;
    if (reply === -2) return null;
    return reply === -1 ? Number.POSITIVE_INFINITY : reply;
  },
};

/** A list with one value for each key. */
export type ManyShape<T> = Shape<T[]>;

/** One value for each key, as strings. */
export const texts: ManyShape<string | null> = {
  expected: "an array of values",
  asBytes: false,
  read: (reply) => (isArrayOf(reply, textOrNull) ? reply : undefined),
};

/** One value for each key, as bytes. */
export const byteArrays: ManyShape<Uint8Array | null> = {
  expected: "an array of values",
  asBytes: true,
  read: (reply) => (isArrayOf(reply, bytesOrNull) ? reply : undefined),
};

/** The reply to HELLO: whether the node says that it is a leader, or that it is no node at all. */
export const greeting: Shape<{ readonly isLeader: boolean; readonly isSentinel: boolean }> = {
  expected: "a map",
  asBytes: false,
  read: (reply) =>
    reply instanceof Map && reply.get("proto") === 3
      ? { isLeader: reply.get("role") === "master", isSentinel: reply.get("mode") === "sentinel" }
      : undefined,
};

/** The role of a node: "leader", or the address of the node that it follows. */
export type Role = "leader" | Address;

/** The reply to ROLE: [master, offset, followers] or [slave, host, port, state, offset]. */
export const role: Shape<Role> = {
  expected: "a role",
  asBytes: false,
  read(reply) {
    if (!Array.isArray(reply)) return undefined;
    if (reply[0] === "master") return "leader";
    const [kind, host, port] = reply;
    if (kind !== "slave" || typeof host !== "string" || typeof port !== "number") return undefined;
    return { host, port };
  },
};

// --- internal ---

/** Whether the shape accepts every element. The elements are not converted. */
function isArrayOf<T extends Reply>(reply: Reply, element: Shape<T>): reply is T[] {
  return Array.isArray(reply) && reply.every((item) => element.read(item) !== undefined);
}
