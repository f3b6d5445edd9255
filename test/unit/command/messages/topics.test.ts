// Subscriptions against a model of plain sets, and the routing of messages to channels and
// patterns. Delivery to connections is tested in conformance/pub-sub.test.ts.

import { describe, expect, test } from "bun:test";
import { Channels, type Message } from "../../../../src/command/messages/channels.ts";
import { Topics } from "../../../../src/command/messages/topics.ts";
import { Random, seedFor } from "../../../support/seed.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const text = (value: Uint8Array | null): string => {
  return value === null ? "" : Buffer.from(value).toString("latin1");
};

test("subscriptions agree with a model of sets after any changes", () => {
  const random = new Random(seedFor("TOPICS_SEED"));
  const topics = new Topics();
  const model = new Set<string>();
  for (let step = 0; step < 5_000; step++) {
    const id = random.between(1, 5);
    const name = `\u00ff${random.between(0, 9)}`;
    const kind = random.between(0, 20);
    if (kind === 0) {
      topics.removeAll(id);
      for (const entry of [...model]) if (entry.startsWith(`${id} `)) model.delete(entry);
    } else if (kind < 12) {
      topics.add(id, bytes(name));
      model.add(`${id} ${name}`);
    } else {
      topics.remove(id, bytes(name));
      model.delete(`${id} ${name}`);
    }
    expect(entriesOf(topics)).toEqual([...model].sort());
    const own = [...model].filter((entry) => entry.startsWith(`${id} `));
    expect(topics.count(id)).toBe(own.length);
    expect(topics.bytesOf(id)).toBe(2 * own.length); // names are two bytes long
    expect(
      topics
        .of(id)
        .map((value) => `${id} ${text(value)}`)
        .sort(),
    ).toEqual(own.sort());
  }
});

function entriesOf(topics: Topics): string[] {
  const all = [...topics.all()];
  expect(all.length).toBe(topics.size);
  const entries = all.flatMap(({ bytes: name, subscribers }) => {
    expect(subscribers.size).toBeGreaterThan(0);
    return [...subscribers].map((id) => `${id} ${text(name)}`);
  });
  return entries.sort();
}

describe("a message", () => {
  function collect() {
    const sent: string[] = [];
    const channels = new Channels();
    channels.deliverBy((receivers, { pattern, channel, payload }: Message) => {
      sent.push(`${[...receivers].join(",")} ${text(pattern)}|${text(channel)}|${text(payload)}`);
    });
    return { sent, channels };
  }

  test("goes to the subscribers of its channel, then to those of each matching pattern", () => {
    const { sent, channels } = collect();
    channels.channels.add(1, bytes("news"));
    channels.channels.add(2, bytes("news"));
    channels.patterns.add(2, bytes("n*"));
    channels.patterns.add(3, bytes("x*"));
    expect(channels.publish(bytes("news"), bytes("hi"))).toBe(3);
    expect(sent).toEqual(["1,2 |news|hi", "2 n*|news|hi"]);
  });

  test("without a subscriber goes nowhere", () => {
    const { sent, channels } = collect();
    channels.channels.add(1, bytes("news"));
    channels.forget(1);
    expect(channels.publish(bytes("news"), bytes("hi"))).toBe(0);
    expect(sent).toEqual([]);
  });
});
