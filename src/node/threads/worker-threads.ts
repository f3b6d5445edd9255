// Data threads that are Workers, as the control thread sees them: asks all of them together, runs
// the commands that they submit, and keeps its ends of the links whose connections they have. The
// only file that knows where the code of a Worker is.
// Invariants: no reply goes out before every thread has reset its counters after CONFIG RESETSTAT,
// and judges by the users as they were when the command ran; a link acts in a turn of the control
// thread, so that effects recorded in it are sent.

import type { Address } from "../../base/address.ts";
import { freeBytes, giveBack } from "../../base/buffer-pool.ts";
import { monotonicMs } from "../../base/clock.ts";
import { ConfigError, type Fault } from "../../base/errors.ts";
import type { Link, LinkSocket } from "../../base/link.ts";
import type { LineSink } from "../../base/log.ts";
import { Output } from "../../base/output.ts";
import { joinLogs } from "../../command/acl/denial-log.ts";
import type { Denial } from "../../command/core/access-control.ts";
import type { Command } from "../../command/core/command.ts";
import type { ClientFilter, ClientReport } from "../../command/core/node.ts";
import type { User } from "../../command/core/user-record.ts";
import { type Channels, type Message, messageKind } from "../../command/messages/channels.ts";
import { flag } from "../../command/terms/flags.ts";
import type { Session } from "../../command/terms/session.ts";
import { protocolNamed } from "../../protocol/protocols.ts";
import type { Request } from "../../protocol/request.ts";
import type { Connections } from "../connection/connections.ts";
import { ListenError } from "../connection/listen-error.ts";
import { assertFree, type ServerTls } from "../connection/listener.ts";
import type { Bound, Endpoints } from "../connection/listeners.ts";
import type { Mailbox } from "../connection/mailbox.ts";
import type { Move } from "../connection/rebinding.ts";
import type { Enforcement } from "../security/node-users.ts";
import type { DeliveryDebt } from "../shared/delivery-debt.ts";
import type { SharedMemory } from "../shared/shared-memory.ts";
import { DataWorker } from "./data-worker.ts";
import { enforceUsers, losersAmong } from "./enforcement.ts";
import { unpackRequests } from "./packed-requests.ts";
import {
  changesOf,
  commandOf,
  type FromWorker,
  type LinkEvent,
  type Questions,
  reviveRequest,
  reviveSession,
  type Submission,
} from "./thread-messages.ts";
import { addStatistics, type ThreadStatistics, threadStatistics } from "./thread-statistics.ts";
import { killClients, reportClients, type Threads, timesOf } from "./threads.ts";
import { answerTimes, type TimeQuestions } from "./time-questions.ts";
import { RemoteLinkSocket } from "./worker-links.ts";

export interface WorkerParts {
  readonly memory: SharedMemory;
  readonly debt: DeliveryDebt;
  /** Those of the control thread, whose only clients come by HTTP. */
  readonly control: Connections;
  readonly mailbox: Mailbox;
  /** Called when a connection has closed that could get messages. */
  readonly subscriberLeft: (id: number) => void;
  readonly channels: Channels;
  /** The users at the time of the call. */
  readonly users: () => readonly User[];
  readonly fault: Fault;
  /** Whether a thread with a fault aborts the process itself. */
  readonly abortsOnFault: boolean;
  /** Number of Workers. */
  readonly count: number;
  /** Receives the lines of all logs; the default is standard error. */
  readonly logSink?: LineSink;
  /** Replaces the code of the Workers, for tests. */
  readonly entry?: URL;
}

interface RemoteEnd {
  /** The control thread's copy, from which a link knows its peer. */
  readonly session: Session;
  readonly socket: RemoteLinkSocket;
  readonly link: Link;
}

export class WorkerThreads implements Threads {
  private readonly parts: WorkerParts;
  private readonly debt: DeliveryDebt;
  private readonly workers: readonly DataWorker[];
  /** The thread of each session whose command is running here. */
  private readonly origins = new Map<number, DataWorker>();
  /** The thread of each session with subscriptions. */
  private readonly subscribers = new Map<number, DataWorker>();
  private readonly links = new Map<number, RemoteEnd>();
  /** How many groups of commands run here. */
  private groups = 0;
  /** Resolves when all threads have done what every client must see done. */
  private settled: Promise<unknown> = Promise.resolve();
  /** What the threads have told of themselves, up to a second ago (housekeeping.ts). */
  private told: ThreadStatistics[] = [];

