// Why something failed, in words for an operator. The runtime's messages name system calls and
// repeat the path ("ENOENT: no such file or directory, stat 'x'"), or only a code. The code stays,
// at the end, because it is what people search for.

/** What the runtime has no words for. Bun and Node name a failed lookup differently. */
const phrases: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the other side",
  ENOTFOUND: "the name has no address",
  DNS_ENOTFOUND: "the name has no address",
  ETIMEDOUT: "connection timed out",
};

/** The system's code, such as `ENOSPC`; empty for other errors. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Example: "no space left on device (ENOSPC)". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  if (Object.hasOwn(phrases, code)) return `${phrases[code]} (${code.replace("DNS_", "")})`;
  if (!/^E[A-Z\d]+$/.test(code)) return error.message;
  const [, text = error.message] = /^E[A-Z\d]+: ([^,]+)/.exec(error.message) ?? [];
  return text.includes(code) ? text : `${text} (${code})`;
}

/**
 * What a server says of a login that it refuses, without the password. One that does not know the
 * command repeats its arguments: "unknown command 'AUTH', with args beginning with: ...". What it
 * says to HELLO without a login is for authors of clients.
 */
export function refusalOf(answer: string, password: string): string {
  if (answer.startsWith("NOAUTH HELLO")) return "NOAUTH it requires a password";
  const [said = ""] = answer.split(/,? with args beginning with/);
  const repeats = password !== "" && said.includes(password);
  return repeats ? said.replace(/ .*/s, "") : said;
}
