// What a follower is made of. Types only, for follower.ts and the code that puts a node together.
// Nothing here is code.

import type { Clock } from "../../base/clock.ts";
import type { Fault } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { TlsLink } from "../../base/tls-link.ts";
import type { Journal } from "../../journal/journal.ts";
import type { Keyspace } from "../../keyspace/keyspace.ts";
import type { Apply } from "../../protocol/apply-stream.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import type { History } from "../history.ts";
import type { LibraryData } from "../library-data.ts";
import type { Traffic } from "../traffic.ts";
import type { Seekers } from "../tree/seekers.ts";

/** What a copy of a part of the leader's data takes of a snapshot. */
export interface Selection {
  /** Items follow. */
  begin(): void;
  takes(key: Uint8Array, start: number, end: number, database: number): boolean;
  /** An item is about to be stored that has no old data beside it: makes room, if it can. */
  makeRoom(key: Uint8Array, start: number, end: number, bytes: number): void;
  /** An item that it would take has no room here. */
  lacks(key: Uint8Array, start: number, end: number): void;
}

export interface FollowerParts {
  readonly store: Store;
  /** Default: all items, and none is evicted. */
  readonly selection?: Selection | undefined;
  readonly keyspace: Keyspace;
  /** Without them, the libraries of a leader's snapshot are lost. */
  readonly libraries?: LibraryData | undefined;
  readonly journal: Journal;
  readonly history: History;
  readonly traffic: Traffic;
  readonly log: Logger;
  readonly fault: Fault;
  readonly clock: Clock;
  readonly apply: Apply;
  /** A number in [0, 1), for the jitter of reconnections. */
  readonly random: () => number;
  readonly identity: () => {
    listeningPort: number;
    announceIp: string;
    user: string;
    password: string;
    /**
     * It cannot lead, and acknowledges a byte less than it has: FAILOVER of a Redis takes any
     * follower that has acknowledged everything, and would wait for this one for ever.
     */
    isCopy?: boolean;
  };
  /** How to connect by TLS; null: without it. */
  readonly tls?: () => TlsLink | null;
  /** The same data go on under another name: our own followers must be told. */
  readonly historyRenamed: (reason: string) => void;
  /** The data are replaced: our followers must start again. */
  readonly historyReplaced: (reason: string) => void;
  /** A command of the stream is about to be applied. */
  readonly changing?: (request: Request, database: number) => void;
  /** New bytes are in the journal. */
  readonly journaled: () => void;
  /** Whether a snapshot with other types than strings is refused. */
  readonly refusesOtherTypes?: () => boolean;
  /** Called right before all data are removed: a walk over them must stop. */
  readonly dataReplaced?: (() => void) | undefined;
  readonly loadingChanged?: ((isLoading: boolean) => void) | undefined;
  /** What there is to tell a leader of ours of our own followers. Default: nothing. */
  readonly treeReport?: () => string;
  /** Nodes that wait for this one. Absent: nobody follows it. */
  readonly seekers?: Seekers;
  /** The link to the leader came up or went down. */
  readonly linkChanged?: () => void;
  /** The link, or an attempt to open it, has failed. */
  readonly failed?: (reason: string) => void;
  /** What became of a follow() that was a failover. */
  readonly failoverAnswered?: (accepted: boolean, reason: string) => void;
}
