// The buffer pool: what it keeps, what it reuses, and what it frees when it is not needed. The
// benchmarks `resident` and `gc` show that the memory of a freed buffer leaves the process.

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

test("a buffer is at least as long as requested, and is reused", () => {
  const pool = new BufferPool();
  const buffer = pool.take(5 * KiB);
  expect(buffer.length).toBe(8 * KiB);
  pool.give(buffer);
  expect(pool.take(6 * KiB)).toBe(buffer);
});

test("buffers beyond the bound of the pool are freed at once", () => {
  const { pool } = filled();
  const surplus = new Uint8Array(MiB);
  pool.give(surplus);
  expect(surplus.length).toBe(0);
});

test("each trim frees half of the unused buffers", () => {
  const { pool, buffers } = filled();
  pool.trim(); // frees nothing: they have just arrived
  expect(alive(buffers)).toBe(16);
  pool.trim();
  expect(alive(buffers)).toBe(8);
  for (let i = 0; i < 6; i++) pool.trim();
  expect(alive(buffers)).toBe(0);
  expect(pool.take(MiB).length).toBe(MiB);
});

test("buffers in constant use stay", () => {
  const { pool, buffers } = filled();
  for (let i = 0; i < 10; i++) {
    const taken = Array.from({ length: 4 }, () => pool.take(MiB));
    for (const buffer of taken) pool.give(buffer);
    pool.trim();
  }
  expect(alive(buffers)).toBeGreaterThanOrEqual(4);
  expect(alive(buffers)).toBeLessThan(8);
});
