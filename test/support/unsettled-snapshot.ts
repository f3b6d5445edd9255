/**
 * What a leader sends that has written while it made a snapshot: `a` is new in it and `b` is old,
 * although one transaction wrote both, which follows in the stream. Sends nothing itself.
 * Invariant: only with the whole stream are the items a state that the leader had.
 */
import { encodeCommand } from "./wire.ts";

export interface UnsettledOptions {
  /** The 40 characters of the leader's history. */
  readonly replid?: string;
  /** Bytes of a value that the stream brings before the transaction. */
  readonly padding?: number;
}

export class UnsettledSnapshot {
  /** The answer to PSYNC, with the snapshot and with the stream behind it. */
  readonly bytes: Buffer;
  readonly stream: Buffer;

  constructor({ replid = "a".repeat(40), padding = 0 }: UnsettledOptions = {}) {
    const filler = padding === 0 ? [] : [["SET", "filler", "x".repeat(padding)]];
    const transaction = [["MULTI"], ["SET", "a", "new"], ["SET", "b", "new"], ["EXEC"]];
    this.stream = Buffer.concat([...filler, ...transaction].map(encodeCommand));
    const snapshot = snapshotOf({ a: "new", b: "old" }, this.stream.length);
    const head = `+FULLRESYNC ${replid} 0\r\n$${snapshot.length}\r\n`;
    this.bytes = Buffer.concat([Buffer.from(head), snapshot, this.stream]);
  }
}

/** A snapshot with these strings, which is a state of the leader's from `settlesAt` on. */
function snapshotOf(items: Record<string, string>, settlesAt: number): Uint8Array {
  const text = (it: string) => [it.length, ...Buffer.from(it)];
  return Uint8Array.of(
    ...Buffer.from("REDIS0009"),
    ...[0xfe, 0],
    ...Object.entries(items).flatMap(([key, value]) => [0, ...text(key), ...text(value)]),
    ...[0xfa, ...text("mscache-settles-at"), ...text(`${settlesAt}`)],
    ...[0xff, ...new Uint8Array(8)],
  );
}
