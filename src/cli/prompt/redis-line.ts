// A line of commands as redis-cli reads it. Texts have one character a byte, so "\x00" and bytes
// that are no UTF-8 arrive as they were written. What the words mean is not known here.

import { splitText } from "../../base/redis-arguments.ts";

/** Without quotes, escapes and control characters nothing but spaces matters. */
const plain = /^[!#-&(-~ ]*$/;

/**
 * The words of a line: whitespace separates; double quotes allow \n \r \t \b \a \xHH and \<any>,
 * single quotes only \'. Null if a quote is not closed or is followed by text.
 */
export function splitLine(line: string): string[] | null {
  if (plain.test(line)) return line.split(" ").filter((word) => word !== "");
  return splitText(line);
}

/** Text of the user's terminal or command line as bytes. */
export function bytesText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
