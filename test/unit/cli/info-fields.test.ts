// INFO as values: what a server does not say is null, and followers are read from their lines. The
// texts are as Redis 7.0 writes them.

import { expect, test } from "bun:test";
import {
  distantFollowersIn,
  followersIn,
  InfoFields,
  listOf,
} from "../../../src/cli/info-fields.ts";

const text = [
  "# Replication",
  "role:master",
  "connected_slaves:2",
  "slave0:ip=10.0.0.2,port=6379,state=online,offset=120,lag=1",
  "slave1:ip=::1,port=6380,state=wait_bgsave,offset=0,lag=0",
  "slave2:ip=,port=6380,state=online",
  "empty:",
  "colons:a:b",
].join("\r\n");

test("fields are texts or numbers, and null where the server says nothing", () => {
  const info = new InfoFields(text);
  expect(info.text("role")).toBe("master");
  expect(info.number("connected_slaves")).toBe(2);
  expect(info.number("role")).toBeNull();
  expect(info.number("empty")).toBeNull();
  expect(info.text("colons")).toBe("a:b");
  expect(info.text("absent")).toBeNull();
});

test("followers are those with an address", () => {
  expect(followersIn(new InfoFields(text))).toEqual([
    { host: "10.0.0.2", port: 6379, state: "online", offset: 120, lagSeconds: 1 },
    { host: "::1", port: 6380, state: "wait_bgsave", offset: 0, lagSeconds: 0 },
  ]);
});

test("followers of followers are what a node of ours lists behind its own", () => {
  const line = "under=slave0,ip=10.0.0.3,port=6379,state=online,offset=110,lag=2,behind=10";
  const info = new InfoFields(`mscache_tree_nodes:2\r\nmscache_tree0:${line}\r\n`);
  expect(distantFollowersIn(info)).toEqual([
    { host: "10.0.0.3", port: 6379, state: "online", offset: 110, lagSeconds: 2, behindBytes: 10 },
  ]);
  expect(distantFollowersIn(new InfoFields(text))).toEqual([]);
});

test("a list has its values by name", () => {
  expect(Object.fromEntries(listOf("calls=1,usec=2.5,x="))).toEqual({
    calls: "1",
    usec: "2.5",
    x: "",
  });
});
