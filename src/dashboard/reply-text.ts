// Replies as the console shows them, in the manner of redis-cli: (integer) 1, "text", 1) 2) for a
// list. A text of several lines, as INFO's, is shown as it is. Pure.

import type { Json } from "../node/admin/observations.ts";
import { bytesOf, lineOf } from "./key-bytes.ts";

export function replyText(reply: Json, indent = ""): string {
  if (reply === null) return "(nil)";
  if (typeof reply === "number") return `(integer) ${reply}`;
  if (typeof reply === "boolean") return `(${reply})`;
  if (typeof reply === "string") return stringText(reply);
  if (Array.isArray(reply)) return listText(reply as readonly Json[], indent);
  if ("base64" in reply) return `"${lineOf(bytesOf(reply))}"`;
  if ("error" in reply) return `(error) ${String(reply.error)}`;
  return mapText(reply as Readonly<Record<string, Json>>, indent);
}

function stringText(text: string): string {
  if (text === "OK" || text === "PONG") return text;
  if (text.includes("\n")) return text.trimEnd();
  return `"${lineOf(bytesOf(text)).replaceAll('"', '\\"')}"`;
}

function listText(items: readonly Json[], indent: string): string {
  if (items.length === 0) return "(empty array)";
  const width = String(items.length).length;
  return items
    .map((item, index) => {
      const mark = `${String(index + 1).padStart(width)}) `;
      return mark + replyText(item, indent + " ".repeat(mark.length));
    })
    .join(`\n${indent}`);
}

function mapText(map: Readonly<Record<string, Json>>, indent: string): string {
  const entries = Object.entries(map);
  if (entries.length === 0) return "(empty hash)";
  return entries
    .map(([name, value]) => {
      const isNested = typeof value === "object" && value !== null && !("base64" in value);
      const inner = `${indent}   `;
      return `${name} => ${isNested ? `\n${inner}` : ""}${replyText(value, inner)}`;
    })
    .join(`\n${indent}`);
}
