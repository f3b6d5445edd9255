// What all rooms that move bytes have in common. Nothing here knows what the bytes mean.
// Invariant: a source copies exactly the bytes that it was asked for.

/** Something that can copy a part of its bytes out: the store's current item. */
export interface ByteSource {
  copyTo(target: Uint8Array, at: number, from: number, length: number): void;
}
