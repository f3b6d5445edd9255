// Keys and values as bytes: from the node's JSON, where anything but UTF-8 is base64, to the path
// of /v1/keys, and to a line of text that shows every byte. Pure.

import type { Json } from "../node/admin/observations.ts";
import type { Argument } from "./node-api.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Of a string, or of `{ base64 }`. */
export function bytesOf(told: Json): Uint8Array<ArrayBuffer> {
  if (typeof told === "object" && told !== null && "base64" in told) {
    return Uint8Array.from(atob(String(told.base64)), (letter) => letter.charCodeAt(0));
  }
  return encoder.encode(String(told));
}

/** The text, or null if the bytes are no UTF-8. */
export function utf8Of(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null; // it is no text
  }
}

/** As the node takes it in a command. */
export function argumentOf(bytes: Uint8Array): Argument {
  return utf8Of(bytes) ?? { base64: btoa(latin1(bytes)) };
}

/** Every byte of it in one line: control characters and what is no UTF-8 as \xNN. */
export function lineOf(bytes: Uint8Array): string {
  const text = utf8Of(bytes);
  if (text === null) return latin1(bytes).replace(/[^ -[\]-~]/g, escaped);
  return text.replace(/[\p{Cc}\\]/gu, escaped);
}

/** What the node's JSON tells, as such a line. */
export function lineOfJson(told: Json): string {
  return lineOf(bytesOf(told));
}

/** The path of a key; null for one that no URL can name. */
export function pathOf(key: Uint8Array, database: number): string | null {
  const parts = [...key].map((byte) => {
    const letter = String.fromCharCode(byte);
    return /[\w.~-]/.test(letter) ? letter : `%${hexOf(byte)}`;
  });
  const name = parts.join("");
  if (/^\.{0,2}$/.test(name)) return null;
  return `/v1/keys/${name}${database === 0 ? "" : `?db=${database}`}`;
}

export function hexOf(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function escaped(letter: string): string {
  return letter === "\\" ? "\\\\" : `\\x${hexOf(letter.charCodeAt(0))}`;
}

/** A character for each byte. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
