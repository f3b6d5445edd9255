// A command as clients send it: an array of bulk strings. For who sends a few of them. What sends
// many writes into a buffer of its own, for the reasons that it gives: the client
// (client/wire/command-writer.ts), the journal (journal/effects.ts) and the load generator
// (bench/requests.ts).
// Invariant: each length counts the bytes that follow it.

/** A text is sent as UTF-8. */
export type Word = string | Uint8Array;

const encoder = new TextEncoder();
const lineEnd = encoder.encode("\r\n");

export function commandBytes(words: readonly Word[]): Buffer {
  return Buffer.concat(commandParts(words));
}

/** For who puts several commands into one array. The words are not copied. */
export function commandParts(words: readonly Word[]): Uint8Array[] {
  const parts: Uint8Array[] = [encoder.encode(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === "string" ? encoder.encode(word) : word;
    parts.push(encoder.encode(`$${bytes.length}\r\n`), bytes, lineEnd);
  }
  return parts;
}

/**
 * Of words with one character a byte, as such a text. Three times as fast as commandBytes() for
 * short commands that go out many at a time: 0.3 us instead of 0.9 for a SET of 100 bytes.
 */
export function commandText(words: readonly string[]): string {
  let text = `*${words.length}\r\n`;
  for (const word of words) text += `$${word.length}\r\n${word}\r\n`;
  return text;
}
