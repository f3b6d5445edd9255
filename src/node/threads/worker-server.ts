// A data thread in a Worker: attaches to the shared memory, serves its own listeners, and does what
// the control thread asks. src/worker.ts starts it; no other part of the node runs here.
//
//   waiting for Start --> serving --"close"--> closed (the control thread then ends the Worker)
//
// Invariant: however this thread ends, it is marked dead, so that no thread waits for its locks.

import { monotonicMs } from "../../base/clock.ts";
import { assert, fatal } from "../../base/errors.ts";
import { Log } from "../../base/log.ts";
import type { EventLog } from "../../journal/event-log.ts";
import { Connections } from "../connection/connections.ts";
import { DataThread } from "../connection/data-thread.ts";
import { ListenError } from "../connection/listen-error.ts";
import { type Bound, Listeners } from "../connection/listeners.ts";
import {
  closeIdle,
  memoryEveryMs,
  tidyMemory,
  upkeepEveryMs,
} from "../connection/thread-upkeep.ts";
import { DeliveryDebt, workPerRound } from "../shared/delivery-debt.ts";
import { type Attached, attach } from "../shared/shared-memory.ts";
import type { SharedStanding } from "../shared/standing.ts";
import { enforceUsers } from "./enforcement.ts";
import { Inbox } from "./inbox.ts";
import { unpack } from "./parcel.ts";
import {
  type DeliverOrder,
  type FromWorker,
  type LinkOrder,
  type Question,
  type Questions,
  type Start,
  summaryOf,
  type ToWorker,
} from "./thread-messages.ts";
import { makeScripts } from "./thread-scripts.ts";
import { threadStatistics } from "./thread-statistics.ts";
import { killClients, prepareListeners, reportClients, timesOf } from "./threads.ts";
import { answerTimes } from "./time-questions.ts";
import { RemoteLink } from "./worker-links.ts";
import { WorkerMailbox } from "./worker-mailbox.ts";

declare const self: Worker;

type Post = (message: FromWorker, transfer?: ArrayBuffer[]) => void;

const journalWaitMs = 1;
/**
 * Longest time that a write waits for links to take what it would overwrite; then it overwrites.
 */
const journalWaitMsMax = 2000;

/**
 * Serves from the first message until the control thread ends this Worker; `arrived` are those that
 * came before this call.
 */
export function runWorker(arrived: readonly MessageEvent[] = []): void {
  assert(!Bun.isMainThread, "a data thread runs in a Worker of its own");
  // Not `parentPort`: node:worker_threads takes a fifth of a thread's start.
  const post: Post = (message, transfer) => self.postMessage(message, transfer ?? []);
  let server: WorkerServer | null = null;
  const receive = ({ data }: MessageEvent<Start | ToWorker>) => {
    if (server === null) server = new WorkerServer(data as Start, post);
    else server.receive(data as ToWorker);
  };
  arrived.forEach(receive);
  self.onmessage = receive;
}

class WorkerServer {
  private readonly post: Post;
  private readonly standing: SharedStanding;
  private readonly events: EventLog;
  private readonly number: number;
  private readonly debt: DeliveryDebt;
  private readonly inbox: Inbox<ToWorker>;
  private readonly mailbox: WorkerMailbox;
  private readonly thread: DataThread;
  private readonly connections: Connections;
  private readonly links = new Map<number, RemoteLink>();
  private readonly listeners: Listeners;

  constructor(start: Start, post: Post) {
    const { thread: number, threads, memory, users, ownsLog, abortsOnFault } = start;
    const attached = awaken(attach(memory, number));
    const { store, keyspace, journal, effects, events, standing } = attached;
    const { statistics, clientMemory, clientLimits, observer } = attached;
    process.on("exit", () => store.threads.markDead(number));
    // At the end of the present event, as its other messages.
    events.announce = () => queueMicrotask(() => this.announceEvents());
    this.events = events;
    this.number = number;
    this.debt = new DeliveryDebt(memory.deliveries);
    this.inbox = new Inbox((message) => this.take(message), workPerRound);
    this.post = post;
    this.standing = standing;
    standing.access.change({ set: users, removed: [] });
    standing.becameBusy = () => post({ kind: "becameBusy" });
    this.mailbox = new WorkerMailbox(post, (session) => {
      // Its command may have made it a user that is gone by now.
      if (standing.access.accountOf(session.user) === undefined) session.closing = true;
      standing.access.refresh(session);
    });
    const log = ownsLog
      ? new Log(standing, (line) => post({ kind: "logLine", line }))
      : new Log(standing);
    const scripts = makeScripts(attached, log, null);
    this.thread = new DataThread({
      context: { store, keyspace, effects, standing, statistics, observer, scripts },
      mailbox: this.mailbox,
      standing,
      clientMemory,
      clientLimits,
      log,
      fault: (error, where) => {
        if (abortsOnFault) fatal(error, where, log.format);
        this.breakOff(error);
        store.threads.markDead(number);
      },
      subscriberLeft: (id) => post({ kind: "subscriberLeft", id }),
      effectsRecorded: () => standing.announceEffects(),
      writeBytesMax: journal.capacity / (4 * threads),
    });
    this.connections = new Connections(this.thread, standing);
    this.listeners = new Listeners(this.connections);
    setInterval(() => this.tick(), upkeepEveryMs);
    setInterval(() => tidyMemory(this.thread), memoryEveryMs);
  }

