// The standing of the node, which every command of every thread must see at once: the leader it
// follows, whether it is loading a snapshot, what else restricts commands; also the settings that
// all threads read, the counter of clients and their ids. It is in shared memory, and each thread
// has its own object over it, with its own copy of the users. Only the control thread changes the
// standing: the role under the locks of all shards, and LOADING before it removes the old data, for
// which it takes them all.
// Invariant: shared memory has no secrets.

import { type ErrorReply, readOnlyUnder } from "../../base/errors.ts";
import { type LogFormat, type LogLevel, logFormats, logLevels } from "../../base/log.ts";
import { Access } from "../../command/acl/access.ts";
import { describeRunning } from "../../command/connection/client-line.ts";
import type { Standing } from "../../command/core/node.ts";
import { ScriptState } from "../../command/core/script-state.ts";
import { restriction } from "../../command/run/gate.ts";
import { type DebugAccess, debugAccesses } from "../../config/values.ts";
import { SharedValue, sharedValueWords } from "./shared-value.ts";

const CLIENT_IDS = 0;
/** Incremented when effects were recorded; the control thread waits on it to send them. */
const EFFECTS = 1;
/** Open connections of all threads. */
const CONNECTIONS = 2;
const RESTRICTIONS = 3;
const PORT = 4;
const MAX_CLIENTS = 5;
const IDLE_TIMEOUT = 6;
const LOG_LEVEL = 7;
const KEEP_ALIVE = 8;
const PROTECTED = 9;
const TLS_PORT = 10;
const LEADER = 11;
const DENIALS_MAX = LEADER + sharedValueWords;
const DENIAL_IDS = DENIALS_MAX + 1;
const DEBUG_COMMAND = DENIAL_IDS + 1;
const SPARSE_SKETCH = DEBUG_COMMAND + 1;
const SCRIPT = SPARSE_SKETCH + 1;
const SCRIPT_HALVES = SCRIPT + 1;
const SCRIPT_MS = SCRIPT_HALVES + 1;
const LOG_FORMAT = SCRIPT_MS + 1;
const words = LOG_FORMAT + 1;
const wordMax = 0x7fff_ffff;

/** Room for the longest host name and its port. A longer address is left out of READONLY errors. */
const leaderBytesMax = 512;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What follows from the leader's address. */
interface Leader {
  readonly address: string;
  readonly writeRefusal: ErrorReply;
}

export class SharedStanding implements Standing {
  readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly leader: SharedValue<Leader>;
  /** The users, of whom this thread has its own copy. */
  readonly access: Access;
  readonly script: ScriptState;
  /** Called when a script of this thread takes too long. */
  becameBusy: () => void;

