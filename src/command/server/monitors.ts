// The clients that see every command of this node. A node has one Monitors, in the control thread;
// the lines come from the event log. It formats nothing: core/monitor-line.ts does.

import { latin1Bytes } from "../../base/bytes.ts";
import { type Message, messageKind } from "../pubsub/channels.ts";

type Send = (receivers: ReadonlySet<number>, message: Message) => void;

export class Monitors {
  /** Called when the first client has come, and when the last one has gone. */
  changed: () => void = () => undefined;
  /** Shows what has run up to now: a client that comes does not see it. */
  catchUp: () => void = () => undefined;
  private readonly clients = new Set<number>();
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  get count(): number {
    return this.clients.size;
  }

  add(client: number): void {
    this.catchUp();
    this.clients.add(client);
    this.changed();
  }

  remove(client: number): void {
    if (this.clients.delete(client)) this.changed();
  }

  show(line: string): void {
    const bytes = latin1Bytes(`+${line}\r\n`);
    const message = { kind: messageKind.ENCODED, pattern: null, channel: bytes, payload: bytes };
    this.send(this.clients, message);
  }
}
