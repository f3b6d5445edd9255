// The files of the dashboard for the admin HTTP server. The bundler makes them with the executable
// and hands over a list; from source and from the package they are bundled here, at the first
// request. A node that nobody looks at has loaded nothing of them. They hold no data, so they need
// no login; names with a hash may be kept by the browser for ever, and the page itself has an ETag.

import { basename, join } from "node:path";
import page from "../../dashboard/index.html";
import { answer, problem } from "./admin-response.ts";

interface Asset {
  readonly type: string;
  readonly tag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly packed: Uint8Array<ArrayBuffer>;
}

/** What `import page` is in an executable; from source it is an HTMLBundle without `files`. */
interface Manifest {
  readonly index: string;
  readonly files?: readonly { readonly path: string; readonly loader: string }[];
}

/** Paths that may be the page or its files, so that others need not load it. */
export function isPagePath(path: string): boolean {
  return path === "/" || /^\/[a-z]+-[a-z0-9]+\.(?:js|css|svg)$/.test(path);
}

export class PageAssets {
  private assets: Promise<ReadonlyMap<string, Asset>> | null = null;

  async answer(path: string, { headers }: Request): Promise<Response> {
    const asset = (await this.load()).get(path);
    if (asset === undefined) return problem(404, "there is nothing here");
    const { tag, type, plain, packed } = asset;
    const more = { ETag: tag, Vary: "Accept-Encoding", "Cache-Control": cachingOf(path) };
    if (headers.get("if-none-match")?.includes(tag)) return answer(304, "", null, more);
    const isPacked = headers.get("accept-encoding")?.includes("gzip") ?? false;
    const encoding = isPacked ? { "Content-Encoding": "gzip" } : {};
    return answer(200, type, isPacked ? packed : plain, { ...more, ...encoding });
  }

  private load(): Promise<ReadonlyMap<string, Asset>> {
    const { index, files }: Manifest = page;
    this.assets ??= files === undefined ? bundle(index) : embedded(files);
    this.assets.catch(() => {
      this.assets = null; // the request fails with its reason; the next one tries again
    });
    return this.assets;
  }
}

/** The name of a file changes with its content; the page's does not. */
function cachingOf(path: string): string {
  return path === "/" ? "no-cache" : "max-age=31536000, immutable";
}

async function embedded(
  files: NonNullable<Manifest["files"]>,
): Promise<ReadonlyMap<string, Asset>> {
  const found = files.map(async ({ path }) => {
    // Beside this code if it was bundled into a folder, and a whole path in an executable.
    const file = Bun.file(path.startsWith("./") ? join(import.meta.dir, path) : path);
    return [pathOf(path), assetOf(path, await file.bytes())] as const;
  });
  return new Map(await Promise.all(found));
}

async function bundle(index: string): Promise<ReadonlyMap<string, Asset>> {
  const { outputs } = await Bun.build({
    entrypoints: [index],
    minify: true,
    target: "browser",
    publicPath: "/",
  });
  const found = outputs.map(async (output) => {
    const bytes = new Uint8Array(await output.arrayBuffer());
    return [pathOf(output.path), assetOf(output.path, bytes)] as const;
  });
  return new Map(await Promise.all(found));
}

function pathOf(file: string): string {
  return file.endsWith(".html") ? "/" : `/${basename(file)}`;
}

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

function assetOf(file: string, plain: Uint8Array<ArrayBuffer>): Asset {
  const ending = file.slice(file.lastIndexOf(".") + 1);
  const tag = `"${Bun.hash.xxHash3(plain).toString(16).padStart(16, "0")}"`;
  const type = types[ending] ?? "application/octet-stream";
  return { type, tag, plain, packed: Bun.gzipSync(plain) };
}
