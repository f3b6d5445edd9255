// Keys by HTTP: /v1/keys/{key} with GET, HEAD, PUT and DELETE, and /v1/keys for SCAN. The body is
// the value, `MSCache-TTL` its time to live in seconds, and the ETag the digest of the value that
// DIGEST tells; so the conditions of HTTP are those of SET and DELEX, and as atomic.

import type { Word } from "../../protocol/resp/command-bytes.ts";
import { type Reply, ReplyError } from "../../protocol/resp/reply-parser.ts";
import { answer, json, notAllowed, problem } from "./admin-response.ts";
import type { DoorConnection } from "./command-door.ts";
import { errorResponse, jsonOf } from "./reply-json.ts";

const ttlHeader = "MSCache-TTL";

/** What a request says of one key. */
export interface KeyRequest {
  readonly method: string;
  readonly headers: Headers;
  readonly key: Uint8Array;
  /** The value of PUT. */
  readonly body: Uint8Array;
}

export async function answerKey(door: DoorConnection, request: KeyRequest): Promise<Response> {
  switch (request.method) {
    case "GET":
    case "HEAD":
      return read(door, request);
    case "PUT":
      return write(door, request);
    case "DELETE":
      return remove(door, request);
    default:
      return notAllowed("GET, HEAD, PUT, DELETE");
  }
}

// ---- reading ------------------------------------------------------------------------------------

async function read(door: DoorConnection, { key, headers }: KeyRequest): Promise<Response> {
  const [value, ttl] = await door.runAll([
    ["GET", key],
    ["PTTL", key],
  ]);
  if (value instanceof ReplyError) return errorResponse(value);
  if (!(value instanceof Uint8Array)) return problem(404, "there is no such key");
  const tag = tagOf(value);
  const more = { ETag: tag, ...(typeof ttl === "number" && ttl >= 0 && ttlOf(ttl)) };
  const unless = headers.get("if-none-match");
  if (unless !== null && matches(unless, tag)) return answer(304, "", null, more);
  const only = headers.get("if-match");
  if (only !== null && !matches(only, tag)) return problem(412, "the value is another one", more);
  return answer(200, "application/octet-stream", new Uint8Array(value), more);
}

function ttlOf(ms: number): Record<string, string> {
  return { [ttlHeader]: String(ms / 1000) };
}

/** As DIGEST tells it. */
function tagOf(value: Uint8Array): string {
  return `"${Bun.hash.xxHash3(value).toString(16).padStart(16, "0")}"`;
}

function matches(list: string, tag: string): boolean {
  return list.trim() === "*" || list.split(",").some((each) => each.trim() === tag);
}

// ---- writing ------------------------------------------------------------------------------------

async function write(door: DoorConnection, request: KeyRequest): Promise<Response> {
  const { key, body, headers } = request;
  const ttl = ttlArguments(headers.get(ttlHeader));
  const condition = conditionOf(headers);
  if (ttl === null) return problem(400, `${ttlHeader} is seconds above 0, or keep`);
  if (condition === null) return problem(400, "one ETag or * is possible, in one condition");
  // Whether it was there before decides between 201 and 204, and nothing else.
  const [before, reply] = await door.runAll([
    ["EXISTS", key],
    ["SET", key, body, ...ttl, ...condition],
  ]);
  if (reply instanceof ReplyError) return errorResponse(reply);
  if (reply === null) return problem(412, "the condition is not met");
  return answer(before === 0 ? 201 : 204, "", null, { ETag: tagOf(body) });
}

function ttlArguments(header: string | null): readonly string[] | null {
  if (header === null) return [];
  if (header.trim().toLowerCase() === "keep") return ["KEEPTTL"];
  const ms = /^\d{1,12}(\.\d+)?$/.test(header.trim()) ? Math.round(Number(header) * 1000) : 0;
  return ms > 0 ? ["PX", String(ms)] : null;
}

const strongTag = /^"([0-9a-f]{16})"$/;

/** The condition as SET knows it; null: it cannot be expressed. */
function conditionOf(headers: Headers): readonly string[] | null {
  const only = headers.get("if-match")?.trim();
  const unless = headers.get("if-none-match")?.trim();
  if (only !== undefined && unless !== undefined) return null;
  if (only === "*") return ["XX"];
  if (unless === "*") return ["NX"];
  const [, digest] = strongTag.exec(only ?? unless ?? "") ?? [];
  if (digest !== undefined) return [only === undefined ? "IFDNE" : "IFDEQ", digest];
  return only === undefined && unless === undefined ? [] : null;
}

async function remove(door: DoorConnection, { key, headers }: KeyRequest): Promise<Response> {
  const only = headers.get("if-match")?.trim();
  const [, digest] = strongTag.exec(only ?? "") ?? [];
  const isPlain = only === undefined || only === "*";
  if (!isPlain && digest === undefined) return problem(400, "If-Match takes one ETag or * here");
  const command: Word[] = isPlain ? ["DEL", key] : ["DELEX", key, "IFDEQ", digest ?? ""];
  const reply = await door.run(...command);
  if (reply instanceof ReplyError) return errorResponse(reply);
  if (reply === 1) return answer(204, "", null);
  return isPlain ? problem(404, "there is no such key") : problem(412, "the value is another one");
}

// ---- listing ------------------------------------------------------------------------------------

/** SCAN: a cursor to go on with ("0": that was all), and the keys of this step. */
export async function listKeys(door: DoorConnection, query: URLSearchParams): Promise<Response> {
  const match = query.get("match");
  const count = query.get("count") ?? "100";
  const rest = match === null ? [] : ["MATCH", match];
  const reply = await door.run("SCAN", query.get("cursor") ?? "0", ...rest, "COUNT", count);
  if (reply instanceof ReplyError) return errorResponse(reply);
  const [cursor, keys] = reply as [Reply, Reply];
  return json(200, { cursor: jsonOf(cursor), keys: jsonOf(keys) });
}

/** The bytes of a key in a path; null if an escape is broken. */
export function keyIn(encoded: string): Uint8Array | null {
  const parts: number[] = [];
  for (let i = 0; i < encoded.length; i++) {
    if (encoded[i] !== "%") {
      parts.push(encoded.charCodeAt(i)); // a path of a URL is ASCII
      continue;
    }
    const digits = encoded.slice(i + 1, i + 3);
    if (!/^[0-9a-f]{2}$/i.test(digits)) return null;
    parts.push(Number.parseInt(digits, 16));
    i += 2;
  }
  return Uint8Array.from(parts);
}
