// How many bytes a node has received from leaders, and sent to followers, since the start or the
// last reset: snapshots, streams, and what belongs to them. A rate is for others to measure.

import type { LinkSocket } from "../base/link.ts";

export class Traffic {
  receivedBytes = 0;
  sentBytes = 0;

  reset(): void {
    this.receivedBytes = 0;
    this.sentBytes = 0;
  }

  /** The same socket of a follower; what it takes is counted. */
  counted(socket: LinkSocket): LinkSocket {
    return {
      write: (bytes) => {
        const taken = socket.write(bytes);
        this.sentBytes += Math.max(0, taken);
        return taken;
      },
      end: () => socket.end(),
      remoteAddress: socket.remoteAddress,
    };
  }
}
