// One data thread in a Worker as the control thread sees it: starts it, asks it, and takes the node down
// when it ends unasked, as it may have held a lock or half of a command. What the messages mean
// is worker-threads.ts's business.
//
//   starting --Start--> serving --end()--> ended          any --crash, exit, fault--> ended, and the node with it

import type { Fault } from "../../base/errors.ts";
import { threadFarewellMsMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { doneWithin } from "../../base/patience.ts";
import type { Message } from "../../command/pubsub/channels.ts";
import type { FromWorker, Question, Questions, Start, ToWorker } from "./messages.ts";
import { Parcel } from "./parcel.ts";

/** Published messages that wait for the end of a turn; with more bytes than this they leave at once. */
const parcelBytesMax = 1024 * 1024;

export interface DataWorkerParts {
  readonly start: Omit<Start, "kind">;
  readonly entry: string | URL;
  readonly log: Log;
  readonly fault: Fault;
  readonly received: (message: FromWorker) => void;
  /** The thread is gone: whoever waits for a lock of its must learn it. */
  readonly gone: () => void;
}

export class DataWorker {
  readonly thread: number;
  private readonly log: Log;
  private readonly fault: Fault;
  private readonly worker: Worker;
  private readonly gone: () => void;
  private readonly waiting = new Map<
    number,
    (value: Questions[keyof Questions]["answer"]) => void
  >();
  private readonly ended = Promise.withResolvers<void>();
  private readonly parcel = new Parcel();
  private lastTicket = 0;
  private isEnding = false;

  constructor({ start, entry, log, fault, received, gone }: DataWorkerParts) {
    this.thread = start.thread;
    this.log = log;
    this.fault = fault;
    this.gone = gone;
    this.worker = new Worker(entry);
    this.worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind !== "told") return received(data);
      this.waiting.get(data.ticket)?.(data.value);
      this.waiting.delete(data.ticket);
    });
    this.worker.addEventListener("error", ({ message }) => this.crashed(message));
    this.worker.addEventListener("close", () => this.closed());
    this.post({ kind: "start", ...start });
  }

  post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.sendParcel(); // an answer does not overtake the messages that were published before it
    if (!this.isEnding) this.worker.postMessage(message, transfer);
  }

  /** Posts a published message when the turn is over, together with others of the turn. */
  deliver(receivers: readonly number[], message: Message): void {
    if (this.parcel.isEmpty) queueMicrotask(() => this.sendParcel());
    this.parcel.add(receivers, message);
    if (this.parcel.bytes > parcelBytesMax) this.sendParcel();
  }

  private sendParcel(): void {
    if (this.parcel.isEmpty) return;
    const order = this.parcel.take();
    if (!this.isEnding) this.worker.postMessage(order, [order.bytes.buffer]);
  }

  /** Never resolves for a thread that is told to end meanwhile. */
  ask<Name extends keyof Questions>(
    name: Name,
    detail: Questions[Name]["detail"],
  ): Promise<Questions[Name]["answer"]> {
    const ticket = ++this.lastTicket;
    return new Promise((resolve) => {
      this.waiting.set(ticket, (value) => resolve(value as Questions[Name]["answer"]));
      this.post({ kind: "ask", ticket, name, detail } as Question);
    });
  }

  /** The same for a thread that is to end soon: whether it did it, and not how long it takes. */
  async bid<Name extends keyof Questions>(name: Name, detail: Questions[Name]["detail"]) {
    if (await doneWithin(threadFarewellMsMax, this.ask(name, detail))) return;
    this.log.warn(`data thread ${this.thread} does not answer (${name}): the node ends without it`);
  }

  /** Has it close its connections, and ends it; one that does not answer is ended all the same. */
  async end(): Promise<void> {
    await this.bid("close", null);
    this.isEnding = true;
    this.worker.terminate();
    // One that is stuck outside of JavaScript ends with the process.
    await doneWithin(threadFarewellMsMax, this.ended.promise);
  }

  /** Ends it as it is: it may hold a lock, and waits for nobody. */
  abandon(): void {
    this.isEnding = true;
    this.worker.terminate();
  }

  private crashed(message: string): void {
    if (this.isEnding) return;
    this.gone();
    this.fault(message, `data thread ${this.thread}`);
  }

  private closed(): void {
    this.gone();
    if (!this.isEnding) this.fault("it ended", `data thread ${this.thread}`);
    this.ended.resolve();
  }
}
