// One data thread in a Worker, as the control thread sees it: starts it, asks it, and raises a
// fault if it ends unasked, as it may have held a lock or left a command half done.
// worker-threads.ts knows what the messages mean.
//
//   starting --Start--> serving --end()--> ended          any --crash, exit, fault--> ended, and the node with it

import type { Fault } from "../../base/errors.ts";
import { threadFarewellMsMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { doneWithin } from "../../base/patience.ts";
import type { Message } from "../../command/messages/channels.ts";
import type { DeliveryDebt } from "../shared/delivery-debt.ts";
import { Parcel } from "./parcel.ts";
import type { FromWorker, Question, Questions, Start, ToWorker } from "./thread-messages.ts";

/** Most bytes of published messages that wait for the end of a turn; more are sent at once. */
const parcelBytesMax = 1024 * 1024;

export interface DataWorkerParts {
  readonly start: Omit<Start, "kind">;
  readonly entry: string | URL;
  readonly log: Log;
  readonly fault: Fault;
  /** Of all threads. */
  readonly debt: DeliveryDebt;
  readonly received: (message: FromWorker) => void;
  /** Called when the thread has ended: threads that wait for its locks must learn this. */
  readonly gone: () => void;
}

export class DataWorker {
  readonly thread: number;
  private readonly debt: DeliveryDebt;
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
  /** Before its first answer, a thread listens to nobody and has no clients. */
  private hasAnswered = false;
  private isEnding = false;

  constructor({ start, entry, log, fault, debt, received, gone }: DataWorkerParts) {
    this.thread = start.thread;
    this.debt = debt;
    this.log = log;
    this.fault = fault;
    this.gone = gone;
    this.worker = new Worker(entry);
    this.worker.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind !== "told") return received(data);
      this.hasAnswered = true;
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

  /**
   * Posts a published message together with the others of this turn, or of this round of the event
   * loop if more are on their way.
   */
  deliver(receivers: readonly number[], message: Message, hasMore: boolean): void {
    if (this.parcel.isEmpty) {
      if (hasMore) setImmediate(() => this.sendParcel());
      else queueMicrotask(() => this.sendParcel());
    }
    this.debt.add(this.thread, this.parcel.add(receivers, message));
    if (this.parcel.bytes > parcelBytesMax) this.sendParcel();
  }

  private sendParcel(): void {
    if (this.parcel.isEmpty) return;
    const order = this.parcel.take();
    if (!this.isEnding) this.worker.postMessage(order, [order.bytes.buffer]);
  }

  /** Never resolves if the thread is told to end before it answers. */
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

  /**
   * Asks a thread that will end soon, and gives up after a while; a thread that is stuck must not
   * stop the end. One that has not started has nothing to end.
   */
  async bid<Name extends keyof Questions>(name: Name, detail: Questions[Name]["detail"]) {
    if (!this.hasAnswered) return;
    if (await doneWithin(threadFarewellMsMax, this.ask(name, detail))) return;
    this.log.warn(
      `data thread ${this.thread} does not answer (${name}): the node ends without it`,
      {
        event: "thread-lost",
        thread: this.thread,
      },
    );
  }

  /** Has the thread close its connections, and ends it; also if it does not answer. */
  async end(): Promise<void> {
    await this.bid("close", null);
    this.isEnding = true;
    this.worker.terminate();
    // One that is stuck outside of JavaScript ends with the process.
    await doneWithin(threadFarewellMsMax, this.ended.promise);
  }

  /** Ends the thread at once; it may hold a lock. */
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
