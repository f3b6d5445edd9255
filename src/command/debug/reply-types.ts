// DEBUG PROTOCOL: one reply of each type that RESP has, for the tests of clients. The values and
// the refusals are those of redis 7.0 (`debug.c`).

import { errorReply } from "../../base/errors.ts";
import type { Reply } from "../../protocol/reply.ts";
import type { Request } from "../../protocol/request.ts";
import type { ControlContext } from "../core/context.ts";

type Writer = (reply: Reply, version: 2 | 3) => void;

const pushNeedsVersion3 = errorReply("RESP2 is not supported by this command");

const writers: Readonly<Record<string, Writer>> = {
  string: (reply) => reply.text("Hello World"),
  integer: (reply) => reply.integer(12_345),
  double: (reply) => reply.double("3.141"),
  bignum: (reply) => reply.bigNumber("1234567999999999999999999999999999999"),
  null: (reply) => reply.nil(),
  array: (reply) => {
    reply.array(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  set: (reply) => {
    reply.set(3);
    for (let i = 0; i < 3; i++) reply.integer(i);
  },
  map: (reply) => {
    reply.map(3);
    for (let i = 0; i < 3; i++) {
      reply.integer(i);
      reply.boolean(i === 1);
    }
  },
  attrib: (reply, version) => {
    if (version === 3) {
      reply.attribute(1);
      reply.text("key-popularity");
      reply.array(2);
      reply.text("key:123");
      reply.integer(90);
    }
    reply.text("Some real reply following the attribute");
  },
  push: (reply, version) => {
    if (version < 3) return reply.error(pushNeedsVersion3);
    reply.push(2);
    reply.text("server-cpu-usage");
    reply.integer(42);
    reply.text("Some real reply following the push reply");
  },
  verbatim: (reply) => reply.verbatim("This is a verbatim\nstring"),
  true: (reply) => reply.boolean(true),
  false: (reply) => reply.boolean(false),
};

const wrongType = errorReply(
  "Wrong protocol type name. Please use one of the following: " +
    "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
);

export function replyOfType({ session }: ControlContext, request: Request, reply: Reply): void {
  const type = request.text(2).toLowerCase();
  if (!Object.hasOwn(writers, type)) return reply.error(wrongType);
  writers[type](reply, session.protocol);
}
