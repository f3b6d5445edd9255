// What CLIENT LIST tells of the memory of one connection, under the names of Redis 7.0; and what a
// connection knows of a command that the control thread has. Counts nothing against a bound, as
// client-memory.ts does. The replies of all clients of a thread are gathered in one buffer, so a
// client has a reply buffer of its own only while something waits for it.

import { monotonicMs } from "../../base/clock.ts";
import type { Link } from "../../base/link.ts";
import type { ClientSizes } from "../../command/core/node.ts";
import type { Session } from "../../command/terms/session.ts";
import type { Decoder } from "../../protocol/decoder.ts";
import type { Request } from "../../protocol/request.ts";
import type { Outbox } from "./outbox.ts";

/** The sizes of a command that the control thread has. */
export interface HandedSizes {
  /** As the client sent it. */
  readonly receivedBytes: number;
  readonly argumentBytes: number;
  /** What counts in --max-client-memory. */
  readonly countedBytes: number;
}

export const nothingHanded: HandedSizes = { receivedBytes: 0, argumentBytes: 0, countedBytes: 0 };

const none: readonly Request[] = [];
const countedBytesMin = 4096; // so that INFO does not count itself

/** What a connection holds beyond what it counts (measured over 8,000 idle ones). */
const connectionBytes = 1_800;

/** `more`: copies of what the control thread runs after it. */
export function handedSizes(request: Request, more: readonly Request[] = none): HandedSizes {
  const { argc, start, end, origin } = request;
  const copiedBytes = end[argc - 1] - start[0];
  let argumentBytes = 0;
  for (let i = 0; i < argc; i++) argumentBytes += end[i] - start[i];
  // The arguments of an inline command with quotes are ranges of another buffer than its origin.
  let receivedBytes = Math.max(copiedBytes, end[argc - 1] - origin) + 2;
  for (const { buf } of more) receivedBytes += buf.length;
  const countedBytes = copiedBytes < countedBytesMin ? 0 : copiedBytes;
  return { receivedBytes, argumentBytes, countedBytes };
}

/** A connection, as far as it matters here. */
interface Holder {
  readonly session: Session;
  readonly socket: object;
  readonly decoder: Decoder;
  readonly outbox: Outbox;
  readonly handed: HandedSizes;
  readonly link: Link | null;
  readonly isReading: boolean;
  readonly heldBytes: number;
  readonly pendingInputBytes: number;
}

/** `handed`: the sizes of the command that it runs. */
export function sizesOf(connection: Holder, handed = connection.handed): ClientSizes {
  const { session, outbox, decoder, heldBytes, link, isReading, socket } = connection;
  const { bufferBytes, bufferedBytes, listed, listedBytes } = outbox.contents();
  const pendingBytes = connection.pendingInputBytes;
  const decodedBytes = decoder.decodedBytes();
  const outputBytes = bufferedBytes + listedBytes;
  const linkBytes = link?.waitingBytes ?? 0;
  return {
    descriptor: descriptorOf(socket),
    queryBytes: pendingBytes + handed.receivedBytes,
    queryFreeBytes: Math.max(0, decoder.heldBytes() - pendingBytes - decodedBytes),
    argumentBytes: decodedBytes + handed.argumentBytes,
    queuedBytes: session.transaction?.bytes ?? 0,
    replyBufferBytes: bufferBytes,
    replyPeakBytes: outbox.peak.at(monotonicMs(), outputBytes),
    bufferedBytes,
    listed,
    listedBytes: listedBytes + linkBytes,
    totalBytes: connectionBytes + heldBytes + linkBytes + (bufferBytes - bufferedBytes),
    events: `${isReading ? "r" : ""}${outbox.unsentBytes > 0 ? "w" : ""}`,
  };
}

/** Missing from Bun's types. The system gives the lowest number that is free. */
export function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}
