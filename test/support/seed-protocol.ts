/**
 * The seed's binary protocol as a judge writes and reads it: frames to bytes, and a follower's link
 * that collects what its leader sends.
 * Deliberately independent of src/protocol. Knows no connection but the one it is given.
 * Invariant: integers are little-endian int32, as in REFERENCE (src/protocol/README.md).
 */
import type { Peer } from "./peer.ts";
import { bytesOf } from "./wire.ts";

export const OK = 1;
export const ERROR = 2;
export const KEY_NOT_FOUND = 3;
export const NOT_LEADER = 4;

/** What a key without a time is sent with to a follower that joins. */
export const noTtlSeconds = 2147483647;

/** A leader says within it whatever it has to say, on a busy machine, too. */
const quietMs = 1_000;

type Bytes = string | Uint8Array;

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function sized(bytes: Bytes): Buffer {
  const raw = bytesOf(bytes);
  return Buffer.concat([int32(raw.length), raw]);
}

export function setFrame(key: Bytes, value: Bytes, ttlSeconds: number): Buffer {
  return Buffer.concat([Uint8Array.of(1), sized(key), sized(value), int32(ttlSeconds)]);
}

export function getFrame(key: Bytes): Buffer {
  return Buffer.concat([Uint8Array.of(2), sized(key)]);
}

export function delFrame(key: Bytes): Buffer {
  return Buffer.concat([Uint8Array.of(3), sized(key)]);
}

export const joinFrame = Buffer.of(4);

/** A request that announces a length and sends nothing more. */
export function announcing(command: number, length: number): Buffer {
  return Buffer.concat([Uint8Array.of(command), int32(length)]);
}

/** The answer to GET: a status, and the value where there is one. */
export function getAnswer(status: number, value: Bytes = ""): Buffer {
  return Buffer.concat([Uint8Array.of(status), sized(value)]);
}

export interface ReplicatedFrame {
  readonly kind: "set" | "del";
  readonly key: string;
  readonly value: string;
  readonly ttlSeconds: number;
}

/** A Go follower's end of the link: it has sent JOIN and takes frames one by one. */
export class JoinedFollower {
  private readonly peer: Peer;

  constructor(peer: Peer) {
    this.peer = peer;
    peer.write(joinFrame);
  }

  /** The next frame, not acknowledged yet. */
  async frame(patienceMs?: number): Promise<ReplicatedFrame> {
    const [kind] = await this.peer.raw.readExactly(1, patienceMs);
    if (kind !== 1 && kind !== 3) throw new Error(`a leader sent a frame of kind ${kind}`);
    const key = await this.sized();
    if (kind === 3) return { kind: "del", key, value: "", ttlSeconds: 0 };
    const value = await this.sized();
    const ttlSeconds = (await this.peer.raw.readExactly(4)).readInt32LE(0);
    return { kind: "set", key, value, ttlSeconds };
  }

  /** The status byte with which a Go follower answers every frame. */
  acknowledge(status: number = OK): void {
    this.peer.write(Uint8Array.of(status));
  }

  async frames(count: number): Promise<ReplicatedFrame[]> {
    const frames: ReplicatedFrame[] = [];
    for (let i = 0; i < count; i++) {
      frames.push(await this.frame());
      this.acknowledge();
    }
    return frames;
  }

  /** All frames up to a silence: a write that meets the snapshot's walk may well come twice. */
  async framesUntilQuiet(): Promise<ReplicatedFrame[]> {
    const frames: ReplicatedFrame[] = [];
    for (;;) {
      const frame = await this.frame(quietMs).catch(() => undefined);
      if (frame === undefined) return frames;
      this.acknowledge();
      frames.push(frame);
    }
  }

  private async sized(): Promise<string> {
    const length = (await this.peer.raw.readExactly(4)).readInt32LE(0);
    if (length < 0) throw new Error(`a leader sent a length of ${length}`);
    return (await this.peer.raw.readExactly(length)).toString("latin1");
  }
}
