// The pool of buffers: what it keeps, what it gives again, and what it frees when nobody wants it. That a
// freed buffer leaves the process is shown by the benchmarks `resident` and `gc`.

import { expect, test } from "bun:test";
import { BufferPool } from "../../../src/base/buffer-pool.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Fills a pool with 16 buffers of a megabyte. */
function filled(): { pool: BufferPool; buffers: Uint8Array[] } {
  const pool = new BufferPool();
  const buffers = Array.from({ length: 16 }, () => pool.take(MiB));
  for (const buffer of buffers) pool.give(buffer);
  return { pool, buffers };
}

const alive = (buffers: readonly Uint8Array[]) => buffers.filter(({ length }) => length > 0).length;

test("a buffer is at least as long as it was asked for, and is given again", () => {
  const pool = new BufferPool();
  const buffer = pool.take(5 * KiB);
  expect(buffer.length).toBe(8 * KiB);
  pool.give(buffer);
  expect(pool.take(6 * KiB)).toBe(buffer);
});

test("what is beyond the bound of the pool is freed at once", () => {
  const { pool } = filled();
  const surplus = new Uint8Array(MiB);
  pool.give(surplus);
  expect(surplus.length).toBe(0);
});

test("what nobody takes is freed by halves", () => {
  const { pool, buffers } = filled();
  pool.trim(); // they have just come
  expect(alive(buffers)).toBe(16);
  pool.trim();
  expect(alive(buffers)).toBe(8);
  for (let i = 0; i < 6; i++) pool.trim();
  expect(alive(buffers)).toBe(0);
  expect(pool.take(MiB).length).toBe(MiB);
});

test("what is taken again and again stays", () => {
  const { pool, buffers } = filled();
  for (let i = 0; i < 10; i++) {
    const taken = Array.from({ length: 4 }, () => pool.take(MiB));
    for (const buffer of taken) pool.give(buffer);
    pool.trim();
  }
  expect(alive(buffers)).toBeGreaterThanOrEqual(4);
  expect(alive(buffers)).toBeLessThan(8);
});
