// TLS handshakes under way are bounded in number and time; a socket that is gone counts no more.
// The sockets are scripted and the clock is the test's.

import { expect, test } from "bun:test";
import { handshakeMsMax, handshakesMax } from "../../../../src/base/limits.ts";
import { Handshakes, type HandshakingSocket } from "../../../../src/node/connection/handshakes.ts";

function bed() {
  let nowMs = 1_000;
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const log = { debug: write, info: write, warn: write, error: write };
  const handshakes = new Handshakes(log, () => nowMs);
  const ended: number[] = [];
  const socket = (number: number, authorized = false): HandshakingSocket => ({
    authorized,
    remoteAddress: "192.0.2.1",
    remotePort: number,
    getPeerCertificate: () => ({}) as never,
    terminate: () => void ended.push(number),
  });
  const pass = (ms: number) => {
    nowMs += ms;
    handshakes.expire();
  };
  return { handshakes, socket, ended, lines, pass };
}

test("a handshake that takes too long is ended, and the others go on", () => {
  const { handshakes, socket, ended, lines, pass } = bed();
  const slow = socket(1);
  handshakes.begin(slow);
  pass(handshakeMsMax - 1);
  const quick = socket(2);
  handshakes.begin(quick);
  expect(ended).toEqual([]);
  pass(1);
  expect(ended).toEqual([1]);
  expect(lines).toEqual([
    "client 192.0.2.1:1: its TLS handshake failed: it was not done within 10000 ms",
  ]);
  expect(handshakes.finish(quick, null, "no")).toBe(true);
  expect(handshakes.finish(slow, null, "no")).toBe(false); // its events may still arrive
  pass(10 * handshakeMsMax);
  expect(ended).toEqual([1]);
});

test("more than the bound at a time: the oldest makes room, but none that is done", () => {
  const { handshakes, socket, ended } = bed();
  const done = socket(0);
  handshakes.begin(done);
  handshakes.finish(done, null, "no");
  for (let number = 1; number <= handshakesMax; number++) handshakes.begin(socket(number));
  expect(ended).toEqual([]);
  handshakes.begin(socket(handshakesMax + 1));
  expect(ended).toEqual([1]);
});

test("at the end of the node those under way end", () => {
  const { handshakes, socket, ended } = bed();
  handshakes.begin(socket(1));
  handshakes.begin(socket(2));
  handshakes.end();
  expect(ended).toEqual([1, 2]);
});
