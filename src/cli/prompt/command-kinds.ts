// What `mscache cli` must know of single commands, as redis-cli does: which answer with a report
// for people, which never stop answering, which change what a new connection must repeat, and which
// lines have a secret. Everything else is left to the server.

/** The commands that are answered again and again, or that this program answers itself. */
export type Kind = "plain" | "monitor" | "subscribe" | "stream" | "ending" | "local";

const kinds: ReadonlyMap<string, Kind> = new Map([
  ["monitor", "monitor"],
  ["subscribe", "subscribe"],
  ["psubscribe", "subscribe"],
  ["ssubscribe", "subscribe"],
  ["sync", "stream"],
  ["psync", "stream"],
  ["shutdown", "ending"],
  ["help", "local"],
  ["?", "local"],
  ["quit", "local"],
  ["exit", "local"],
  ["clear", "local"],
  ["connect", "local"],
]);

export function kindOf(words: readonly string[]): Kind {
  const name = lower(words[0]);
  if (name === "clear" && words.length !== 1) return "plain";
  if (name === "connect" && words.length !== 3) return "plain";
  return name.startsWith(":") ? "local" : (kinds.get(name) ?? "plain");
}

/** Whether the reply is a report, of which every format shows the bytes as they are. */
export function isReport(words: readonly string[]): boolean {
  const name = lower(words[0]);
  const count = words.length;
  if (name === "info" || name === "lolwut") return true;
  const second = lower(words[1]);
  switch (name) {
    case "client":
      return second === "list" || second === "info";
    case "memory":
      return second === "malloc-stats" || second === "doctor";
    case "debug":
      return ["htstats", "htstats-key", "client-eviction"].includes(second);
    case "cluster":
      return count === 2 && (second === "nodes" || second === "info");
    case "latency":
      return (count === 3 && second === "graph") || (count === 2 && second === "doctor");
    default:
      return false;
  }
}

/**
 * Whether the line has a password, so that no history may keep it. A line whose quotes do not fit
 * is judged by the words that it seems to have.
 */
export function hasSecret(words: readonly string[]): boolean {
  const [name = "", second = "", ...rest] = words.map(lower);
  switch (name) {
    case "auth":
      return true;
    case "hello":
      return rest.includes("auth");
    case "migrate":
      return rest.includes("auth") || rest.includes("auth2");
    case "acl":
      return second === "setuser";
    case "config":
      return second === "set" && rest.some((word) => /pass|auth/.test(word));
    case "sentinel":
      return second === "set" && rest.some((word) => /pass/.test(word));
    default:
      return /^[1-9]\d*$/.test(name) && hasSecret(words.slice(1));
  }
}

function lower(word: string | undefined): string {
  return word === undefined ? "" : word.toLowerCase();
}
