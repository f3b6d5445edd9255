// What a node does about a fault: an error of its own code, after which a lock may be held or a
// command half done. A node of the command line aborts its process, as nothing else is safe. An
// embedded node shuts its parts down without touching its data, its owner gets the error, and the
// process lives. An error of a peer, a client or the system is not a fault.
//
//   sound --the first fault--> broken: the parts are told, then the owner
//
// Invariant: a broken node serves no client, sends nothing and saves nothing.

import { type Fault, fatal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { Signal } from "../../base/signal.ts";

/** The error that has ended a node; `cause` is what was thrown. */
export class NodeFault extends Error {
  override readonly name = "NodeFault";

  constructor(cause: unknown, where: string) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`this node has ended: fault in ${where}: ${reason}`, { cause });
  }
}

/** "abort" ends the process. */
export type OnFault = "abort" | ((fault: NodeFault) => void);

export class Faults {
  /** On this, each part shuts itself down, whatever the state of the others. */
  readonly happened = new Signal();
  private readonly log: Log;
  private readonly onFault: OnFault | undefined;
  private readonly over = Promise.withResolvers<never>();
  private isBroken = false;

  constructor(log: Log, onFault?: OnFault) {
    this.log = log;
    this.onFault = onFault;
    this.over.promise.catch(() => undefined); // those who await `ended` handle it
  }

  get aborts(): boolean {
    return this.onFault === "abort";
  }

  /** Runs work that ends the node; if a fault ends the node first, nothing is left to do: true. */
  async unlessBroken<Result>(work: () => Promise<Result>): Promise<Result | true> {
    const ended = this.over.promise.catch(() => true as const);
    return this.isBroken ? await ended : await Promise.race([work(), ended]);
  }

  /** Rejects with the fault when the parts of the node have shut down. */
  get ended(): Promise<never> {
    return this.over.promise;
  }

  readonly raise: Fault = (error, where) => {
    if (this.onFault === "abort") fatal(error, where, this.log.format);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.log.error(`fault in ${where}: ${text}`, { event: "fault", where });
    if (this.isBroken) return;
    this.isBroken = true;
    const fault = new NodeFault(error, where);
    try {
      this.happened.emit();
    } catch (problem) {
      this.log.error(`while the node was taken apart: ${problem}`);
    }
    this.over.reject(fault);
    this.onFault?.(fault);
  };
}
