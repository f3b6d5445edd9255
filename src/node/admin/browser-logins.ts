// Logins of browsers, whose EventSource cannot send a header: POST /v1/login gives a cookie, which
// stands for an ordinary connection that has logged in and stays. Each request with the cookie acts
// as that connection's user, so whatever ends the connection (CLIENT KILL, a user that is gone, the
// idle timeout) ends the login; and so does any change of its user.
// Invariant: a cookie is 256 random bits, of which only the hash is kept.

import { monotonicMs } from "../../base/clock.ts";
import { adminLoginMsMax, adminLoginsMax } from "../../base/limits.ts";
import type { DoorConnection } from "./command-door.ts";

interface Login {
  readonly door: DoorConnection;
  readonly beganMs: number;
}

export class BrowserLogins {
  /** By the hash of the cookie, so that no comparison of secrets takes a time that tells them. */
  private readonly logins = new Map<string, Login>();

  /** Keeps the connection, which is logged in; returns the secret. The oldest login makes room. */
  begin(door: DoorConnection): string {
    for (const key of [...this.logins.keys()]) this.alive(key);
    const [oldest] = this.logins.keys();
    if (this.logins.size >= adminLoginsMax && oldest !== undefined) this.forget(oldest);
    const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
    this.logins.set(hashOf(secret), { door, beganMs: monotonicMs() });
    return secret;
  }

  /** The connection that a cookie stands for; null if there is none any more. */
  find(secret: string): DoorConnection | null {
    return this.alive(hashOf(secret));
  }

  end(secret: string): void {
    this.forget(hashOf(secret));
  }

  /** Users have changed. */
  usersChanged(names: ReadonlySet<string>): void {
    for (const [key, { door }] of [...this.logins]) if (names.has(door.user)) this.forget(key);
  }

  close(): void {
    for (const key of [...this.logins.keys()]) this.forget(key);
  }

  private alive(key: string): DoorConnection | null {
    const login = this.logins.get(key);
    if (login === undefined) return null;
    const isOld = monotonicMs() - login.beganMs > adminLoginMsMax;
    if (!isOld && login.door.isOpen) return login.door;
    this.forget(key);
    return null;
  }

  private forget(key: string): void {
    this.logins.get(key)?.door[Symbol.dispose]();
    this.logins.delete(key);
  }
}

function hashOf(secret: string): string {
  return new Bun.CryptoHasher("sha256").update(secret).digest("hex");
}