  constructor(parts: WorkerParts) {
    if (process.platform !== "linux") {
      throw new ConfigError("--threads: more than one data thread works on Linux only");
    }
    this.parts = parts;
    this.debt = parts.debt;
    this.workers = Array.from({ length: parts.count }, (_, index) => this.start(index + 1));
  }

  private start(thread: number): DataWorker {
    const { count, memory, users, entry, logSink, fault, abortsOnFault } = this.parts;
    const control = this.parts.control.thread;
    const { store } = control.context;
    store.threads.markAlive(thread);
    const worker: DataWorker = new DataWorker({
      start: {
        thread,
        threads: count,
        memory,
        users: users(),
        ownsLog: logSink !== undefined,
        abortsOnFault,
      },
      log: control.log,
      fault,
      debt: this.debt,
      entry: entry ?? workerEntry(),
      received: (message) => {
        control.collector.received(0);
        control.turn(() => this.receive(worker, message));
      },
      gone: () => store.threads.markDead(thread),
    });
    return worker;
  }

  // ---- all of them ------------------------------------------------------------------------------

  /** The first thread binds everything; the others bind the same addresses beside it. */
  async listen(endpoints: Endpoints): Promise<Bound> {
    const { addresses, tlsAddresses, unix } = endpoints;
    for (const address of [...addresses, ...tlsAddresses]) assertFree(address);
    const [first, ...others] = this.workers;
    const copies = others.length;
    const bound = boundBy(await first.ask("listen", { endpoints, copies }));
    const same = {
      ...endpoints,
      addresses: atPorts(addresses, bound.ports),
      tlsAddresses: atPorts(tlsAddresses, bound.tlsPorts),
    };
    const answers = await Promise.all(
      others.map((worker, i) => {
        const own = { ...same, unix: unix && { ...unix, descriptor: bound.unixCopies[i] } };
        return worker.ask("listen", { endpoints: own, copies: 0 });
      }),
    );
    for (const answer of answers) boundBy(answer);
    return bound;
  }

  async relisten(move: Move): Promise<Bound | string> {
    const { addresses, tlsAddresses } = move;
    const taken = reasonTaken(move.fresh);
    if (taken !== null) return taken;
    const [first, ...others] = this.workers;
    const bound = await first.ask("relisten", move);
    if (typeof bound === "string") return bound;
    const same = {
      ...move,
      addresses: addresses && atPorts(addresses, bound.ports),
      tlsAddresses: tlsAddresses && atPorts(tlsAddresses, bound.tlsPorts),
    };
    const answers = await Promise.all(others.map((worker) => worker.ask("relisten", same)));
    const problem = answers.find((answer) => typeof answer === "string");
    if (problem === undefined) return bound;
    await this.settleListening(false);
    return problem;
  }

  async settleListening(isKept: boolean): Promise<void> {
    await this.askAll("settleListening", isKept);
  }

  async list(filter: ClientFilter): Promise<ClientReport[]> {
    const own = reportClients(this.parts.control, filter);
    const reports = await this.askAll("clients", filter);
    return [...own, ...reports.flat().map((report) => this.whole(report))].sort(
      (a, b) => a.session.id - b.session.id,
    );
  }

  /** A worker does not know what waits in the link that it serves. */
  private whole({ session, sizes, ...rest }: ClientReport): ClientReport {
    const linkBytes = this.links.get(session.id)?.link.waitingBytes ?? 0;
    return {
      ...rest,
      session: reviveSession(session),
      sizes: {
        ...sizes,
        listedBytes: sizes.listedBytes + linkBytes,
        totalBytes: sizes.totalBytes + linkBytes,
      },
    };
  }

  async kill(filter: ClientFilter): Promise<number> {
    const own = killClients(this.parts.control, filter);
    const counts = await this.askAll("kill", filter);
    return counts.reduce((sum, count) => sum + count, own);
  }

  /** Answers of the control thread wait until all threads have done it, as with counters. */
  renewTls(tls: ServerTls): void {
    this.settled = Promise.all([this.settled, this.askAll("renewTls", tls)]);
  }

  /** Includes the control thread's own counters: it runs commands for the others. */
  async statistics(): Promise<ThreadStatistics> {
    return addStatistics(await this.statisticsByThread());
  }

  async statisticsByThread(): Promise<readonly ThreadStatistics[]> {
    this.told = await this.askAll("statistics", null);
    return [threadStatistics(this.parts.control), ...this.told];
  }

