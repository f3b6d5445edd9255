// Gets a snapshot from a server, as a follower that wants nothing else would, and hands it to a
// writer while it arrives: one moment of the data, without a file in between. The server is not
// held up by a slow disk here: reading pauses, and the server bounds what it keeps for us.
// Invariant: it resolves only for a snapshot that was whole, by its checksum.

import { SyncError } from "../base/errors.ts";
import { reasonOf } from "../base/reason.ts";
import { RdbError } from "../rdb/format.ts";
import { SnapshotReceiver } from "../replication/follower/snapshot-receiver.ts";
import { MoveError } from "./move-error.ts";
import type { ServerLink } from "./server-link.ts";
import type { SnapshotWriter } from "./snapshot-writers.ts";
import type { Spout } from "./spout.ts";

export interface DownloadParts {
  readonly link: ServerLink;
  readonly writer: SnapshotWriter;
  readonly spout: Spout;
  /** Bytes received, and expected; that is -1 if the server does not tell. */
  progress(received: number, total: number): void;
}

/** What came: counts of items, and of what was skipped by kind. */
export interface Download {
  readonly bytes: number;
  readonly items: number;
  readonly refused: number;
  readonly skipped: ReadonlyMap<string, number>;
}

const everyDatabase = Number.POSITIVE_INFINITY;

export async function download(parts: DownloadParts): Promise<Download> {
  const { link, writer, spout } = parts;
  // Redis 7 then knows that no stream is wanted; an older one refuses that, and goes on.
  await link.ask("REPLCONF", "capa", "eof");
  await link.ask("REPLCONF", "rdb-only", "1");
  const receiver = new SnapshotReceiver(writer, { databases: everyDatabase });
  const whole = Promise.withResolvers<void>();
  const received = (chunk: Uint8Array) => {
    if (receiver.done) return; // the stream that follows is not ours
    take(receiver, chunk);
    parts.progress(receiver.receivedBytes, receiver.totalBytes);
    if (receiver.done) whole.resolve();
    else if (spout.isFull) hold(parts).catch(whole.reject);
  };
  link.receiveRaw(received, ["SYNC"]);
  await link.until(whole.promise);
  writer.end();
  await spout.drained();
  const { reader, refused, receivedBytes: bytes } = receiver;
  return { bytes, items: reader.items, refused, skipped: reader.skipped };
}

function take(receiver: SnapshotReceiver, chunk: Uint8Array): void {
  try {
    receiver.push(chunk, 0);
  } catch (error) {
    if (!(error instanceof SyncError || error instanceof RdbError)) throw error;
    const [, refusal] = /sent (-.*)$/s.exec(error.message) ?? [];
    throw new MoveError(
      refusal === undefined
        ? `the snapshot is damaged: ${reasonOf(error)}`
        : `the server gives no snapshot (--scan does without): ${refusal}`,
    );
  }
}

/** Reads nothing more until what has come is written. */
async function hold({ link, spout }: DownloadParts): Promise<void> {
  link.setPaused(true);
  await spout.drained();
  link.setPaused(false);
}
