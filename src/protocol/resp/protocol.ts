// RESP2 and RESP3 as one protocol: HELLO switches a connection between them. A connection speaks
// RESP if no other protocol claims it.

import type { Protocol } from "../protocol.ts";
import { RespParser } from "./resp-parser.ts";
import { RespReply } from "./resp-reply.ts";

export const resp: Protocol = {
  name: "resp",
  speaks: () => true,
  refusal: () => "",
  commands: null,
  decoder: (peer) => new RespParser(peer, true),
  reply: (out, errors) => new RespReply(out, errors),
};
