/**
 * The four opcodes of the binary protocol, from frame bytes to reply bytes: the decoder, the
 * rows and the encoder together. protocol/mscache/mscache.test.ts covers fragmented frames.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Output } from "../../../../src/base/output.ts";
import { Command } from "../../../../src/command/core/command.ts";
import { mscacheCommands } from "../../../../src/command/mscache/mscache-commands.ts";
import { execute } from "../../../../src/command/run/execute.ts";
import { MscacheParser, opcode } from "../../../../src/protocol/mscache/mscache-parser.ts";
import { MscacheReply, status } from "../../../../src/protocol/mscache/mscache-reply.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { Bed, now } from "../bed.ts";

const rows = mscacheCommands.map((row) => new Command(row));

let bed: Bed;
beforeEach(() => {
  bed = new Bed();
});

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function field(text: string): Buffer {
  return Buffer.concat([int32(text.length), Buffer.from(text)]);
}

function setFrame(key: string, value: string, seconds: number): Buffer {
  return Buffer.concat([Buffer.of(opcode.SET), field(key), field(value), int32(seconds)]);
}

/** The answer to one frame. */
function answer(frame: Uint8Array): number[] {
  const parser = new MscacheParser();
  const out = new Output(64);
  const reply = new MscacheReply(out);
  const request = new Request();
  parser.feed(frame);
  expect(parser.next(request)).toBe(true);
  reply.begin(request);
  execute(bed.x, rows[frame[0] - 1], request, reply);
  return [...out.view()];
}

function set(key: string, value: string, seconds: number): number[] {
  return answer(setFrame(key, value, seconds));
}

function get(key: string): number[] {
  return answer(Buffer.concat([Buffer.of(opcode.GET), field(key)]));
}

function del(key: string): number[] {
  return answer(Buffer.concat([Buffer.of(opcode.DEL), field(key)]));
}

describe("the binary protocol's", () => {
  test("SET stores a value with its TTL, and GET returns it with its length", () => {
    expect(set("k", "hi", 10)).toEqual([status.OK]);
    expect(get("k")).toEqual([status.OK, 2, 0, 0, 0, 0x68, 0x69]);
    expect(bed.recorded()).toEqual([`SET k hi PXAT ${now + 10_000}`]);
    bed.x.now = now + 10_000;
    expect(get("k")).toEqual([status.KEY_NOT_FOUND, 0, 0, 0, 0]);
  });

  test("SET accepts the longest TTL", () => {
    expect(set("k", "v", 2_147_483_647)).toEqual([status.OK]);
    expect(bed.recorded()).toEqual([`SET k v PXAT ${now + 2_147_483_647_000}`]);
  });

  test("SET refuses an empty key, an empty value and a TTL that is not positive", () => {
    expect(set("", "v", 10)).toEqual([status.ERROR]);
    expect(set("k", "", 10)).toEqual([status.ERROR]);
    expect(set("k", "v", 0)).toEqual([status.ERROR]);
    expect(set("k", "v", -1)).toEqual([status.ERROR]);
    expect(bed.recorded()).toEqual([]);
  });

  test("GET of an empty key is an error, of a missing one is not found", () => {
    expect(get("")).toEqual([status.ERROR, 0, 0, 0, 0]);
    expect(get("none")).toEqual([status.KEY_NOT_FOUND, 0, 0, 0, 0]);
  });

  test("DEL of a missing key is OK, of an empty one is not found", () => {
    set("k", "v", 10);
    bed.recorded();
    expect(del("k")).toEqual([status.OK]);
    expect(del("k")).toEqual([status.OK]);
    expect(del("")).toEqual([status.KEY_NOT_FOUND]);
    expect(bed.recorded()).toEqual(["DEL k"]);
  });

  test("a follower replies NOT LEADER to SET and DEL, and serves GET", () => {
    set("k", "v", 10);
    bed.standing.follow("127.0.0.1:1");
    expect(set("k", "w", 10)).toEqual([status.NOT_LEADER]);
    expect(del("k")).toEqual([status.NOT_LEADER]);
    expect(get("k")).toEqual([status.OK, 1, 0, 0, 0, 0x76]);
  });

  test("JOIN hands its connection to a link and sends no reply", () => {
    expect(answer(Buffer.of(opcode.JOIN))).toEqual([]);
    expect(bed.joined).toEqual([bed.session]);
  });
});
