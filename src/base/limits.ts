// Every bound that a user can meet: what it limits, its unit (also in its name), the reason for the
// value, and what happens at the bound. Limits that a user may change are in config/; these do not
// change at run time. They stand in limits/ by area and are read from here, where the relations
// between them are asserted.

import {
  descriptorsReserved,
  descriptorsSpare,
  outputFlushBytes,
  outputHardBytesMax,
  outputPauseBytes,
  userBytesMax,
  usersBytesMax,
  usersFileBytesMax,
} from "./limits/client-limits.ts";
import { troubleRepeatMsMax, troubleRepeatMsMin } from "./limits/process-limits.ts";
import {
  acknowledgeMs,
  followerBufferSoftShare,
  linkSilenceMsMax,
  reconnectMsMax,
  reconnectMsMin,
  resyncMsMax,
  seekerMsMax,
  treeLineBytesMax,
  treeReportBytesMax,
  treeReportsBytesMax,
} from "./limits/replication-limits.ts";
import {
  bulkBytesMax,
  hostBytesMax,
  keyBytesMax,
  lineBytesMax,
  requestBytesMax,
  requestBytesMaxMin,
} from "./limits/request-limits.ts";
import {
  deliveredPerRoundBytesMax,
  deliveryDebtBytesMax,
  eventRecordBytesMax,
  messagesHardBytesDefault,
  messagesSoftBytesDefault,
  monitorArgumentBytesMax,
  watchedBytesMax,
  watchedSlotKeyBytesMax,
} from "./limits/subscription-limits.ts";

export * from "./limits/admin-limits.ts";
export * from "./limits/cache-limits.ts";
export * from "./limits/client-limits.ts";
export * from "./limits/process-limits.ts";
export * from "./limits/replication-limits.ts";
export * from "./limits/request-limits.ts";
export * from "./limits/script-limits.ts";
export * from "./limits/store-limits.ts";
export * from "./limits/subscription-limits.ts";

/** What must hold between the limits. */
const relations: readonly (readonly [holds: boolean, what: string])[] = [
  [keyBytesMax <= bulkBytesMax, "the longest key fits into an argument"],
  [keyBytesMax + bulkBytesMax + lineBytesMax < requestBytesMax, "a key and a value fit a request"],
  [keyBytesMax < requestBytesMax && requestBytesMaxMin < requestBytesMax, "requests have room"],
  [keyBytesMax <= watchedBytesMax, "the longest key can be watched"],
  [watchedSlotKeyBytesMax % 32 === 0, "slots are aligned"],
  [outputFlushBytes <= outputPauseBytes, "gathered replies are sent before requests wait"],
  [outputPauseBytes + bulkBytesMax < outputHardBytesMax, "a value fits while requests wait"],
  [troubleRepeatMsMin <= troubleRepeatMsMax, "intervals grow"],
  [descriptorsSpare < descriptorsReserved, "max-clients is reached before the spare descriptors"],
  [4 * monitorArgumentBytesMax < eventRecordBytesMax, "a line of escapes fits a record"],
  [messagesSoftBytesDefault < messagesHardBytesDefault, "a soft bound is below its hard one"],
  [messagesHardBytesDefault < outputHardBytesMax, "the bound of a class is below that of all"],
  [followerBufferSoftShare < 1, "a soft bound is below its hard one"],
  [deliveredPerRoundBytesMax < deliveryDebtBytesMax, "a thread has work for more than a round"],
  [acknowledgeMs < linkSilenceMsMax, "a live link is heard"],
  [userBytesMax <= usersBytesMax && usersBytesMax < usersFileBytesMax, "users fit their file"],
  [hostBytesMax + 100 < treeLineBytesMax, "a node with the longest host fits its line"],
  [4 * treeReportBytesMax <= treeReportsBytesMax, "a leader keeps several full reports"],
  [reconnectMsMin <= reconnectMsMax && reconnectMsMax <= resyncMsMax, "waits grow"],
  [2 * reconnectMsMax < seekerMsMax, "a node that waits asks again before it is forgotten"],
];

for (const [holds, what] of relations) if (!holds) throw new Error(`limits.ts: false: ${what}`);