  private announceEvents(): void {
    this.events.isAnnounced = false;
    this.standing.announceEffects();
  }

  /** Stops serving; the control thread then ends this one. */
  private breakOff(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.post({ kind: "fault", text });
    this.listeners.stop(true);
  }

  receive(message: ToWorker): void {
    this.inbox.receive(message);
  }

  /** Returns the work that it was, for the inbox. */
  private take(message: ToWorker): number {
    this.thread.turn(() => this.handle(message));
    return message.kind === "deliver" ? message.work : 0;
  }

  private handle(message: ToWorker): void {
    switch (message.kind) {
      case "start":
        throw new Error("a data thread starts once");
      case "ask":
        return this.tell(message);
      case "answer":
        return this.mailbox.answer(message);
      case "deliver":
        return this.deliver(message);
      default:
        return this.direct(message);
    }
  }

  private deliver(order: DeliverOrder): void {
    unpack(order, (ids, published) => this.connections.delivery.deliver(ids, published));
    this.debt.pay(this.number, order.work);
  }

  // ---- questions --------------------------------------------------------------------------------

  private tell(question: Question): void {
    this.post({ kind: "told", ticket: question.ticket, value: this.answerTo(question) });
  }

  private answerTo({ name, detail }: Question): Questions[keyof Questions]["answer"] {
    switch (name) {
      case "listen":
        return this.listen(detail);
      case "relisten":
        return prepareListeners(this.listeners, detail, true);
      case "settleListening":
        this.listeners.settle(detail);
        return null;
      case "renewTls":
        this.listeners.renew(detail);
        return null;
      case "clients":
        return reportClients(this.connections, detail).map((report) => ({
          ...report,
          session: summaryOf(report.session),
        }));
      case "kill":
        return killClients(this.connections, detail);
      case "statistics":
        return threadStatistics(this.connections);
      case "resetStatistics":
        this.connections.resetStatistics();
        return null;
      case "users":
        this.standing.access.change(detail.change);
        return enforceUsers(this.connections, detail.change, detail.losers);
      case "denials":
        return this.standing.access.denials.report();
      case "resetDenials":
        this.standing.access.denials.reset();
        return null;
      case "stopListening":
        this.listeners.stop();
        return null;
      case "close":
        this.listeners.stop(true);
        return null;
      default:
        return answerTimes(timesOf(this.connections), name, detail);
    }
  }

  private listen({ endpoints, copies }: Questions["listen"]["detail"]): Bound | string {
    try {
      return this.listeners.open(endpoints, true, copies);
    } catch (error) {
      if (error instanceof ListenError) return error.message;
      throw error;
    }
  }

  // ---- links ------------------------------------------------------------------------------------

  private direct(order: LinkOrder): void {
    const { id } = order;
    if (order.kind === "takeOver") this.takeOver(id, order.wantsData);
    else if (order.kind === "linkWrite") this.links.get(id)?.write(order.bytes);
    else this.links.get(id)?.end();
  }

  private takeOver(id: number, wantsData: boolean): void {
    const connection = this.connections.get(id);
    if (connection === undefined) return this.post({ kind: "linkClosed", id });
    const link = new RemoteLink(connection, wantsData, (event, transfer) => {
      if (event.kind === "linkClosed") this.links.delete(id);
      this.post(event, transfer);
    });
    this.links.set(id, link);
    connection.takeOver(link);
  }

  private tick(): void {
    for (const link of this.links.values()) link.reportActivity();
    this.connections.expelStrangers();
    this.connections.applyLimits();
    closeIdle(this.connections, this.standing.idleTimeoutSeconds);
  }
}

/**
 * Makes writes wait for the control thread when the journal is about to lose what links still need.
 */
function awaken(attached: Attached): Attached {
  const { journal, standing } = attached;
  const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  journal.patience = () => {
    standing.announceEffects();
    const deadline = monotonicMs() + journalWaitMsMax;
    while (journal.isCrowded && monotonicMs() < deadline) {
      Atomics.wait(nobody, 0, 0, journalWaitMs);
    }
  };
  return attached;
}