  statisticsNow(): ThreadStatistics {
    return addStatistics([threadStatistics(this.parts.control), ...this.told]);
  }

  resetStatistics(): void {
    this.told = [];
    this.parts.control.resetStatistics();
    this.settled = Promise.all([this.settled, this.askAll("resetStatistics", null)]);
  }

  async askTimes<Name extends keyof TimeQuestions>(
    name: Name,
    detail: TimeQuestions[Name]["detail"],
  ): Promise<TimeQuestions[Name]["answer"][]> {
    const own = answerTimes(timesOf(this.parts.control), name, detail);
    return [own, ...(await this.askAll<keyof TimeQuestions>(name, detail))] as never;
  }

  timesNow(): null {
    return null;
  }

  resetSlowLog(): void {
    answerTimes(timesOf(this.parts.control), "resetSlowLog", null);
    this.settled = Promise.all([this.settled, this.askAll("resetSlowLog", null)]);
  }

  enforce({ change, channelRules }: Enforcement): void {
    const losers = [...channelRules.keys()];
    enforceUsers(this.parts.control, change, losers); // of whom none subscribes
    const enforced = this.askAll("users", { change, losers }).then(async (answers) => {
      const ids = losersAmong(answers.flat(), channelRules, this.parts.channels);
      if (ids.size > 0) await this.kill({ ids });
    });
    this.settled = Promise.all([this.settled, enforced]);
  }

  async denials(): Promise<Denial[]> {
    const own = this.parts.control.access.denials.report();
    return joinLogs([own, ...(await this.askAll("denials", null))]);
  }

  async resetDenials(): Promise<void> {
    this.parts.control.access.denials.reset();
    await this.askAll("resetDenials", null);
  }

  settle(): Promise<unknown> {
    return this.settled;
  }

  roomForMessages(): Promise<void> {
    return this.debt.low();
  }

