// Requests to the node: the one place of the page that fetches. Errors are ApiError with the node's
// own words; a login that is missing or over is told to whoever listens, once for all panels.
// Invariant: it asks only the host that the page came from.

import type { Json } from "../node/admin/observations.ts";

export class ApiError extends Error {
  override readonly name = "ApiError";
  /** 0: the node did not answer. */
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/** An argument that is no UTF-8 travels as base64. */
export type Argument = string | { readonly base64: string };

export type Info = Readonly<Record<string, Readonly<Record<string, Json>>>>;

export class NodeApi {
  /** Called when a request found no login. */
  onNoLogin: () => void = () => {};

  /** Runs a command of the node; its reply as JSON. */
  async command(words: readonly Argument[], database = 0): Promise<Json> {
    const path = `/v1/commands${database === 0 ? "" : `?db=${database}`}`;
    const response = await this.send(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(words),
    });
    const { reply } = (await response.json()) as { readonly reply: Json };
    return reply;
  }

  async json(path: string): Promise<unknown> {
    return (await this.send(path)).json();
  }

  async info(...sections: readonly string[]): Promise<Info> {
    const query = sections.map((section) => `section=${section}`).join("&");
    return (await this.json(`/v1/info?${query}`)) as Info;
  }

  /** Answers with an error's status reject, but those in `allowed`. */
  async send(
    path: string,
    init: RequestInit = {},
    allowed: readonly number[] = [],
  ): Promise<Response> {
    const response = await this.reach(path, init);
    if (response.ok || allowed.includes(response.status)) return response;
    if (response.status === 401) this.onNoLogin();
    throw new ApiError(response.status, await errorIn(response));
  }

  /** The user's name; rejects with 401 if the password is wrong. */
  async logIn(user: string, password: string): Promise<string> {
    const headers = { Authorization: `Basic ${base64(`${user}:${password}`)}` };
    const response = await this.reach("/v1/login", { method: "POST", headers });
    if (!response.ok) throw new ApiError(response.status, await errorIn(response));
    return (await response.text()).trim();
  }

  async logOut(): Promise<void> {
    await this.reach("/v1/logout", { method: "POST" });
  }

  private async reach(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(path, { ...init, credentials: "same-origin" });
    } catch (cause) {
      if (cause instanceof DOMException) throw cause; // it was given up on this side
      throw new ApiError(0, "The node does not answer.");
    }
  }
}

/** What to tell of an error, in a sentence. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof ApiError)) return `The page has a fault: ${String(error)}`;
  const { status, message } = error;
  if (status === 403 && message.startsWith("NOPERM")) {
    return `Your user may not do this. The node says: ${message}`;
  }
  return message;
}

async function errorIn(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { readonly error?: string };
    if (error !== undefined) return error;
  } catch {
    // It is no JSON: something between the page and the node answered.
  }
  return `The node answered ${response.status} ${response.statusText}`.trim();
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
