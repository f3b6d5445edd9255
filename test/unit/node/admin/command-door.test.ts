/**
 * The door from HTTP to commands: how a call ends whose connection goes before its reply, and which
 * error says that the replies are more than one request may get. The connections are scripted; real
 * ones are in test/admin/.
 */
import { expect, test } from "bun:test";
import {
  CommandDoor,
  DoorClosedError,
  ReplyTooLongError,
} from "../../../../src/node/admin/command-door.ts";
import type { Connections } from "../../../../src/node/connection/connections.ts";
import type { ConnectionSocket } from "../../../../src/node/connection/memory-socket.ts";

const bytesMax = 100;

/** A door to connections that answer each batch of commands by `answer`. */
function openDoor(answer: (socket: ConnectionSocket) => void) {
  const connections = {
    access: { needsLogin: false },
    closed: () => undefined,
    openInside: (socket: ConnectionSocket) => ({
      socket,
      session: { authenticated: true, closing: false },
      terminate: () => socket.terminate(),
    }),
    thread: { receive: ({ socket }: { socket: ConnectionSocket }) => answer(socket) },
  } as unknown as Connections;
  const threads = { settle: async () => undefined, roomForMessages: async () => undefined };
  return new CommandDoor(connections, threads, bytesMax).open({ host: "127.0.0.1", port: 1 });
}

test("replies are resolved in the order of their commands", async () => {
  using door = openDoor((socket) => socket.write(Buffer.from("+OK\r\n:7\r\n")));
  expect(
    await door.runAll([
      ["SET", "k", "7"],
      ["GET", "k"],
    ]),
  ).toEqual(["OK", 7]);
});

test("a call whose connection ends before its reply rejects, and so do later ones", async () => {
  using door = openDoor((socket) => socket.terminate());
  const gone = new DoorClosedError("the connection was closed before its reply");
  await expect(door.run("PING")).rejects.toThrow(gone);
  await expect(door.run("PING")).rejects.not.toBeInstanceOf(ReplyTooLongError);
});

test("replies beyond the bound end the connection by an error of their own", async () => {
  using door = openDoor((socket) => socket.write(Buffer.from(`+${"x".repeat(40)}\r\n`)));
  expect(await door.runAll([["PING"]])).toEqual(["x".repeat(40)]);
  expect(await door.runAll([["PING"]])).toEqual(["x".repeat(40)]);
  const tooLong = new ReplyTooLongError(bytesMax);
  await expect(door.run("PING")).rejects.toThrow(tooLong);
  await expect(door.run("PING")).rejects.toBeInstanceOf(ReplyTooLongError);
});
