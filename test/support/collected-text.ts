/**
 * What a process writes, as text that grows while the process runs. Decodes UTF-8, keeps all of it,
 * and starts nothing.
 */

/** What has come until now; and `end`, when there is no more to come. */
export function collectText(
  stream: ReadableStream<Uint8Array>,
): (() => string) & { readonly end: Promise<void> } {
  let text = "";
  const decoder = new TextDecoder();
  const read = async () => {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  };
  // A stream that breaks with its process has told all it had.
  const end = read().catch(() => undefined);
  return Object.assign(() => text, { end });
}