  async stopListening(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.bid("stopListening", null)));
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
  }

  abandon(): void {
    for (const worker of this.workers) worker.abandon();
  }

  private askAll<Name extends keyof Questions>(
    name: Name,
    detail: Questions[Name]["detail"],
  ): Promise<Questions[Name]["answer"][]> {
    return Promise.all(this.workers.map((worker) => worker.ask(name, detail)));
  }

  // ---- commands ---------------------------------------------------------------------------------

  private receive(worker: DataWorker, message: FromWorker): void {
    const { fault } = this.parts;
    const control = this.parts.control.thread;
    if (message.kind === "command") this.run(worker, message).catch((error) => control.fail(error));
    else if (message.kind === "withdrawn") this.parts.mailbox.withdraw(message.id);
    else if (message.kind === "fault") fault(message.text, `data thread ${worker.thread}`);
    else if (message.kind === "logLine") this.parts.logSink?.(message.line);
    else if (message.kind === "becameBusy") this.parts.control.becameBusy();
    else if (message.kind === "subscriberLeft") this.subscriberLeft(message.id);
    else if (message.kind !== "told") this.linkEvent(message);
  }

  /** Runs a submitted command; the thread that asked waits for the answer. */
  private async run(worker: DataWorker, submission: Submission): Promise<void> {
    const { ticket } = submission;
    const protocol = protocolNamed(submission.protocol);
    const { mailbox } = this.parts;
    const control = this.parts.control.thread;
    const request = reviveRequest(submission.request);
    const session = reviveSession(submission.session, submission.queue);
    this.origins.set(session.id, worker);
    const command = commandOf(request, protocol);
    const runs = (next: Request) => {
      const submit = () => mailbox.submit(session, command, next, protocol);
      return mayPublish(command) ? this.debt.whenLow(submit) : submit();
    };
    const more = (command.flags & flag.TRANSACTION) === 0 ? submission.queue : null;
    const first = await runs(request);
    const bytes = more === null ? first : await this.runRest(first, unpackRequests(more), runs);
    if (submission.queue !== null) freeBytes(submission.queue.bytes);
    this.origins.delete(session.id);
    this.noteSubscriber(session, worker);
    await this.settled;
    const changes = changesOf(submission.session, session);
    control.turn(() => {
      const copy = new Uint8Array(bytes);
      giveBack(bytes);
      worker.post({ kind: "answer", ticket, bytes: copy, changes }, [copy.buffer]);
    });
  }

  /** Runs the others of a group, until one was withdrawn, and returns all replies. */
  private async runRest(
    first: Uint8Array,
    requests: readonly Request[],
    runs: (request: Request) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const out = new Output(first.length * (requests.length + 1));
    let reply = first;
    out.appendAll(reply);
    this.groups++;
    for (const request of requests) {
      if (reply.length === 0) break;
      giveBack(reply);
      reply = await runs(request.copy()); // its memory is freed, and the others share it
      out.appendAll(reply);
    }
    this.groups--;
    giveBack(reply);
    return out.view();
  }

  // ---- subscribers ------------------------------------------------------------------------------

  /**
   * Each thread gets the message once, if it has receivers; one of them may be subscribing just
   * now.
   */
  deliver(receivers: ReadonlySet<number>, message: Message): void {
    const byWorker = new Map<DataWorker, number[]>();
    for (const id of receivers) {
      const worker = this.subscribers.get(id) ?? this.origins.get(id);
      // The invalidations of another client may go to a connection that has subscribed to nothing.
      if (worker === undefined && message.kind === messageKind.INVALIDATION) {
        for (const each of this.workers) each.deliver([id], message, this.groups > 0);
      }
      if (worker === undefined) continue;
      const ids = byWorker.get(worker);
      if (ids === undefined) byWorker.set(worker, [id]);
      else ids.push(id);
    }
    for (const [worker, ids] of byWorker) worker.deliver(ids, message, this.groups > 0);
  }

  private noteSubscriber(session: Session, worker: DataWorker): void {
    if (session.receives > 0) this.subscribers.set(session.id, worker);
    else this.subscribers.delete(session.id);
  }

  private subscriberLeft(id: number): void {
    this.subscribers.delete(id);
    this.parts.subscriberLeft(id);
  }

  // ---- links ------------------------------------------------------------------------------------

  takeOver(session: Session, open: (socket: LinkSocket) => Link): void {
    const present = this.links.get(session.id);
    if (present !== undefined) {
      open(present.socket);
      return;
    }
    const worker = this.origins.get(session.id);
    if (worker === undefined) return;
    const socket = new RemoteLinkSocket(session.id, session.address, (order, transfer) =>
      worker.post(order, transfer),
    );
    const link = open(socket);
    this.links.set(session.id, { session, socket, link });
    socket.begin(link.onData !== undefined);
  }

  private linkEvent(event: LinkEvent): void {
    const end = this.links.get(event.id);
    if (end === undefined) return;
    const { session, socket, link } = end;
    switch (event.kind) {
      case "linkTaken":
        if (socket.taken(event.bytes)) link.onDrain();
        return;
      case "linkData":
        session.lastActiveMs = monotonicMs();
        return link.onData?.(event.chunk);
      case "linkAcknowledged":
        session.lastActiveMs = monotonicMs();
        return link.acknowledge?.(event.offset);
      case "linkTold":
        session.lastActiveMs = monotonicMs();
        return link.tellTree?.(event.text);
      case "linkActive":
        session.lastActiveMs = event.atMs;
        return;
      case "linkClosed":
        this.links.delete(event.id);
        return link.onClose();
    }
  }
}

/**
 * Where the code of a Worker is. A binary has both entries side by side and finds them only by this
 * name; from source they are found relative to this file, whatever the working directory is.
 */
function workerEntry(): string | URL {
  const isBinary = /[/\\](\$bunfs|~BUN)[/\\]/.test(import.meta.path);
  return isBinary ? "./worker.ts" : new URL("../../worker.ts", import.meta.url);
}

/** A transaction comes here if one of its commands does. */
function mayPublish({ flags }: Command): boolean {
  const { GLOBAL, MAY_REPLICATE, TRANSACTION } = flag;
  return (flags & TRANSACTION) !== 0 || ((flags & GLOBAL) !== 0 && (flags & MAY_REPLICATE) !== 0);
}

function atPorts(addresses: readonly Address[], ports: readonly number[]): Address[] {
  return addresses.map(({ host }, i) => ({ host, port: ports[i] }));
}

/** With `reusePort` nothing would be in the way of a second server. */
function reasonTaken(addresses: readonly Address[]): string | null {
  try {
    for (const address of addresses) assertFree(address);
    return null;
  } catch (error) {
    if (error instanceof ListenError) return error.message;
    throw error;
  }
}

function boundBy(answer: Bound | string): Bound {
  if (typeof answer === "string") throw new ListenError(answer);
  return answer;
}
