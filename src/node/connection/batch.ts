// Hot path: a few commands of one connection, decoded before the first of them runs, so that the store
// can fetch what all of them will look up at the same time (store/look-ahead.ts). One batch serves all
// connections of a thread; what could not run is given back to the connection's decoder.

import type { Command } from "../../command/core/command.ts";
import type { Decoder } from "../../protocol/decoder.ts";
import { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";

/** Commands decoded ahead. Eight gain half of what sixteen do, and more than sixteen nothing (measured). */
const batchMax = 16;

export class Batch {
  readonly requests: readonly Request[];
  readonly commands: (Command | undefined)[];
  private readonly store: Store;

  constructor(store: Store) {
    this.requests = Array.from({ length: batchMax }, () => new Request());
    this.commands = new Array(batchMax).fill(undefined);
    this.store = store;
  }

  /** Decodes up to batchMax commands and says how many. */
  decode(decoder: Decoder, name: (request: Request) => Command | undefined): number {
    let count = 0;
    while (count < batchMax && decoder.next()) {
      const request = this.requests[count];
      request.swap(decoder.request);
      this.commands[count] = name(request);
      count++;
    }
    return count;
  }

  /** Announces the first key of each command. One command alone has nothing to overlap with. */
  lookAhead(count: number): void {
    if (count < 2) return;
    const { store } = this;
    for (let i = 0; i < count; i++) {
      const command = this.commands[i];
      if (command === undefined || command.firstKey === 0) continue;
      const { buf, start, end, argc } = this.requests[i];
      const key = command.firstKey;
      if (key < argc) store.willNeed(buf, start[key], end[key]);
    }
    store.lookAhead();
  }
}
