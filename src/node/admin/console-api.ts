// POST /v1/commands: runs one command, given as a JSON array of strings and `{ "base64": "..." }`,
// and answers with its reply as JSON. Commands about a lasting connection are refused: each request
// has a connection of its own.

import { base64Bytes } from "../../base/base64.ts";
import type { Word } from "../../protocol/resp/command-bytes.ts";
import { ReplyError } from "../../protocol/resp/reply-parser.ts";
import { json, problem } from "./admin-response.ts";
import type { DoorConnection } from "./command-door.ts";
import { errorResponse, jsonOf } from "./reply-json.ts";

const forConnections: ReadonlySet<string> = new Set([
  ...["subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe"],
  ...["monitor", "psync", "sync", "replconf", "quit", "reset", "hello", "auth", "join"],
]);

export async function runCommand(door: DoorConnection, body: Uint8Array): Promise<Response> {
  const command = commandIn(body);
  if (command === null) {
    return problem(400, 'a command is a JSON array of strings and { "base64": "..." }');
  }
  const [name, second] = command.map((word) =>
    typeof word === "string" ? word.toLowerCase() : "",
  );
  if (forConnections.has(name) || (name === "client" && second === "reply")) {
    return problem(400, `${name} is for connections that stay`);
  }
  const reply = await door.run(...command);
  if (reply instanceof ReplyError) return errorResponse(reply);
  return json(200, { reply: jsonOf(reply) });
}

function commandIn(body: Uint8Array): Word[] | null {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null; // the caller says what is wanted
  }
  if (!Array.isArray(value) || typeof value[0] !== "string") return null;
  const command = value.map(argumentOf);
  return command.includes(null) ? null : (command as Word[]);
}

function argumentOf(value: unknown): Word | null {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value !== "object" || value === null || !("base64" in value)) return null;
  const { base64 } = value;
  const bytes = typeof base64 === "string" ? base64Bytes(base64) : null;
  return bytes === null ? null : Uint8Array.from(bytes);
}
