/**
 * What a loader sends to servers of different ages for an item that expires: a moment where SET
 * takes one, and the time that is left where it does not. The server is a script; that items arrive
 * in real ones is in export-import.test.ts.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { ItemLoader, takesMoments } from "../../src/move/item-loader.ts";
import { asBytes } from "../../src/move/moved-item.ts";
import { ServerLink } from "../../src/move/server-link.ts";
import { caseMsMax } from "../harness.ts";
import { ReplyReader, textOf } from "../support/wire.ts";

setDefaultTimeout(caseMsMax);

interface OldServer extends Disposable {
  readonly port: number;
  readonly commands: string[][];
}

/** It says this of itself, and OK to the rest. */
function serverOf(info: string): OldServer {
  const commands: string[][] = [];
  const readers = new Map<object, ReplyReader>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void readers.set(socket, new ReplyReader()),
      data: (socket, chunk) => {
        const reader = readers.get(socket);
        reader?.push(chunk);
        for (let it = reader?.next(); it !== undefined; it = reader?.next()) {
          const words = Array.isArray(it.value) ? it.value.map(textOf) : [];
          commands.push(words);
          socket.write(words[0] === "INFO" ? info : "+OK\r\n");
        }
      },
    },
  });
  const { port } = listener;
  return { port, commands, [Symbol.dispose]: () => listener.stop(true) };
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

const inAnHour = Date.now() + 3_600_000;
const cases: readonly [version: string, info: string, option: string][] = [
  ["Redis 6.0", bulk("# Server\r\nredis_version:6.0.16\r\nredis_mode:standalone\r\n"), "PX"],
  ["Redis 5.0", bulk("# Server\r\nredis_version:5.0.7\r\n"), "PX"],
  ["Redis 6.2", bulk("# Server\r\nredis_version:6.2.0\r\n"), "PXAT"],
  ["Valkey 8", bulk("# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.1.0\r\n"), "PXAT"],
  ["a server that does not say", "-NOPERM no INFO for you\r\n", "PXAT"],
];

test.each(cases)("%s gets what it can read", async (_, info, option) => {
  using server = serverOf(info);
  const place = { host: "127.0.0.1", port: server.port };
  await using link = await ServerLink.open({ place, tls: null, login: null, database: 0 });
  const loader = new ItemLoader(link, 0, {
    existing: "refuse",
    errorsMax: 0,
    takesMoments: await takesMoments(link),
  });
  const [key, value] = [Buffer.from("key"), Buffer.from("value")];
  loader.put(asBytes({ database: 0, key, value, expiresAt: inAnHour }), 0);
  loader.put(asBytes({ database: 0, key, value, expiresAt: 0 }), 0);
  await loader.finish();
  const sets = server.commands.filter(([name]) => name === "SET");
  expect(sets.map((words) => words.slice(0, -1))).toEqual([
    ["SET", "key", "value", "NX", option],
    ["SET", "key", "value"],
  ]);
  const time = Number(sets[0]?.at(-1));
  if (option === "PXAT") expect(time).toBe(inAnHour);
  else expect(time).toBeWithin(3_600_000 - caseMsMax, 3_600_000);
});
