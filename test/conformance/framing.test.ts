/**
 * RESP framing with raw bytes: every split of every frame, inline commands, long pipelines, large
 * keys and values, and the commands that change the connection itself. Against our node and a real
 * redis-server.
 * Malformed frames have a suite of their own (bad-input.test.ts).
 * Invariant: how bytes are cut into packets never changes an answer.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { caseMsMax } from "../harness.ts";
import { Peer } from "../support/peer.ts";
import { contestants, forAllCases } from "../support/servers.ts";
import { encodeCommand, partsOf, show } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

/** Frames and their answers on a fresh connection to an empty server. */
const frames: readonly (readonly [string, Buffer, string[]])[] = [
  ["a SET", encodeCommand(["SET", "key", "value"]), ["+OK"]],
  ["an empty value", encodeCommand(["SET", "empty", ""]), ["+OK"]],
  [
    "a value that looks like a frame",
    encodeCommand(["ECHO", "*1\r\n$4\r\nPING\r\n"]),
    ["$*1\\x0d\\x0a$4\\x0d\\x0aPING\\x0d\\x0a"],
  ],
  ["a value of CR and LF", encodeCommand(["ECHO", "\r\n\r\n"]), ["$\\x0d\\x0a\\x0d\\x0a"]],
  ["an inline command", Buffer.from("ECHO hello\r\n"), ["$hello"]],
  ["an inline command ended by LF", Buffer.from("ECHO hello\n"), ["$hello"]],
  ["quotes in an inline command", Buffer.from('ECHO "a \\"b\\" \\x41\\n"\r\n'), ['$a "b" A\\x0a']],
  ["two commands", Buffer.from("PING\r\n*1\r\n$4\r\nPING\r\n"), ["+PONG", "+PONG"]],
  ["an empty array before a command", Buffer.from("*0\r\n\r\n*-1\r\nPING\r\n"), ["+PONG"]],
  ["many arguments", encodeCommand(["EXISTS", ..."abcdefghij"]), [":0"]],
];

for (const contestant of contestants) {
  describe.skipIf(contestant.isMissing)(contestant.name, () => {
    const server = forAllCases(() => contestant.start());
    const connect = () => Peer.connect(server().port);
    splitCases(connect);
    inlineCases(connect);
    volumeCases(connect);
    connectionCases(connect);
    replyModeCases(connect);
  });
}

function splitCases(connect: () => Promise<Peer>): void {
  for (const [name, bytes, answers] of frames) {
    test(`${name} may be split anywhere`, async () => {
      await Promise.all(
        Array.from({ length: bytes.length - 1 }, async (_, i) => {
          await using peer = await connect();
          // The answer to the PING proves that the first part has been read by itself.
          const first = Buffer.concat([Buffer.from("PING\r\n"), bytes.subarray(0, i + 1)]);
          expect(await peer.askRaw(first)).toBe("+PONG");
          peer.write(bytes.subarray(i + 1));
          const got = await peer.replies(answers.length);
          expect([i + 1, ...got.map(show)]).toEqual([i + 1, ...answers]);
        }),
      );
    });
  }

  test("frames may arrive byte by byte, including the first of a connection", async () => {
    for (const [name, bytes, answers] of frames) {
      await using peer = await connect();
      for (let round = 0; round < 2; round++) {
        await writeByByte(peer, bytes);
        const got = await peer.replies(answers.length);
        expect([name, ...got.map(show)]).toEqual([name, ...answers]);
      }
    }
  });
}

