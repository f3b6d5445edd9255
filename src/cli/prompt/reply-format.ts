// Replies as text, byte for byte as redis-cli 7.0 writes them: "standard" for people, with types
// and quoted values, "raw" for programs, and "json". What that version cannot show is shown too:
// big numbers and attributes; and what a terminal would obey in an error, a status or a report is
// escaped for people, where redis-cli passes it on. Texts have one character a byte.

import { quoted } from "../../base/redis-quotes.ts";
import { shownLines } from "../shown-text.ts";
import type { Tree } from "./reply-tree.ts";

export type Format = "standard" | "raw" | "json";

/**
 * The reply with its line end. With `asText` it is a report for people, such as that of INFO, of
 * which each format shows the lines as they are.
 */
export function formatReply(reply: Tree, format: Format, asText = false): string {
  if (asText) return format === "standard" ? shownLines(raw(reply)) : raw(reply);
  if (format === "standard") return shownLines(standard(reply, ""));
  return `${format === "raw" ? raw(reply) : json(reply)}\n`;
}

/** A push of client tracking has its own form. */
export function formatPush(push: Tree, format: Format): string {
  const [kind, keys] = push.items;
  if (format !== "standard" || kind?.text !== "invalidate" || keys?.type !== "array") {
    return formatReply(push, format);
  }
  return shownLines(`-> invalidate: ${keys.items.map(({ text }) => `'${text}'`).join(", ")}\n`);
}

// --- standard ---

const markers: Readonly<Partial<Record<Tree["type"], string>>> = { set: "~", map: "#" };
const empties: Readonly<Partial<Record<Tree["type"], string>>> = {
  array: "(empty array)",
  map: "(empty hash)",
  set: "(empty set)",
  push: "(empty push)",
};

/** `prefix` is the indentation of every line but the first. */
function standard(reply: Tree, prefix: string): string {
  const { attributes } = reply;
  const about = attributes === undefined ? "" : aboutReply(attributes, prefix);
  const { type, text, items } = reply;
  const empty = items.length === 0 ? empties[type] : undefined;
  if (empty !== undefined) return `${about}${empty}\n`;
  return about + (items.length > 0 ? listed(reply, prefix) : `${scalar(type, text)}\n`);
}

function aboutReply(attributes: Tree, prefix: string): string {
  const label = "(attributes) ";
  return `${label}${standard(attributes, prefix + " ".repeat(label.length))}${prefix}`;
}

function scalar(type: Tree["type"], text: string): string {
  switch (type) {
    case "error":
      return `(error) ${text}`;
    case "integer":
      return `(integer) ${text}`;
    case "double":
      return `(double) ${text}`;
    case "bignum":
      return `(big number) ${text}`;
    case "boolean":
      return booleanText(text);
    case "nil":
      return "(nil)";
    case "string":
      return quoted(text);
    default:
      return text;
  }
}

function listed({ type, items }: Tree, prefix: string): string {
  const step = type === "map" ? 2 : 1;
  const digits = String(items.length / step).length;
  const inner = prefix + " ".repeat(digits + 2);
  let out = "";
  for (let i = 0; i < items.length; i += step) {
    const number = String(i / step + 1).padStart(digits);
    out += `${i === 0 ? "" : prefix}${number}${markers[type] ?? ")"} `;
    const [first, second] = [items[i], items[i + 1]];
    if (first !== undefined) out += standard(first, inner);
    if (step === 1 || second === undefined) continue;
    out = `${out.slice(0, -1)} => `;
    if (spansLines(second)) out += `\n${inner}`;
    out += standard(second, inner);
  }
  return out;
}

/** Whether a value of a map begins on a line of its own. */
function spansLines({ type, items }: Tree): boolean {
  const step = type === "map" ? 2 : 1;
  const only = items[step - 1];
  return items.length > step || (only !== undefined && spansLines(only));
}

// --- raw ---

/** The elements are separated by line ends, and the nulls among them are empty lines. */
function raw({ type, text, items }: Tree): string {
  if (type === "error") return `${text}\n`;
  if (type === "boolean") return booleanText(text);
  if (items.length === 0) return text;
  if (type !== "map") return items.map(raw).join("\n");
  return pairs(items, (key, value) => `${raw(key)} ${raw(value)}`).join("\n");
}

function booleanText(text: string): string {
  return text === "t" ? "(true)" : "(false)";
}

// --- json ---

function json(reply: Tree): string {
  const { type, text, items } = reply;
  switch (type) {
    case "error":
      return `error:${jsonString(text)}`;
    case "integer":
    case "bignum":
      return text;
    case "double":
      // redis-cli writes inf and nan bare, which no reader of JSON takes.
      return Number.isFinite(Number(text)) ? text : jsonString(text);
    case "nil":
      return "null";
    case "boolean":
      return text === "t" ? "true" : "false";
    case "map":
      return `{${pairs(items, (key, value) => `${jsonName(key)}:${json(value)}`).join(",")}}`;
    case "array":
    case "set":
    case "push":
      return `[${items.map(json).join(",")}]`;
    default:
      return jsonString(text);
  }
}

/** The names in JSON are strings; those in RESP3 may be anything. */
function jsonName(key: Tree): string {
  const text = json(key);
  return text.startsWith('"') || key.type === "error" ? text : `"${text}"`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const unfitForJson = /[\\"\x00-\x1f]/g;
const jsonLetters: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
};

/** Bytes above 127 stay as they are: UTF-8 if the value was. */
function jsonString(text: string): string {
  const escapedText = text.replace(unfitForJson, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, "0");
    return jsonLetters[character] ?? `\\u${code}`;
  });
  return `"${escapedText}"`;
}

// --- both ---

function pairs<T>(items: readonly Tree[], write: (key: Tree, value: Tree) => T): T[] {
  const found: T[] = [];
  for (let i = 0; i + 1 < items.length; i += 2) {
    const [key, value] = [items[i], items[i + 1]];
    if (key !== undefined && value !== undefined) found.push(write(key, value));
  }
  return found;
}
