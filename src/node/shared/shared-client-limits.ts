// The bounds of one client in shared memory: its output, by its class, and its requests. So a
// change reaches every data thread at once. The control thread writes them (settings-in-force.ts).
// Invariant: no class has a hard bound above that of every client, or none.

import { outputHardBytesMax, requestBytesMax } from "../../base/limits.ts";
import type { OutputBound } from "../../base/output-bound.ts";
import type { Config } from "../../config/config.ts";
import { SharedValue, sharedValueWords } from "./shared-value.ts";

/** For the classes that have clients; followers have links of their own. */
export interface ClientLimits {
  readonly normal: OutputBound;
  readonly pubsub: OutputBound;
  readonly requestBytes: number;
}

/** Room for the numbers as text. */
const textBytesMax = 512;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const unbounded: OutputBound = { hardBytes: outputHardBytesMax, softBytes: 0, softSeconds: 0 };

export class SharedClientLimits {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly shared: SharedValue<ClientLimits>;
  private seenVersion = 0;
  private seen: ClientLimits = {
    normal: unbounded,
    pubsub: unbounded,
    requestBytes: requestBytesMax,
  };

  constructor(
    memory = new SharedArrayBuffer(sharedValueWords * Int32Array.BYTES_PER_ELEMENT + textBytesMax),
  ) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, sharedValueWords);
    const bytes = new Uint8Array(memory, this.words.byteLength);
    this.shared = new SharedValue(this.words, bytes, (text) =>
      text.length === 0 ? this.seen : JSON.parse(decoder.decode(text)),
    );
  }

  /** Read for each message: a plain read, as in shared-time-bounds.ts. */
  get value(): ClientLimits {
    const version = this.words[0];
    if (version === this.seenVersion) return this.seen;
    this.seen = this.shared.value;
    this.seenVersion = version;
    return this.seen;
  }

  /** Only for the control thread. */
  set({ outputLimits, requestLimit }: Pick<Config, "outputLimits" | "requestLimit">): void {
    const limits: ClientLimits = {
      normal: withinAll(outputLimits.normal),
      pubsub: withinAll(outputLimits.pubsub),
      requestBytes: requestLimit,
    };
    this.shared.write(encoder.encode(JSON.stringify(limits)));
  }
}

function withinAll(bound: OutputBound): OutputBound {
  const { hardBytes } = bound;
  if (hardBytes > 0 && hardBytes < outputHardBytesMax) return bound;
  return { ...bound, hardBytes: outputHardBytesMax };
}
