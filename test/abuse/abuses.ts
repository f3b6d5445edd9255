/**
 * What crowds of clients do to a node: each abuse in a few clients for `bun run test` and in the
 * size of its name for `test:long`. None of them judges the node: abuse.test.ts does.
 */
import { expect } from "bun:test";
import { waitFor } from "../harness.ts";
import { Crowd } from "../support/crowd.ts";
import { infoNumber } from "../support/info-number.ts";
import type { Peer } from "../support/peer.ts";
import { repetitions } from "../support/repetitions.ts";
import { Random, seedFor } from "../support/seed.ts";
import { encodeCommand } from "../support/wire.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export const password = "a password that nobody guesses";
export const login = encodeCommand(["AUTH", password]);
const seed = seedFor("MSCACHE_ABUSE_SEED");

export interface Abuse {
  readonly name: string;
  /** The operator is logged in, and is not part of the abuse. */
  run(port: number, operator: Peer): Promise<void>;
}

export const abuses: readonly Abuse[] = [
  { name: "two thousand connections of random bytes", run: randomBytes },
  { name: "two thousand half commands", run: halfCommands },
  { name: "a thousand idle connections", run: idleConnections },
  { name: "a hundred readers that never read", run: readers },
  { name: "a hundred subscribers that never read 100 MB of long messages", run: longMessages },
  { name: "a hundred subscribers that never read short messages", run: shortMessages },
  { name: "64 MB values half sent by thirty", run: halfValues },
  { name: "ten thousand quick connections", run: quickConnections },
  { name: "ten thousand wrong passwords", run: wrongPasswords },
];

// ---- crowds -------------------------------------------------------------------------------------

async function members(port: number, count: number): Promise<Crowd> {
  const crowd = await Crowd.of(port, count);
  for (const member of crowd.members) member.send(login);
  await until(crowd, (text) => text.startsWith("+OK"));
  return crowd;
}

/** Every member that is still there has got this. */
function until(crowd: Crowd, hasCome: (text: string) => boolean): Promise<unknown> {
  return waitFor(() => crowd.members.every(({ isClosed, text }) => isClosed || hasCome(text)), {
    message: "the answers to a crowd",
    progress: () => crowd.members.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
  });
}

/** Everything that they were told to send is with the system, or they were disconnected. */
function sent(crowd: Crowd): Promise<unknown> {
  const left = () => crowd.members.filter(({ isClosed, sentAll }) => !isClosed && !sentAll).length;
  return waitFor(() => left() === 0, { message: "a crowd to have sent all", progress: left });
}

/** The first part of a SET whose value will never be whole. */
function halfSet(valueBytes: number): Buffer {
  const head = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${valueBytes}\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.alloc(valueBytes / 2, "v")]);
}

// ---- abuses -------------------------------------------------------------------------------------

async function randomBytes(port: number): Promise<void> {
  const random = new Random(seed);
  const nonsense = () =>
    Buffer.from(Array.from({ length: 1 + random.below(4 * KiB) }, () => random.below(256)));
  await using strangers = await Crowd.of(port, repetitions(200, 1000));
  for (const member of strangers.members) member.send(nonsense());
  await using known = await members(port, repetitions(200, 1000));
  for (const member of known.members) member.send(Buffer.concat([Buffer.from("*"), nonsense()]));
  await sent(strangers);
  await sent(known);
}

async function halfCommands(port: number): Promise<void> {
  await using crowd = await members(port, repetitions(300, 2000));
  const half = halfSet(repetitions(500, 100) * KiB);
  for (const member of crowd.members) member.send(half);
  await sent(crowd);
}

async function idleConnections(port: number, operator: Peer): Promise<void> {
  await using crowd = await members(port, 1000);
  expect(await infoNumber(operator, "connected_clients")).toBeGreaterThan(1000);
  expect(crowd.open).toBe(1000);
}

async function readers(port: number, operator: Peer): Promise<void> {
  expect(await operator.ask("SET", "v", Buffer.alloc(MiB, "v"))).toBe("+OK");
  await using crowd = await members(port, repetitions(30, 100));
  const gets = Buffer.concat(Array.from({ length: 30 }, () => encodeCommand(["GET", "v"])));
  for (const member of crowd.members) {
    member.pause();
    member.send(gets);
  }
  await sent(crowd);
  // By then so much waits for them that the node has begun to choose among them.
  const held = () => infoNumber(operator, "mem_clients_normal");
  const cut = () => infoNumber(operator, "evicted_clients");
  await waitFor(async () => (await cut()) > 0 || (await held()) > 24 * MiB);
  expect(await operator.ask("DEL", "v")).toBe(":1");
}

async function longMessages(port: number, operator: Peer): Promise<void> {
  await neverRead(port, operator, Buffer.alloc(100 * KiB, "m"), repetitions(8, 100) * MiB);
}

async function shortMessages(port: number, operator: Peer): Promise<void> {
  await neverRead(port, operator, Buffer.alloc(1000, "m"), repetitions(3, 20) * MiB);
}

async function neverRead(port: number, operator: Peer, message: Buffer, bytes: number) {
  await using crowd = await members(port, repetitions(40, 100));
  for (const member of crowd.members) member.send(encodeCommand(["SUBSCRIBE", "c"]));
  await until(crowd, (text) => text.includes("subscribe"));
  for (const member of crowd.members) member.pause();
  const atOnce = Math.ceil((100 * KiB) / message.length);
  for (let done = 0; done < bytes; done += atOnce * message.length) {
    for (let i = 0; i < atOnce; i++) operator.send("PUBLISH", "c", message);
    await operator.replies(atOnce);
  }
}

async function halfValues(port: number): Promise<void> {
  await using crowd = await members(port, repetitions(5, 30));
  const half = halfSet(64 * MiB);
  for (const member of crowd.members) member.send(half);
  await sent(crowd);
}

async function quickConnections(port: number, operator: Peer): Promise<void> {
  const [total, atOnce] = [repetitions(1000, 10_000), 200];
  const before = await infoNumber(operator, "total_connections_received");
  for (let done = 0; done < total; done += atOnce) {
    await using crowd = await Crowd.of(port, atOnce);
    for (const member of crowd.members) member.send(Buffer.from("PING\r\n"));
    await until(crowd, (text) => text.startsWith("-NOAUTH"));
  }
  expect(await infoNumber(operator, "total_connections_received")).toBe(before + total);
}

async function wrongPasswords(port: number, operator: Peer): Promise<void> {
  const [total, atOnce, each] = [repetitions(1000, 10_000), 50, 10];
  const before = await infoNumber(operator, "acl_access_denied_auth");
  for (let done = 0; done < total; done += atOnce * each) {
    await using crowd = await Crowd.of(port, atOnce);
    for (const member of crowd.members) {
      for (let i = 0; i < each; i++) member.send(encodeCommand(["AUTH", `wrong ${done + i}`]));
    }
    await until(crowd, (text) => text.split("-WRONGPASS").length > 2);
    await waitFor(() => crowd.members.every(({ receivedBytes }) => receivedBytes >= each * 60));
  }
  expect(await infoNumber(operator, "acl_access_denied_auth")).toBe(before + total);
}