  constructor(
    memory = new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT + leaderBytesMax),
  ) {
    this.memory = memory;
    this.words = new Int32Array(memory, 0, words);
    const bytes = new Uint8Array(memory, words * Int32Array.BYTES_PER_ELEMENT);
    this.leader = new SharedValue(
      this.words.subarray(LEADER, LEADER + sharedValueWords),
      bytes,
      leaderAt,
    );
    this.script = new ScriptState(this.words, SCRIPT, SCRIPT_HALVES);
    this.becameBusy = () => undefined;
    this.access = new Access(this, describeRunning);
  }

  // ---- role -------------------------------------------------------------------------------------

  get isFollower(): boolean {
    return (this.restrictions & restriction.FOLLOWER) !== 0;
  }

  /** Follows the leader at that address; null: is the leader. Only for the control thread. */
  follow(leader: string | null): void {
    this.leader.write(encoder.encode(leader ?? ""));
    this.restrict(restriction.FOLLOWER, leader !== null);
  }

  /** The address of the leader, as `host:port`; empty for none. */
  get leaderAddress(): string {
    return this.leader.value.address;
  }

  get writeRefusal(): ErrorReply {
    return this.leader.value.writeRefusal;
  }

  // ---- login ------------------------------------------------------------------------------------

  get needsLogin(): boolean {
    return this.access.needsLogin;
  }

  // ---- settings ---------------------------------------------------------------------------------

  // All threads read these; only the control thread sets them (settings-in-force.ts).

  get maxClients(): number {
    return Atomics.load(this.words, MAX_CLIENTS);
  }

  set maxClients(count: number) {
    Atomics.store(this.words, MAX_CLIENTS, count);
  }

  /** The system probes a client after this much silence; 0: never. */
  get keepAliveSeconds(): number {
    return Atomics.load(this.words, KEEP_ALIVE);
  }

  set keepAliveSeconds(seconds: number) {
    Atomics.store(this.words, KEEP_ALIVE, seconds);
  }

  /** Whether a node without a password refuses other machines. */
  get isProtected(): boolean {
    return Atomics.load(this.words, PROTECTED) !== 0;
  }

  set isProtected(value: boolean) {
    Atomics.store(this.words, PROTECTED, value ? 1 : 0);
  }

  /** Who may use DEBUG. */
  get debugCommand(): DebugAccess {
    return debugAccesses[Atomics.load(this.words, DEBUG_COMMAND)];
  }

  set debugCommand(access: DebugAccess) {
    Atomics.store(this.words, DEBUG_COMMAND, debugAccesses.indexOf(access));
  }

  /** Above that, a sparse HyperLogLog becomes a dense one. */
  get sparseSketchBytesMax(): number {
    return Atomics.load(this.words, SPARSE_SKETCH);
  }

  set sparseSketchBytesMax(bytes: number) {
    Atomics.store(this.words, SPARSE_SKETCH, Math.min(bytes, wordMax));
  }

  /** The length of the log of refused commands; each thread has one. */
  get denialsMax(): number {
    return Atomics.load(this.words, DENIALS_MAX);
  }

  set denialsMax(count: number) {
    Atomics.store(this.words, DENIALS_MAX, count);
  }

  /** Longest time of a script; 0: no limit. */
  get scriptMsMax(): number {
    return Atomics.load(this.words, SCRIPT_MS);
  }

  set scriptMsMax(ms: number) {
    Atomics.store(this.words, SCRIPT_MS, ms);
  }

  /** An id that no thread has returned before. */
  nextDenialId(): number {
    return Atomics.add(this.words, DENIAL_IDS, 1) + 1;
  }

  /** 0: a client may be silent for ever. */
  get idleTimeoutSeconds(): number {
    return Atomics.load(this.words, IDLE_TIMEOUT);
  }

  set idleTimeoutSeconds(seconds: number) {
    Atomics.store(this.words, IDLE_TIMEOUT, seconds);
  }

  get logLevel(): LogLevel {
    return logLevels[Atomics.load(this.words, LOG_LEVEL)];
  }

  set logLevel(level: LogLevel) {
    Atomics.store(this.words, LOG_LEVEL, logLevels.indexOf(level));
  }

  get logFormat(): LogFormat {
    return logFormats[Atomics.load(this.words, LOG_FORMAT)];
  }

  set logFormat(format: LogFormat) {
    Atomics.store(this.words, LOG_FORMAT, logFormats.indexOf(format));
  }

  /** The first port for TLS; 0 if there is none. */
  get tlsPort(): number {
    return Atomics.load(this.words, TLS_PORT);
  }

  set tlsPort(port: number) {
    Atomics.store(this.words, TLS_PORT, port);
  }

  /** The port of the first address; of the first for TLS if there is no other. */
  get port(): number {
    return Atomics.load(this.words, PORT);
  }

  set port(port: number) {
    Atomics.store(this.words, PORT, port);
  }

  // ---- what stands in the way of commands -------------------------------------------------------

  get isLoading(): boolean {
    return (this.restrictions & restriction.LOADING) !== 0;
  }

  set isLoading(value: boolean) {
    this.restrict(restriction.LOADING, value);
  }

  /** Whether a script takes too long. Nothing then changes the data but the script. */
  get isBusy(): boolean {
    return (this.restrictions & restriction.BUSY) !== 0;
  }

  set isBusy(value: boolean) {
    this.restrict(restriction.BUSY, value);
    if (value) this.becameBusy();
  }

  /** What restricts commands, as bits of command/run/gate.ts; usually none is set. */
  get restrictions(): number {
    return Atomics.load(this.words, RESTRICTIONS);
  }

  /** Only for the control thread, but for BUSY. */
  restrict(bits: number, isSet: boolean): void {
    if (isSet) Atomics.or(this.words, RESTRICTIONS, bits);
    else Atomics.and(this.words, RESTRICTIONS, ~bits);
    Atomics.notify(this.words, RESTRICTIONS);
  }

  /** Resolves when none of these restrictions is left. */
  async free(bits: number): Promise<void> {
    for (;;) {
      const seen = Atomics.load(this.words, RESTRICTIONS);
      if ((seen & bits) === 0) return;
      const wait = Atomics.waitAsync(this.words, RESTRICTIONS, seen);
      if (wait.async) await wait.value;
    }
  }

  // ---- clients and effects ----------------------------------------------------------------------

  /** An id that no thread has returned before. */
  nextClientId(): number {
    return Atomics.add(this.words, CLIENT_IDS, 1) + 1;
  }

  /** The last one that was returned: later clients have larger ids. */
  get lastClientId(): number {
    return Atomics.load(this.words, CLIENT_IDS);
  }

  /** Counts one more connection and returns how many there are now. */
  connectionOpened(): number {
    return Atomics.add(this.words, CONNECTIONS, 1) + 1;
  }

  connectionClosed(): void {
    Atomics.sub(this.words, CONNECTIONS, 1);
  }

  /** Wakes the control thread: there is something to send to followers. */
  announceEffects(): void {
    Atomics.add(this.words, EFFECTS, 1);
    Atomics.notify(this.words, EFFECTS);
  }

  /**
   * Calls `wake` after announcements, once for those that came together. Ends at the first
   * announcement after `signal` was aborted. Only for the control thread.
   */
  async onEffects(wake: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seen = Atomics.load(this.words, EFFECTS);
      wake();
      const wait = Atomics.waitAsync(this.words, EFFECTS, seen);
      if (wait.async) await wait.value;
      // Under steady load there is always a new one: sockets must be served in between.
      else await nextTurn();
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function leaderAt(bytes: Uint8Array): Leader {
  const address = decoder.decode(bytes);
  return { address, writeRefusal: readOnlyUnder(address) };
}
