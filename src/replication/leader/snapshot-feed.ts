// A snapshot in the form in which a follower gets it: a head, its slices, and what follows them. A
// feed knows no socket: the link takes the next piece when the last one is sent. The streamed form
// is here; the form from a file is in spool.ts.
//
//   streamed  $EOF:<mark>\r\n slices <mark>     as the walk produces them; for `capa eof`
//   spooled   $<length>\r\n slices              from a temporary file, as the length must be known first

import { randomReplid } from "../history.ts";
import type { Snapshot } from "../snapshot.ts";

const encoder = new TextEncoder();

export interface SnapshotFeed {
  /** The follower finds the end by a mark, and nothing may follow it until it has said so. */
  readonly endsWithMark: boolean;
  /** The next bytes, valid until the next call; null after the last. */
  next(): Uint8Array | null | Promise<Uint8Array | null>;
  close(): Promise<void>;
}

export class StreamedFeed implements SnapshotFeed {
  readonly endsWithMark = true;
  private readonly snapshot: Snapshot;
  private readonly mark = encoder.encode(randomReplid());
  private readonly afterGroup: (() => Promise<void>) | undefined;
  private phase: "head" | "slices" | "end" = "head";

  /** `afterGroup` resolves when the snapshot may end. */
  constructor(snapshot: Snapshot, afterGroup?: () => Promise<void>) {
    this.snapshot = snapshot;
    this.afterGroup = afterGroup;
  }

  next(): Uint8Array | null | Promise<Uint8Array> {
    if (this.phase === "head") {
      this.phase = "slices";
      return Buffer.concat([encoder.encode("$EOF:"), this.mark, encoder.encode("\r\n")]);
    }
    if (this.phase === "end") return null;
    const slice = this.snapshot.next();
    if (slice !== null) return slice;
    this.phase = "end";
    return this.afterGroup === undefined ? this.mark : this.afterGroup().then(() => this.mark);
  }

  async close(): Promise<void> {}
}