async function writeByByte(peer: Peer, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    peer.write(Uint8Array.of(byte));
    // Lets the byte leave before the next one is written.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function inlineCases(connect: () => Promise<Peer>): void {
  test("inline arguments are separated by any blanks and quoted in either way", async () => {
    await using peer = await connect();
    expect(await peer.askRaw("  ECHO \t  a  \r\n")).toBe("$a");
    expect(await peer.askRaw('ECHO "two words"\r\n')).toBe("$two words");
    expect(await peer.askRaw("ECHO 'it\\'s \\n'\r\n")).toBe("$it's \\x5cn");
    expect(await peer.askRaw('ECHO "\\x00\\xff\\t\\b\\a\\r"\r\n')).toBe(
      "$\\x00\\xff\\x09\\x08\\x07\\x0d",
    );
    expect(await peer.askRaw('ECHO ""\r\n')).toBe("$");
    expect(await peer.askRaw("ECHO \xc3\xa9\r\n")).toBe("$\\xc3\\xa9");
    expect(await peer.askRaw("\r\n  \r\n\nPING\r\n")).toBe("+PONG");
  });

  test.each(['ECHO "open\r\n', "ECHO 'open\r\n", 'ECHO "a"b\r\n', "ECHO 'a'b\r\n"])(
    "unbalanced quotes end the connection: %j",
    async (line) => {
      await using peer = await connect();
      expect(await peer.askRaw(line)).toBe("-ERR Protocol error: unbalanced quotes in request");
      await peer.raw.closed(3_000);
    },
  );

  test("an inline command of nearly 64 KiB is accepted", async () => {
    await using peer = await connect();
    const word = "w".repeat(60_000);
    expect(await peer.askRaw(`ECHO ${word}\r\n`)).toBe(`$${word}`);
  });
}

function volumeCases(connect: () => Promise<Peer>): void {
  test("a pipeline of ten thousand commands gets its replies in order", async () => {
    await using peer = await connect();
    await peer.ask("DEL", "pipeline");
    const one = Buffer.concat([encodeCommand(["INCR", "pipeline"]), Buffer.from("PING x\r\n")]);
    peer.write(Buffer.concat(Array.from({ length: 10_000 }, () => one)));
    const replies = await peer.replies(20_000);
    const counts = replies.filter((_, i) => i % 2 === 0).map(show);
    expect(counts).toEqual(Array.from({ length: 10_000 }, (_, i) => `:${i + 1}`));
    expect(replies.filter((_, i) => i % 2 === 1).every((reply) => show(reply) === "$x")).toBe(true);
  });

  test("a pipeline whose replies are read late loses none of them", async () => {
    await using peer = await connect();
    const value = Buffer.alloc(20_000, "v");
    await peer.ask("SET", "big", value);
    const one = encodeCommand(["GET", "big"]);
    peer.write(Buffer.concat(Array.from({ length: 2_000 }, () => one)));
    const header = "$20000\r\n";
    const bytes = await peer.raw.readExactly(2_000 * (header.length + value.length + 2), 30_000);
    const wanted = Buffer.concat([Buffer.from(header), value, Buffer.from("\r\n")]);
    for (let at = 0; at < bytes.length; at += wanted.length) {
      expect(bytes.subarray(at, at + wanted.length).equals(wanted)).toBe(true);
    }
  });

  test("a key of 64 KiB works like any other", async () => {
    await using peer = await connect();
    const key = Buffer.alloc(65_536, "k");
    const sibling = Buffer.concat([key.subarray(1), Buffer.from("x")]);
    expect(await peer.ask("SET", key, "long")).toBe("+OK");
    expect(await peer.ask("GET", key)).toBe("$long");
    expect(await peer.ask("EXISTS", sibling)).toBe(":0");
    expect(await peer.ask("RENAME", key, sibling)).toBe("+OK");
    expect(await peer.ask("GET", sibling)).toBe("$long");
    expect(await peer.ask("DEL", key, sibling)).toBe(":1");
  });

  test("a value of 64 MB is returned byte for byte", async () => {
    await using peer = await connect();
    const value = Buffer.alloc(64_000_000);
    for (let i = 0; i < value.length; i += 997) value[i] = i & 255;
    expect(await peer.ask("SET", "huge", value)).toBe("+OK");
    expect(await peer.ask("STRLEN", "huge")).toBe(":64000000");
    peer.send("GET", "huge");
    const back = await peer.raw.readExactly(value.length + "$64000000\r\n\r\n".length);
    expect(back.subarray(0, 11).toString()).toBe("$64000000\r\n");
    expect(back.subarray(11, -2).equals(value)).toBe(true);
    expect(await peer.ask("GETRANGE", "huge", "996", "998")).toBe("$\\x00\\xe5\\x00");
    expect(await peer.ask("DEL", "huge")).toBe(":1");
  });
}

