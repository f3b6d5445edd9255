// A value as text, as JSON and as hex, and back from what somebody typed. Pure.
// Invariant: what is not edited comes back byte for byte; numbers of JSON keep all their digits.

import { hexOf, utf8Of } from "./key-bytes.ts";

/** The text of a value, and how its lines end: a text area knows only \n. */
export interface EditableText {
  readonly text: string;
  readonly lineEnd: "\n" | "\r\n";
}

/** Null: it is not text, or a text area would change its line ends. */
export function editableText(bytes: Uint8Array): EditableText | null {
  const whole = utf8Of(bytes);
  if (whole === null) return null;
  if (!whole.includes("\r")) return { text: whole, lineEnd: "\n" };
  const text = whole.replaceAll("\r\n", "\n");
  const isEven = !text.includes("\r") && text.replaceAll("\n", "\r\n") === whole;
  return isEven ? { text, lineEnd: "\r\n" } : null;
}

export function bytesOfText({ text, lineEnd }: EditableText): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(lineEnd === "\n" ? text : text.replaceAll("\n", lineEnd));
}

/** "48 65 6c" with any spaces; null if it is not hex. */
export function bytesOfHex(text: string): Uint8Array<ArrayBuffer> | null {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^\da-f]/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** For a text area: sixteen bytes in a line. */
export function hexOfBytes(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    lines.push([...bytes.subarray(at, at + 16)].map(hexOf).join(" "));
  }
  return lines.join("\n");
}

/** "00000010  48 65 6c 6c  Hell", `width` bytes in a line. */
export function hexDump(bytes: Uint8Array, width: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += width) {
    const row = [...bytes.subarray(at, at + width)];
    const hex = row
      .map(hexOf)
      .join(" ")
      .padEnd(width * 3 - 1);
    const letters = row.map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·",
    );
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex}  ${letters.join("")}`);
  }
  return lines.join("\n");
}

/** Indented anew, every token as it is written; null if the text is no JSON object or array. */
export function indentedJson(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null; // it only looks like JSON
  }
  return indent(text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g) ?? []);
}

function indent(tokens: readonly string[]): string {
  let text = "";
  let depth = 0;
  const newLine = () => `\n${"  ".repeat(depth)}`;
  for (const [index, token] of tokens.entries()) {
    if (token === "{" || token === "[") {
      depth++;
      text += token + (isClosing(tokens[index + 1]) ? "" : newLine());
    } else if (isClosing(token)) {
      depth--;
      text += (isOpening(tokens[index - 1]) ? "" : newLine()) + token;
    } else if (token === ",") text += token + newLine();
    else text += token === ":" ? ": " : token;
  }
  return text;
}

function isOpening(token: string | undefined): boolean {
  return token === "{" || token === "[";
}

function isClosing(token: string | undefined): boolean {
  return token === "}" || token === "]";
}
