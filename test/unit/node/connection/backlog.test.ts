// Output that waits for a socket, against a model of plain text: whatever is appended, shared and
// moved comes out in order, whatever the socket takes at a time; and what it costs to keep.

import { afterEach, describe, expect, test } from "bun:test";
import { buffers } from "../../../../src/base/buffer-pool.ts";
import { Output } from "../../../../src/base/output.ts";
import { Backlog } from "../../../../src/node/connection/backlog.ts";
import { Chunk } from "../../../../src/node/connection/chunk.ts";
import { repetitions } from "../../../support/repetitions.ts";
import { Random, seedFor } from "../../../support/seed.ts";

/** A socket that takes as much as it is told, and remembers how it came. */
class Taker {
  text = "";
  writes = 0;
  room = Number.POSITIVE_INFINITY;

  offer(bytes: Uint8Array, offset: number, length: number): number {
    this.writes++;
    const count = Math.min(length, this.room);
    this.room -= count;
    this.text += Buffer.from(bytes.subarray(offset, offset + count)).toString("latin1");
    return count;
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");

function append(backlog: Backlog, text: string): void {
  backlog.append(bytesOf(`<${text}>`), 1, text.length + 1);
}

function sharedChunk(text: string): Chunk {
  return new Chunk(new Uint8Array(bytesOf(text)), text.length);
}

test("what was kept comes out in order, whatever a socket takes at a time", () => {
  const random = new Random(seedFor("BACKLOG_SEED"));
  for (let round = 0; round < repetitions(40, 200); round++) {
    const [backlog, waiting, taker] = [new Backlog(), new Backlog(), new Taker()];
    const out = new Output();
    let wanted = "";
    for (let step = 0; step < random.between(1, 60); step++) {
      const letter = String.fromCharCode(97 + (step % 26));
      const text = letter.repeat(random.between(1, 10 ** random.between(1, 5)));
      const kind = random.between(0, 5);
      if (kind === 0) backlog.share(sharedChunk(text), 0, text.length);
      else if (kind === 1) {
        out.appendAll(bytesOf(`--${text}`));
        backlog.keep(out, 2);
        out.clear();
      } else if (kind === 2) {
        append(waiting, text);
        waiting.share(sharedChunk(text), 0, text.length);
        waiting.moveTo(backlog);
        wanted += text;
      } else append(backlog, text);
      wanted += text;
      expect([backlog.bytes, waiting.bytes]).toEqual([wanted.length - taker.text.length, 0]);
      if (random.between(0, 3) > 0) continue;
      taker.room = random.between(0, 10 ** random.between(1, 6));
      expect(backlog.drain(taker)).toBe(backlog.bytes === 0);
    }
    taker.room = Number.POSITIVE_INFINITY;
    expect(backlog.drain(taker)).toBe(true);
    expect(taker.text === wanted).toBe(true);
    expect(backlog.bytes).toBe(0);
  }
});

test("small pieces leave in one write, also with larger ones between them", () => {
  const [backlog, taker] = [new Backlog(), new Taker()];
  for (let i = 0; i < 10; i++) {
    append(backlog, "small");
    backlog.share(sharedChunk("l".repeat(4096)), 0, 4096);
  }
  expect(backlog.drain(taker)).toBe(true);
  expect([taker.text.length, taker.writes]).toEqual([10 * 4101, 1]);
});

test("a socket that ends in the middle of a write leaves an empty backlog", () => {
  const backlog = new Backlog();
  append(backlog, "hello");
  append(backlog, "x".repeat(100_000));
  const ending = {
    offer: () => {
      backlog.clear();
      return 3;
    },
  };
  expect(backlog.drain(ending)).toBe(true);
  expect(backlog.bytes).toBe(0);
});

describe("memory", () => {
  const { take, give } = buffers;
  afterEach(() => Object.assign(buffers, { take, give }));

  /** Bytes that were taken from the pool, or given to it, since the call. */
  function watchPool() {
    const counts = { taken: 0, given: 0 };
    Object.assign(buffers, {
      take: (bytes: number) => {
        const buffer = take.call(buffers, bytes);
        counts.taken += buffer.length;
        return buffer;
      },
      give: (buffer: Uint8Array) => {
        counts.given += buffer.length;
        give.call(buffers, buffer);
      },
    });
    return counts;
  }

  test("a hundred thousand messages of 31 bytes take little more than their bytes", () => {
    const counts = watchPool();
    const [backlog, waiting] = [new Backlog(), new Backlog()];
    for (let i = 0; i < 100_000; i++) {
      waiting.append(bytesOf("*3 message of thirty-one bytes \n"), 0, 31);
      waiting.moveTo(backlog);
    }
    expect(backlog.bytes).toBe(3_100_000);
    expect(counts.taken - counts.given).toBeLessThan(3_100_000 + 128 * 1024);
    backlog.clear();
    expect(counts.taken).toBe(counts.given);
  });

  test("a chunk goes back with the last of the backlogs that keep it, sent or dropped", () => {
    const counts = watchPool();
    const backlogs = [new Backlog(), new Backlog(), new Backlog()];
    const chunk = sharedChunk("m".repeat(10_000));
    for (const backlog of backlogs) backlog.share(chunk, 0, 10_000);
    expect(backlogs[0].drain(new Taker())).toBe(true);
    backlogs[1].clear();
    expect(counts.given).toBe(0);
    const taker = new Taker();
    expect(backlogs[2].drain(taker)).toBe(true);
    expect([taker.text.length, counts.given]).toEqual([10_000, 10_000]);
  });

  test("an empty backlog holds nothing, however it became empty", () => {
    const counts = watchPool();
    const [backlog, other] = [new Backlog(), new Backlog()];
    append(backlog, "sent");
    backlog.drain(new Taker());
    append(backlog, "moved");
    backlog.moveTo(other);
    other.clear();
    expect([counts.taken > 0, counts.taken - counts.given]).toEqual([true, 0]);
  });
});
