// A reply that discards everything, for the commands that a follower applies from its leader's
// stream. Nothing is encoded or kept.

import type { Reply } from "./reply.ts";

export class NullReply implements Reply {
  begin(): void {}
  violation(): void {}
  switchProtocol(): void {}
  statusLine(): void {}
  ok(): void {}
  simple(): void {}
  error(): void {}
  integer(): void {}
  bulk(): void {}
  bulkFrom(): void {}
  text(): void {}
  verbatim(): void {}
  formatted(): void {}
  nil(): void {}
  nilArray(): void {}
  boolean(): void {}
  double(): void {}
  bigNumber(): void {}
  attribute(): void {}
  array(): void {}
  set(): void {}
  map(): void {}
  push(): void {}
}
