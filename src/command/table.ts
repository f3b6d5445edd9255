// The table of all commands: registers the rows of every family when this file is loaded. A new
// family is added to the list below and nowhere else. registry.ts looks commands up by name.

import { aclCommands } from "./acl/acl-command.ts";
import { bitCommands } from "./bits/bit.ts";
import { bitSearchCommands } from "./bits/bit-search.ts";
import { bitfieldCommands } from "./bits/bitfield.ts";
import { bitopCommands } from "./bits/bitop.ts";
import { clientCommands } from "./connection/client-command.ts";
import { connectionCommands } from "./connection/hello.ts";
import { Command, type CommandRow } from "./core/command.ts";
import { register, registerInternal } from "./core/registry.ts";
import { debugCommands } from "./debug/debug-command.ts";
import { fcallCommands } from "./function/fcall.ts";
import { functionCommands } from "./function/functions.ts";
import { databaseCommands } from "./generic/databases.ts";
import { dumpCommands } from "./generic/dump.ts";
import { expiryCommands } from "./generic/expiry.ts";
import { keyMoveCommands } from "./generic/key-move.ts";
import { keyWalkCommands } from "./generic/key-walk.ts";
import { keyCommands } from "./generic/keys.ts";
import { migrateCommands } from "./generic/migrate.ts";
import { objectCommands } from "./generic/object-command.ts";
import { hyperLogLogCommands } from "./hyperloglog/hyperloglog-commands.ts";
import { mscacheCommands } from "./mscache/mscache-commands.ts";
import { pubSubCommands } from "./pubsub/pub-sub.ts";
import { evalCommands } from "./script/eval.ts";
import { scriptCommands } from "./script/script.ts";
import { clusterCommands } from "./server/cluster-command.ts";
import { configCommands } from "./server/config-command.ts";
import { failoverCommands } from "./server/failover-command.ts";
import { serverCommands } from "./server/info-command.ts";
import { introspectionCommands } from "./server/introspection.ts";
import { latencyCommands } from "./server/latency-command.ts";
import { memoryCommands } from "./server/memory-command.ts";
import { moduleCommands } from "./server/module-command.ts";
import { monitorCommands } from "./server/monitor-command.ts";
import { replicationCommands } from "./server/replicaof.ts";
import { persistenceCommands } from "./server/save.ts";
import { shutdownCommands } from "./server/shutdown-command.ts";
import { slowLogCommands } from "./server/slowlog-command.ts";
import { waitCommands } from "./server/wait.ts";
import { waitOffsetCommands } from "./server/wait-offset.ts";
import { compareDeleteCommands } from "./string/compare-delete.ts";
import { counterCommands } from "./string/counter.ts";
import { increxCommands } from "./string/increx.ts";
import { lcsCommands } from "./string/lcs.ts";
import { msetexCommands } from "./string/msetex.ts";
import { stringRangeCommands } from "./string/string-range.ts";
import { stringReadCommands } from "./string/string-read.ts";
import { stringWriteCommands } from "./string/string-write.ts";
import { transactionCommands } from "./transaction/transaction.ts";

export { commands, type Finder, find, finderOf } from "./core/registry.ts";

const rows: readonly CommandRow[] = [
  ...stringReadCommands,
  ...stringWriteCommands,
  ...stringRangeCommands,
  ...counterCommands,
  ...bitCommands,
  ...bitSearchCommands,
  ...bitopCommands,
  ...bitfieldCommands,
  ...hyperLogLogCommands,
  ...increxCommands,
  ...msetexCommands,
  ...compareDeleteCommands,
  ...lcsCommands,
  ...keyCommands,
  ...databaseCommands,
  ...keyWalkCommands,
  ...keyMoveCommands,
  ...expiryCommands,
  ...dumpCommands,
  ...migrateCommands,
  ...objectCommands,
  ...connectionCommands,
  ...clientCommands,
  ...aclCommands,
  ...configCommands,
  ...introspectionCommands,
  ...serverCommands,
  ...memoryCommands,
  ...slowLogCommands,
  ...monitorCommands,
  ...latencyCommands,
  ...moduleCommands,
  ...debugCommands,
  ...clusterCommands,
  ...persistenceCommands,
  ...replicationCommands,
  ...transactionCommands,
  ...pubSubCommands,
  ...evalCommands,
  ...scriptCommands,
  ...functionCommands,
  ...fcallCommands,
  ...shutdownCommands,
  ...waitCommands,
  ...waitOffsetCommands,
  ...failoverCommands,
];

for (const row of rows) register(new Command(row));

for (const row of mscacheCommands) registerInternal(new Command(row));
