// The answers of the admin HTTP server, all with the headers that keep a browser's pages of other
// origins out. It decides nothing: routes choose the status.
// Invariant: no answer may be framed or read by another origin, and none that holds data be cached.

/** `default-src 'self'`: the dashboard loads nothing from other hosts, and runs no inline code. */
const guarding: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

type Headers = Readonly<Record<string, string>>;

export function answer(
  status: number,
  type: string,
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null,
  more: Headers = {},
): Response {
  const headers = { ...guarding, ...(type !== "" && { "Content-Type": type }), ...more };
  return new Response(body, { status, headers });
}

/** One line of text. */
export function line(status: number, text: string, more: Headers = {}): Response {
  return answer(status, "text/plain; charset=utf-8", `${text}\n`, more);
}

export function json(status: number, value: unknown, more: Headers = {}): Response {
  return answer(status, "application/json", `${JSON.stringify(value)}\n`, more);
}

/** An error as JSON: `{ "error": "..." }`. */
export function problem(status: number, error: string, more: Headers = {}): Response {
  return json(status, { error }, more);
}

export function notAllowed(methods: string): Response {
  return problem(405, `this path takes ${methods}`, { Allow: methods });
}
