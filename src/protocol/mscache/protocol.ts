// MSCache's binary protocol. It has no handshake and no login, so it is refused if a password is
// set.

import type { Protocol } from "../protocol.ts";
import { MscacheParser, opcode } from "./mscache-parser.ts";
import { MscacheReply } from "./mscache-reply.ts";

export const mscache: Protocol = {
  name: "mscache",
  speaks: (firstByte) => firstByte >= opcode.SET && firstByte <= opcode.JOIN,
  refusal: ({ authenticated }) =>
    authenticated
      ? ""
      : "spoke the binary protocol, which has no way to log in, and a password is needed",
  commands: ["mscache|set", "mscache|get", "mscache|del", "mscache|join"],
  decoder: () => new MscacheParser(true),
  reply: (out, errors) => new MscacheReply(out, errors),
};
