/**
 * The reasons that operators read: what the runtime says about system calls and paths is left out,
 * the code that they search for stays, and a password that a server repeats is not shown.
 */
import { expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { reasonOf, refusalOf } from "../../../src/base/reason.ts";
import { failureOf } from "../../support/failure.ts";

test("names the failure of a system call and its code, without the call and the path", async () => {
  const missing = await failureOf(stat("/nowhere, at all"));
  expect(reasonOf(missing)).toBe("no such file or directory (ENOENT)");
});

test("puts a code into words where the runtime has none", () => {
  const failed = (message: string, code: string) => Object.assign(new Error(message), { code });
  const unknown = failed("getaddrinfo ENOTFOUND", "ENOTFOUND");
  expect(reasonOf(unknown)).toBe("the name has no address (ENOTFOUND)");
  const refused = failed("Failed to connect", "ECONNREFUSED");
  expect(reasonOf(refused)).toBe("connection refused (ECONNREFUSED)");
  const broken = failed("write EPIPE", "EPIPE");
  expect(reasonOf(broken)).toBe("write EPIPE");
});

test("leaves all other messages as they are", () => {
  expect(reasonOf(new Error("the file is broken"))).toBe("the file is broken");
  expect(reasonOf("a text")).toBe("a text");
  const coded = Object.assign(new Error("bad value"), { code: "ERR_OUT_OF_RANGE" });
  expect(reasonOf(coded)).toBe("bad value");
});

test.each([
  ["-WRONGPASS invalid username-password pair", "-WRONGPASS invalid username-password pair"],
  ["-ERR unknown command 'AUTH', with args beginning with: 'pw'", "-ERR unknown command 'AUTH'"],
  ["-ERR unknown command `HELLO`, with args beginning with: `3`", "-ERR unknown command `HELLO`"],
  ["-ERR no such thing: AUTH u pw", "-ERR"],
  ["NOAUTH HELLO must be called with the client already ...", "NOAUTH it requires a password"],
])("%s: a refused login is told without the password", (answer, told) => {
  expect(refusalOf(answer, "pw")).toBe(told);
  expect(refusalOf(answer, "")).not.toContain("beginning");
});
