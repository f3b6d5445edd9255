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

export interface FollowerParts {
  readonly store: Store;
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
  /** The link to the leader came up or went down. */
  readonly linkChanged?: () => void;
  /** What became of a follow() that was a failover. */
  readonly failoverAnswered?: (accepted: boolean, reason: string) => void;
}
