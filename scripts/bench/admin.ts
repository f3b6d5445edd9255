// Short questions to a server under test: whether it is ready, how many items it holds, and its
// statistics. Each question uses its own connection, so that no idle socket is measured.
// Invariant: a question ends with its whole reply, an error or a timeout.

import type { Protocol } from "../../src/bench/workload.ts";
import { commandText } from "../../src/protocol/resp/command-bytes.ts";

const answerTimeoutMs = 20_000;

/** Sends `request` and collects the answer until `complete` says that it is complete. */
async function ask(
  port: number,
  request: string,
  complete: (answer: string) => boolean,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let answer = "";
  promise.catch(() => {}); // it is awaited below, but may fail before the connection stands
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, chunk) {
        answer += chunk.toString("latin1");
        if (complete(answer)) resolve(answer);
      },
      close: () => reject(new Error("the server closed the connection")),
      error: (_socket, error) => reject(error),
    },
  });
  const limit = setTimeout(() => reject(new Error("no answer")), answerTimeoutMs);
  try {
    socket.write(request);
    return await promise;
  } finally {
    clearTimeout(limit);
    socket.end();
  }
}

/** One RESP command whose reply is a line or a bulk string. */
async function command(port: number, ...words: string[]): Promise<string> {
  const answer = await ask(port, commandText(words), isWholeReply);
  if (answer.startsWith("-")) throw new Error(`${words.join(" ")}: ${answer.trim()}`);
  const end = answer.indexOf("\r\n");
  return answer.startsWith("$") ? answer.slice(end + 2, -2) : answer.slice(1, end);
}

function isWholeReply(answer: string): boolean {
  const end = answer.indexOf("\r\n");
  if (end < 0) return false;
  if (!answer.startsWith("$")) return true;
  return answer.length >= end + 4 + Number(answer.slice(1, end));
}

export async function isReady(port: number, protocol: Protocol): Promise<boolean> {
  try {
    if (protocol === "resp") return (await command(port, "PING")) === "PONG";
    return (await ask(port, "version\r\n", (a) => a.endsWith("\r\n"))).startsWith("VERSION");
  } catch {
    return false; // not listening yet, or still loading: the caller asks again
  }
}

export type Statistics = ReadonlyMap<string, string>;

/** INFO of a RESP server (all sections) or memcached's `stats`, as names and values. */
export async function statistics(port: number, protocol: Protocol): Promise<Statistics> {
  if (protocol === "memcache") {
    const answer = await ask(port, "stats\r\n", (text) => text.endsWith("END\r\n"));
    return new Map([...answer.matchAll(/^STAT (\S+) (.*)\r$/gm)].map((m) => [m[1], m[2]]));
  }
  const answer = await command(port, "INFO", "all");
  return new Map([...answer.matchAll(/^([^#:\r\n]+):(.*)\r?$/gm)].map((m) => [m[1], m[2].trim()]));
}

export async function itemCount(port: number, protocol: Protocol): Promise<number> {
  if (protocol === "resp") return Number(await command(port, "DBSIZE"));
  return Number((await statistics(port, protocol)).get("curr_items"));
}

/** Resets the counters of turns and hits; memcached has an equivalent. */
export async function resetStatistics(port: number, protocol: Protocol): Promise<void> {
  if (protocol === "resp") await command(port, "CONFIG", "RESETSTAT");
  else await ask(port, "stats reset\r\n", (text) => text.endsWith("RESET\r\n"));
}
