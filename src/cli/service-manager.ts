// Tells systemd how far the node is: sd_notify(3), a datagram to the socket that NOTIFY_SOCKET
// names. A unit with `Type=notify` counts as started when the node has loaded its snapshot and
// listens, and what is ordered after it waits for that. Without the variable nothing is sent; if a
// message cannot be sent, the node runs on and the log says so.

import { fromCLibrary } from "../base/c-library.ts";
import type { Log } from "../base/log.ts";

// Linux only, as systemd is.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0x80000;
const MSG_NOSIGNAL = 0x4000;
/** Of sockaddr_un.sun_path, in bytes. */
const pathBytesMax = 108;

export type ServiceState = "READY=1" | "STOPPING=1";

export function notifyService(state: ServiceState, log: Log): void {
  const path = process.env.NOTIFY_SOCKET ?? "";
  if (path === "" || process.platform !== "linux") return;
  const failure = send(path, state);
  if (failure !== null) log.warn(`systemd was not told "${state}" at ${path}: ${failure}`);
}

/** Null, or why the datagram did not leave. */
function send(path: string, text: string): string | null {
  const address = addressOf(path);
  if (address === null) return "no such kind of address";
  const found = fromCLibrary({
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  if (found === null) return "the C library was not found";
  const descriptor = found.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return "no socket could be made";
  const bytes = Buffer.from(text);
  const sent = found.sendto(
    ...([descriptor, bytes, bytes.length, MSG_NOSIGNAL, address, address.length] as const),
  );
  found.close(descriptor);
  return Number(sent) === bytes.length ? null : "nobody receives there";
}

/** A sockaddr_un; a name that begins with `@` is in the abstract name space. */
function addressOf(path: string): Buffer | null {
  const name = Buffer.from(path);
  if ((path[0] !== "/" && path[0] !== "@") || name.length >= pathBytesMax) return null;
  const isAbstract = path[0] === "@";
  const address = Buffer.alloc(2 + name.length + (isAbstract ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  if (isAbstract) address[2] = 0;
  return address;
}
