// The bytes of the messages that clients get who track keys, in both versions of RESP. In RESP2 an
// invalidation is a message of a channel, so only a connection with subscriptions can be sent one,
// and only those of another client: it did not ask for that channel for its own.

import { latin1Bytes } from "../../base/bytes.ts";
import { type Message, messageKind } from "../messages/channels.ts";

const invalidatePush = ">2\r\n$10\r\ninvalidate\r\n";
const numberedPush = ">3\r\n$10\r\ninvalidate\r\n";
const channelMessage = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";

/**
 * The keys to be dropped, or null for all keys. With a sequence number if the client wants it. A
 * client that tracks for itself is sent nothing in RESP2, with subscriptions neither.
 */
export function invalidation(
  keys: readonly string[] | null,
  sequence: number | null,
  isRedirected: boolean,
): Message {
  const list = keys === null ? null : listOf(keys);
  const push = sequence === null ? invalidatePush : numberedPush;
  const number = sequence === null ? "" : `:${sequence}\r\n`;
  return {
    kind: messageKind.INVALIDATION,
    pattern: null,
    channel: latin1Bytes(isRedirected ? channelMessage + (list ?? "$-1\r\n") : ""),
    payload: latin1Bytes(push + (list ?? "_\r\n") + number),
  };
}

function listOf(keys: readonly string[]): string {
  const parts = keys.map((key) => `$${key.length}\r\n${key}\r\n`);
  return `*${keys.length}\r\n${parts.join("")}`;
}

/** The client that this one's messages went to has gone. Nothing is sent in RESP2. */
export function redirectionBroken(target: number): Message {
  return {
    kind: messageKind.INVALIDATION,
    pattern: null,
    channel: new Uint8Array(0),
    payload: latin1Bytes(`>2\r\n$21\r\ntracking-redir-broken\r\n:${target}\r\n`),
  };
}
