// Who sees every command of this node: clients, and parts of the node itself. A node has one
// Monitors, in the control thread; the lines come from the event log. It formats nothing:
// terms/monitor-line.ts does.

import { latin1Bytes } from "../../base/bytes.ts";
import { type Message, messageKind } from "./channels.ts";

type Send = (receivers: ReadonlySet<number>, message: Message) => void;

export class Monitors {
  /** Called when somebody has come or gone. */
  changed: () => void = () => undefined;
  /** Shows what has run up to now: a client that comes does not see it. */
  catchUp: () => void = () => undefined;
  private readonly clients = new Set<number>();
  private readonly listeners = new Set<(line: string) => void>();
  private readonly send: Send;

  constructor(send: Send) {
    this.send = send;
  }

  get count(): number {
    return this.clients.size + this.listeners.size;
  }

  add(client: number): void {
    this.catchUp();
    this.clients.add(client);
    this.changed();
  }

  remove(client: number): void {
    if (this.clients.delete(client)) this.changed();
  }

  /** Shows each line to a part of the node, until the function that it returns is called. */
  listen(listener: (line: string) => void): () => void {
    this.catchUp();
    this.listeners.add(listener);
    this.changed();
    return () => {
      if (this.listeners.delete(listener)) this.changed();
    };
  }

  show(line: string): void {
    for (const listener of this.listeners) listener(line);
    if (this.clients.size === 0) return;
    const bytes = latin1Bytes(`+${line}\r\n`);
    const message = { kind: messageKind.ENCODED, pattern: null, channel: bytes, payload: bytes };
    this.send(this.clients, message);
  }
}
