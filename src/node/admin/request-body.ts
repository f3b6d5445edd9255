// The body of a request, read whole within bounds. A request must state the length of its body, so
// that too long a one is refused before it is read, and what all requests together hold is known.

import { adminBodyBytesMax } from "../../base/limits.ts";
import { problem } from "./admin-response.ts";

export class RequestBodies {
  private heldBytes = 0;

  /** Calls `use` with the body, which counts until that is done. */
  async with(
    request: Request,
    bytesMax: number,
    use: (body: Uint8Array) => Promise<Response>,
  ): Promise<Response> {
    const header = request.headers.get("content-length") ?? "";
    const length = /^\d+$/.test(header) ? Number(header) : Number.NaN;
    if (Number.isNaN(length)) return problem(411, "a Content-Length is needed");
    if (length > bytesMax) {
      return problem(413, `${length} bytes are more than ${bytesMax}`, { Connection: "close" });
    }
    if (this.heldBytes > 0 && this.heldBytes + length > adminBodyBytesMax) {
      return problem(503, "too many bytes are in flight", { "Retry-After": "1" });
    }
    this.heldBytes += length;
    try {
      return await use(new Uint8Array(await request.arrayBuffer()));
    } finally {
      this.heldBytes -= length;
    }
  }
}