function connectionCases(connect: () => Promise<Peer>): void {
  test("QUIT replies and closes, and later commands do not run", async () => {
    await using peer = await connect();
    await peer.ask("DEL", "after-quit");
    peer.write("QUIT\r\nSET after-quit 1\r\n");
    expect((await peer.raw.closed(3_000)).toString()).toBe("+OK\r\n");
    await using other = await connect();
    expect(await other.ask("EXISTS", "after-quit")).toBe(":0");
  });

  test("RESET clears the name and returns to RESP2", async () => {
    await using peer = await connect();
    await peer.ask("HELLO", "3", "SETNAME", "reset-me");
    expect(await peer.ask("CLIENT", "GETNAME")).toBe("$reset-me");
    expect(await peer.ask("GET", "no-such-key")).toBe("_null");
    expect(await peer.ask("RESET")).toBe("+RESET");
    expect(await peer.ask("GET", "no-such-key")).toBe("$null");
    expect(await peer.ask("CLIENT", "GETNAME")).toBe("$null");
  });

  test("HELLO switches the protocol back and forth, and its reply is already in the new one", async () => {
    await using peer = await connect();
    const map = await peer.typed("HELLO", "3");
    expect(map.type).toBe("%");
    expect(fieldNames(map)).toEqual([
      "server",
      "version",
      "proto",
      "id",
      "mode",
      "role",
      "modules",
    ]);
    expect(await peer.ask("CONFIG", "GET", "no-such-parameter")).toBe("%[]");
    expect((await peer.typed("INFO", "server")).type).toBe("=");
    const flat = await peer.typed("HELLO", "2");
    expect(flat.type).toBe("*");
    expect(fieldNames(flat)).toEqual(fieldNames(map));
    expect(await peer.ask("CONFIG", "GET", "no-such-parameter")).toBe("*[]");
    expect((await peer.typed("INFO", "server")).type).toBe("$");
  });

  test("a HELLO that is refused changes nothing", async () => {
    await using peer = await connect();
    const refused = "-NOPROTO unsupported protocol version";
    for (const version of ["1", "4", "99"]) expect(await peer.ask("HELLO", version)).toBe(refused);
    expect(await peer.ask("HELLO", "three")).toBe(
      "-ERR Protocol version is not an integer or out of range",
    );
    expect(await peer.ask("HELLO", "3", "SETNAME", "a b")).toStartWith("-ERR Client names cannot");
    expect(await peer.ask("HELLO", "3", "NONSENSE")).toBe(
      "-ERR Syntax error in HELLO option 'NONSENSE'",
    );
    expect(await peer.ask("GET", "no-such-key")).toBe("$null");
  });
}

function fieldNames(hello: Parameters<typeof partsOf>[0]): string[] {
  const parts = partsOf(hello);
  return parts.filter((_, i) => i % 2 === 0).map((part) => String(part.value));
}

function replyModeCases(connect: () => Promise<Peer>): void {
  test("CLIENT REPLY OFF suppresses all replies until ON, which replies", async () => {
    await using peer = await connect();
    peer.write(
      "CLIENT REPLY OFF\r\nPING\r\nNOSUCH\r\nSET silent 1\r\nCLIENT REPLY ON\r\nGET silent\r\n",
    );
    expect((await peer.replies(2)).map(show)).toEqual(["+OK", "$1"]);
  });

  test("CLIENT REPLY SKIP suppresses only its own reply and the next one", async () => {
    await using peer = await connect();
    peer.write("CLIENT REPLY SKIP\r\nECHO unheard\r\nECHO heard\r\n");
    expect(await peer.shown()).toBe("$heard");
    peer.write("CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nECHO one\r\nECHO two\r\n");
    expect(await peer.shown()).toBe("$two");
  });

  test("SKIP within OFF does not end it", async () => {
    await using peer = await connect();
    peer.write("CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO no\r\nCLIENT REPLY ON\r\n");
    expect(await peer.shown()).toBe("+OK");
    expect(await peer.ask("PING")).toBe("+PONG");
  });
}
