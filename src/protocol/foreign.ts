// Protocols that clients try but this server does not speak. Such a connection is closed with a log
// line that names the protocol, instead of an error reply that makes no sense to the client.

import type { ForeignProtocol } from "./protocol.ts";

const TLS_HANDSHAKE = 0x16;
const MEMCACHE_BINARY_REQUEST = 0x80;

export const tls: ForeignProtocol = {
  name: "tls",
  speaks: (firstByte) => firstByte === TLS_HANDSHAKE,
  refusal: () => "sent a TLS hello to a plain port",
};

export const memcacheBinary: ForeignProtocol = {
  name: "memcached-binary",
  speaks: (firstByte) => firstByte === MEMCACHE_BINARY_REQUEST,
  refusal: () => "spoke memcached's retired binary protocol",
};
