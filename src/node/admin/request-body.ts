// The body of a request, read whole within bounds. A request must state the length of its body, so
// that too long a one is refused before it is read, and what all requests together hold is known.
// Each address has a share of that, as bodies may come slowly.

import { adminBodyBytesMax } from "../../base/limits.ts";
import type { Visit } from "./admin-parts.ts";
import { problem } from "./admin-response.ts";
import { FairShares } from "./fair-shares.ts";

export class RequestBodies {
  private readonly held = new FairShares(adminBodyBytesMax);

  /** Calls `use` with the body, which counts until that is done. */
  async with(
    { request, peer: { host } }: Pick<Visit, "request" | "peer">,
    bytesMax: number,
    use: (body: Uint8Array) => Promise<Response>,
  ): Promise<Response> {
    const header = request.headers.get("content-length") ?? "";
    const length = /^\d+$/.test(header) ? Number(header) : Number.NaN;
    if (Number.isNaN(length)) return problem(411, "a Content-Length is needed");
    if (length > bytesMax) {
      return problem(413, `${length} bytes are more than ${bytesMax}`, { Connection: "close" });
    }
    if (this.held.total === 0) this.held.hold(host, length);
    else if (!this.held.take(host, length)) {
      return problem(503, "too many bytes are in flight", { "Retry-After": "1" });
    }
    try {
      // It fails only when its client has left before the end, which is no fault of this node.
      const body = await request.arrayBuffer().catch(() => null);
      if (body === null) return problem(400, "the body has no end");
      return await use(new Uint8Array(body));
    } finally {
      this.held.giveBack(host, length);
    }
  }
}
