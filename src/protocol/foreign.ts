// Protocols that clients try and this server does not speak: each is closed with a line in the log that
// says what it was, instead of an error about bytes that nobody typed.

import type { ForeignProtocol } from "./protocol.ts";

const tlsHandshake = 0x16;
const memcacheBinaryRequest = 0x80;

export const tls: ForeignProtocol = {
  name: "tls",
  speaks: (firstByte) => firstByte === tlsHandshake,
  refusal: () => "sent a TLS hello to a plain port",
};

export const memcacheBinary: ForeignProtocol = {
  name: "memcached-binary",
  speaks: (firstByte) => firstByte === memcacheBinaryRequest,
  refusal: () => "spoke memcached's retired binary protocol",
};
