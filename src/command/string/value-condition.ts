// Conditions on the value of a key: IFEQ and IFNE compare bytes, IFDEQ and IFDNE the digest, which
// is 64 bits of XXH3 in hexadecimal. Of Redis 8.4 (t_string.c, db.c): a digest to compare with must
// have 16 characters, in any case; what they are is not checked. Valkey has IFEQ since 8.1 and the
// digests since 9.1.
// It judges only an item that was found: what a missing key means is the caller's.

import { type ErrorReply, errorReply } from "../../base/errors.ts";
import type { Request } from "../../protocol/request.ts";
import type { Store } from "../../store/store.ts";
import { copyValue } from "../core/write.ts";
import { option } from "./set-options.ts";

const digestLength = 16;
const notADigest = errorReply(`must be exactly ${digestLength} hexadecimal characters`);

/** Whether the item found meets a condition; argument `index` is what it is compared with. */
export function meets(
  store: Store,
  condition: number,
  request: Request,
  index: number,
): boolean | ErrorReply {
  if (condition === option.IFEQ) return equals(store, request, index);
  if (condition === option.IFNE) return !equals(store, request, index);
  if (request.length(index) !== digestLength) return notADigest;
  const isSame = request.text(index).toLowerCase() === digestOf(store);
  return isSame === (condition === option.IFDEQ);
}

/** Whether the value of the item found equals argument `index`. */
export function equals(store: Store, { buf, start, end }: Request, index: number): boolean {
  const length = store.valueLength;
  if (length !== end[index] - start[index]) return false;
  return compareBytes.call(copyValue(store), buf, start[index], end[index], 0, length) === 0;
}

/** Works on any Uint8Array, since Buffer is a subclass. */
const compareBytes = Buffer.prototype.compare as (
  this: Uint8Array,
  target: Uint8Array,
  targetStart: number,
  targetEnd: number,
  start: number,
  end: number,
) => number;

/** The digest of the value of the item found, in lower case. */
export function digestOf(store: Store): string {
  const value = copyValue(store).subarray(0, store.valueLength);
  return Bun.hash.xxHash3(value).toString(16).padStart(digestLength, "0");
}
