/**
 * Payloads of DUMP for strings, built independently of src/rdb: type, length, bytes, version, and a
 * CRC-64 computed bit by bit over BigInts for a table.
 * Does not pack: what Redis packs comes from a Redis.
 */
import { type Argument, bytesOf } from "./wire.ts";

const polynomial = 0x95ac9329ac4bc9b5n;
const table = Array.from({ length: 256 }, (_, byte) => {
  let sum = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) sum = sum & 1n ? (sum >> 1n) ^ polynomial : sum >> 1n;
  return sum;
});

/** The payload of a string, in the form of redis 7.0 unless another version is given. */
export function payloadOf(value: Argument, version?: number): Buffer {
  const bytes = bytesOf(value);
  return withFooter(Buffer.concat([Buffer.from([0]), lengthOf(bytes.length), bytes]), version);
}

/** These bytes with a right footer, whatever they are. */
export function withFooter(content: Uint8Array, version = 10): Buffer {
  const body = Buffer.concat([content, Buffer.from([version & 0xff, version >> 8])]);
  let sum = 0n;
  for (const byte of body) sum = (sum >> 8n) ^ (table[Number(sum & 0xffn) ^ byte] as bigint);
  const footer = Buffer.alloc(8);
  footer.writeBigUInt64LE(sum);
  return Buffer.concat([body, footer]);
}

function lengthOf(length: number): Buffer {
  if (length < 64) return Buffer.from([length]);
  if (length < 16_384) return Buffer.from([0x40 | (length >> 8), length & 0xff]);
  const bytes = Buffer.from([0x80, 0, 0, 0, 0]);
  bytes.writeUInt32BE(length, 1);
  return bytes;
}
