// Whom an HTTP request acts as: HTTP Basic with a user of the node, tried by AUTH on the request's
// own connection each time. A password is one SHA-256, so nothing is remembered, and a user that is
// changed or gone is judged as such at once. A browser may have a cookie instead (see
// browser-logins.ts). Wrong passwords are in ACL LOG, like those at the data port.

import { monotonicMs } from "../../base/clock.ts";
import { adminLoginMsMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { RecurringTrouble } from "../../base/recurring.ts";
import { ReplyError } from "../../protocol/resp/reply-parser.ts";
import type { Visit } from "./admin-parts.ts";
import { answer, line, problem } from "./admin-response.ts";
import { BrowserLogins } from "./browser-logins.ts";
import type { DoorConnection } from "./command-door.ts";

const noLogin = "Authentication required.";
const malformed = "the Authorization header is not HTTP Basic";

export class AdminLogin {
  readonly browsers = new BrowserLogins();
  private readonly trouble: RecurringTrouble;

  constructor(log: Log) {
    this.trouble = new RecurringTrouble(log, monotonicMs);
  }

  /** Logs the connection in; the answer says why it is not. */
  async refusal(visit: Visit, door: DoorConnection): Promise<Response | null> {
    const header = visit.request.headers.get("authorization");
    if (header === null) return this.byCookie(visit, door);
    const found = basicOf(header);
    if (found === null) return unauthorized(visit, malformed);
    const [user, password] = found;
    const reply = await door.run("AUTH", user, password);
    if (!(reply instanceof ReplyError)) return null;
    const { host } = visit.peer;
    const fields = { event: "client-refused", client: host } as const;
    this.trouble.happened(
      host,
      `admin HTTP: ${host} has sent a wrong user name or password`,
      fields,
    );
    return unauthorized(visit, reply.text);
  }

  private byCookie(visit: Visit, door: DoorConnection): Response | null {
    const login = this.browsers.find(secretIn(visit));
    if (login !== null) door.actAs(login);
    return door.isLoggedIn ? null : unauthorized(visit, noLogin);
  }

  /** For a connection that refusal() has let in, which it keeps. */
  begin(visit: Visit, door: DoorConnection): Response {
    const secret = this.browsers.begin(door);
    return line(200, door.user, { "Set-Cookie": cookieOf(visit, secret, adminLoginMsMax / 1000) });
  }

  end(visit: Visit): Response {
    this.browsers.end(secretIn(visit));
    return answer(204, "", null, { "Set-Cookie": cookieOf(visit, "", 0) });
  }
}

/** A page that asks by script gets no dialog of the browser. */
function unauthorized({ request }: Visit, text: string): Response {
  const isScript = request.headers.get("sec-fetch-dest") === "empty";
  const scheme = isScript ? "Session" : 'Basic realm="mscache", charset="UTF-8"';
  return problem(401, text, { "WWW-Authenticate": scheme });
}

/** User and password as bytes; without a user, it is `default`. */
function basicOf(header: string): [Uint8Array, Uint8Array] | null {
  const [, encoded] = /^basic +([a-z0-9+/]+=*) *$/i.exec(header) ?? [];
  if (encoded === undefined) return null;
  const bytes = Uint8Array.from(Buffer.from(encoded, "base64"));
  const colon = bytes.indexOf(0x3a);
  if (colon < 0) return null;
  const user = colon === 0 ? new TextEncoder().encode("default") : bytes.slice(0, colon);
  return [user, bytes.slice(colon + 1)];
}

/** Cookies are the host's, whatever the port: two nodes of one machine need two names. */
function cookieName({ url }: Visit): string {
  return `mscache-${url.port || "default"}`;
}

function secretIn(visit: Visit): string {
  const cookies = visit.request.headers.get("cookie") ?? "";
  const start = `${cookieName(visit)}=`;
  const found = cookies.split(/; */).find((cookie) => cookie.startsWith(start));
  return found?.slice(start.length) ?? "";
}

function cookieOf(visit: Visit, secret: string, seconds: number): string {
  const secure = visit.isTls ? "; Secure" : "";
  const life = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`;
  return `${cookieName(visit)}=${secret}; ${life}`;
}
