// Splits the text of rules into words as Redis's sdssplitargs does: whitespace separates; double
// quotes allow the escapes \n \r \t \b \a \xHH and \<any>, single quotes only \'. The inline
// commands of RESP are split the same way, byte by byte (protocol/resp/inline.ts).

import { unescaped } from "../../base/redis-quotes.ts";

const word =
  /[ \t\n\v\f\r]*(?:([^"' \t\n\r\0]*)(?:"((?:\\.|[^\\"])*)"|'((?:\\'|[^\\']|\\(?!'))*)')?)/sy;

/** The words, one character per byte; null if a quote is not closed or is followed by text. */
export function splitArguments(text: string): string[] | null {
  const found: string[] = [];
  let at = 0;
  for (;;) {
    word.lastIndex = at;
    const [whole = "", plain = "", double, single] = word.exec(text) ?? [];
    at += whole.length;
    const isQuoted = double !== undefined || single !== undefined;
    if (plain === "" && !isQuoted) return at === text.length || text[at] === "\0" ? found : null;
    if (isQuoted && at < text.length && !/[ \t\n\v\f\r]/.test(text[at] ?? "")) return null;
    if (!isQuoted && (text[at] === '"' || text[at] === "'")) return null;
    found.push(plain + unescaped(double ?? "") + (single ?? "").replaceAll("\\'", "'"));
  }
}
