// CLUSTER, READONLY, READWRITE and ASKING as redis 7.0 answers them with cluster support off: they
// exist, their arity is checked, and each is refused in the words from which clients conclude that
// they talk to a single node. There is no cluster here; followers are found by INFO replication.

import { errorReply } from "../../base/errors.ts";
import type { CommandRow } from "../core/command.ts";
import type { Handler } from "../core/context.ts";
import { family } from "../core/family.ts";
import { flag } from "../terms/flags.ts";

const { STALE, ADMIN, NO_SCRIPT, NO_ASYNC_LOADING, LOADING, FAST } = flag;

const disabled = errorReply("This instance has cluster support disabled");
const refuse: Handler = (_x, _request, reply) => reply.error(disabled);

const asking = STALE;
const changing = ADMIN | STALE | NO_ASYNC_LOADING;
const perNode = "O(N) where N is the total number of cluster nodes";

/** Name, arity, flags, since, arguments. */
type Line = readonly [string, number, number, string, string?];

const ranges = "start-slot_end-slot=(start-slot:integer end-slot:integer)...";
const lines: readonly Line[] = [
  ["addslots", -3, changing, "3.0.0", "slot:integer..."],
  ["addslotsrange", -4, changing, "7.0.0", ranges],
  ["bumpepoch", 2, changing, "3.0.0"],
  ["count-failure-reports", 3, ADMIN | STALE, "3.0.0", "node-id"],
  ["countkeysinslot", 3, asking, "3.0.0", "slot:integer"],
  ["delslots", -3, changing, "3.0.0", "slot:integer..."],
  ["delslotsrange", -4, changing, "7.0.0", ranges],
  ["failover", -2, changing, "3.0.0", "[options=(FORCE | TAKEOVER)]"],
  ["flushslots", 2, changing, "3.0.0"],
  ["forget", 3, changing, "3.0.0", "node-id"],
  ["getkeysinslot", 4, asking, "3.0.0", "slot:integer count:integer"],
  ["help", 2, LOADING | STALE, "5.0.0"],
  ["info", 2, asking, "3.0.0"],
  ["keyslot", 3, asking, "3.0.0", "key:string"],
  ["links", 2, asking, "7.0.0"],
  ["meet", -4, changing, "3.0.0", "ip port:integer [cluster_bus_port:integer@4.0.0]"],
  ["myid", 2, asking, "3.0.0"],
  ["nodes", 2, asking, "3.0.0"],
  ["replicas", 3, ADMIN | STALE, "5.0.0", "node-id"],
  ["replicate", 3, changing, "3.0.0", "node-id"],
  ["reset", -2, ADMIN | STALE | NO_SCRIPT, "3.0.0", "[hard_soft=(HARD | SOFT)]"],
  ["saveconfig", 2, changing, "3.0.0"],
  ["set-config-epoch", 3, changing, "3.0.0", "config-epoch:integer"],
  [
    "setslot",
    -4,
    changing,
    "3.0.0",
    "slot:integer subcommand=(IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE)",
  ],
  ["shards", 2, asking, "7.0.0"],
  ["slaves", 3, ADMIN | STALE, "3.0.0", "node-id"],
  ["slots", 2, asking, "3.0.0"],
];

const subcommands: readonly CommandRow[] = lines.map(([name, arity, flags, since, syntax]) => ({
  ...{ name: `cluster|${name}`, arity, flags, since, keys: [0, 0, 0], group: "cluster" },
  ...(syntax !== undefined && { syntax }),
  complexity: perNode,
  summary: "Refused: there is no cluster.",
  handler: refuse,
}));

export const clusterCommands = family({ group: "cluster", since: "3.0.0" }, [
  {
    name: "cluster",
    arity: -2,
    flags: 0,
    complexity: "Depends on subcommand.",
    summary: "A container for commands about clusters, which are refused.",
    handler: refuse,
    subcommands,
  },
  {
    name: "readonly",
    arity: 1,
    flags: LOADING | STALE | FAST,
    categories: ["@fast", "@connection"],
    summary: "Refused: a follower serves reads without it.",
    handler: refuse,
  },
  {
    name: "readwrite",
    arity: 1,
    flags: LOADING | STALE | FAST,
    categories: ["@fast", "@connection"],
    summary: "Refused: there is no cluster.",
    handler: refuse,
  },
  {
    name: "asking",
    arity: 1,
    flags: FAST,
    categories: ["@fast", "@connection"],
    summary: "Refused: there is no cluster.",
    handler: refuse,
  },
]);
