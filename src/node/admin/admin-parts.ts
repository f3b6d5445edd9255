// What the admin HTTP server and its routes need of the node, and what they know of a request.
// Types only.

import type { Log } from "../../base/log.ts";
import type { Monitors } from "../../command/messages/monitors.ts";
import type { Replication } from "../../replication/replication.ts";
import type { Store } from "../../store/store.ts";
import type { Connections } from "../connection/connections.ts";
import type { Shutdown } from "../control/shutdown.ts";
import type { NodeInformation } from "../info/information.ts";
import type { Credentials } from "../security/credentials.ts";
import type { NodeUsers } from "../security/node-users.ts";
import type { NodeConfiguration } from "../settings/configuration.ts";
import type { SharedStanding } from "../shared/standing.ts";
import type { Threads } from "../threads/threads.ts";
import type { LoadPage } from "./page-assets.ts";

export interface AdminParts {
  readonly store: Store;
  readonly standing: SharedStanding;
  readonly log: Log;
  readonly configuration: NodeConfiguration;
  readonly credentials: Credentials;
  readonly replication: Replication;
  readonly shutdown: Shutdown;
  readonly information: NodeInformation;
  readonly threads: Threads;
  readonly users: NodeUsers;
  readonly monitors: Monitors;
  readonly page: LoadPage | undefined;
  /** Those of the control thread. */
  readonly connections: Connections;
}

/** A request, and what the server knows of it. */
export interface Visit {
  readonly request: Request;
  readonly url: URL;
  /** The client's address. */
  readonly peer: { readonly host: string; readonly port: number };
  readonly isTls: boolean;
}
