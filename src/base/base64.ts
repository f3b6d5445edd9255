// Decodes Base64 strictly, for text that comes from somebody else: whatever is not Base64 is
// refused, where the decoder of the runtime would skip it. To encode, use Buffer.

/** No groups: a group that repeats fails on texts of some megabytes (Bun 1.4.5). */
const form = /^[A-Za-z\d+/]*={0,2}$/;

/** The bytes of a text of RFC 4648, with its padding or without; null if it is something else. */
export function base64Bytes(text: string): Buffer | null {
  if (!form.test(text)) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const rest = (text.length - padding) % 4;
  const isWhole = padding === 0 ? rest !== 1 : rest + padding === 4;
  return isWhole ? Buffer.from(text, "base64") : null;
}
