// Replies of commands as HTTP tells them: values as JSON, and the status of each error. Bytes that
// are no UTF-8 become `{ "base64": "..." }`, integers beyond 2^53 strings. It runs nothing.

import { leaderGone, tooFewFollowers } from "../../base/errors.ts";
import { PushReply, type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import { problem } from "./admin-response.ts";
import type { Json } from "./observations.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function jsonOf(reply: Reply): Json {
  if (reply instanceof Uint8Array) return textOf(reply);
  if (typeof reply === "bigint") return String(reply);
  if (typeof reply === "number") return Number.isFinite(reply) ? reply : String(reply);
  if (reply instanceof ReplyError) return { error: reply.text };
  if (reply instanceof PushReply) return reply.items.map(jsonOf);
  if (reply instanceof Set) return [...reply].map(jsonOf);
  if (Array.isArray(reply)) return reply.map(jsonOf);
  if (reply instanceof Map) {
    const pairs = [...reply].map(([key, value]) => [jsonOf(key), jsonOf(value)] as const);
    return Object.fromEntries(pairs.map(([key, value]) => [nameOf(key), value]));
  }
  return reply;
}

function nameOf(key: Json): string {
  return typeof key === "string" ? key : JSON.stringify(key);
}

export function textOf(bytes: Uint8Array): string | { base64: string } {
  try {
    return utf8.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") }; // it is no text
  }
}

/** By the first word of the error; any other is 400: the request asked for what cannot be. */
const statuses: Readonly<Record<string, number>> = {
  NOAUTH: 401,
  WRONGPASS: 401,
  NOPERM: 403,
  EXECABORT: 409,
  WRONGTYPE: 409,
  READONLY: 421, // the text names the leader
  BUSY: 503,
  LOADING: 503,
  [leaderGone.code]: 503,
  [tooFewFollowers.code]: 503,
  OOM: 507,
};

export function errorResponse({ code, text }: ReplyError): Response {
  const status = statuses[code] ?? 400;
  return problem(status, text, status === 503 ? { "Retry-After": "1" } : {});
}
