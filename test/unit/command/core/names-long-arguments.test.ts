/**
 * Arguments of half a gigabyte where a command reads text: only their beginning is looked at. Their
 * pages are never touched here, and a look at all of them would take seconds.
 */
import { expect, test } from "bun:test";
import { bulkBytesMax, textBytesMax } from "../../../../src/base/limits.ts";
import { readHost, readName } from "../../../../src/command/core/names.ts";
import { byName, find } from "../../../../src/command/core/registry.ts";
import { Topics } from "../../../../src/command/messages/topics.ts";
import { unknownCommand } from "../../../../src/command/run/unknown.ts";
import "../../../../src/command/table.ts";
import { errorReply } from "../../../../src/base/errors.ts";
import { Request } from "../../../../src/protocol/request.ts";

/** Far below what one pass over the bytes takes, far above what 4 KiB take. */
const patienceMs = 100;

const memory = new Uint8Array(bulkBytesMax);
const beginning = 1000;

/** `words` and then the long argument, which ends where the memory ends. */
function longRequest(...words: string[]): Request {
  const request = new Request();
  request.buf = memory;
  memory.fill(0, 0, beginning);
  let at = 0;
  for (const word of words) {
    memory.set(Buffer.from(word), at);
    request.push(at, at + word.length);
    at += word.length;
  }
  memory.fill(0x61, at, at + 100);
  request.push(at, memory.length);
  return request;
}

const unclean = errorReply("unclean");

const readers: readonly [what: string, read: () => unknown, result: unknown][] = [
  ["text()", () => longRequest().text(0).length, textBytesMax],
  ["echo()", () => longRequest().echo(0), "a".repeat(100)],
  ["the name of a command", () => find(longRequest()), undefined],
  ["the word of a subcommand", () => find(longRequest("client")), undefined],
  ["a full name", () => byName(longRequest("client|").text(1)), undefined],
  ["the name of a client", () => typeof readName(longRequest(), 0, unclean), "object"],
  ["a host", () => typeof readHost(longRequest(), 0), "object"],
  ["a channel", () => new Topics().get(longRequest().buf), undefined],
  [
    "the refusal of an unknown command",
    () => unknownCommand(longRequest()).text,
    `unknown command '${"a".repeat(100)}', with args beginning with: `,
  ],
  [
    "the refusal of an unknown subcommand",
    () => unknownCommand(longRequest("client")).text,
    `unknown subcommand '${"a".repeat(100)}'. Try CLIENT HELP.`,
  ],
];

test.each(readers)("%s takes no look at the whole of a long argument", (_, read, result) => {
  const begin = performance.now();
  expect(read()).toEqual(result);
  expect(performance.now() - begin).toBeLessThan(patienceMs);
});
