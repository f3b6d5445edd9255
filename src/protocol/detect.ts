// Tells which protocol a fresh connection speaks, by its first byte. The decision is made once and
// kept by the connection. Everything that is no other protocol is RESP, whose decoder has the errors.

import { opcode } from "./mscache/mscache.ts";

export type Detected = "resp" | "mscache" | "memcached-binary" | "tls";

const TLS_HANDSHAKE = 0x16;
const MEMCACHED_BINARY = 0x80;

export function detect(first: number): Detected {
  if (first >= opcode.SET && first <= opcode.JOIN) return "mscache";
  if (first === TLS_HANDSHAKE) return "tls";
  if (first === MEMCACHED_BINARY) return "memcached-binary";
  return "resp";
}
