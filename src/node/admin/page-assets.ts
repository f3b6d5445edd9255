// The files of the dashboard for the admin HTTP server. An executable has them in itself, and hands
// over a list (cli/dashboard-page.ts); from source and from the package they are bundled here, at
// the first request. A node that nobody looks at has loaded nothing of them. They hold no data, so
// they need no login; names with a hash may be kept for ever, and the page itself has an ETag.
// Invariant: nothing here imports the page, since a bundler of somebody's program would follow it.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { answer, problem } from "./admin-response.ts";

const source = join(import.meta.dir, "../../dashboard/index.html");

interface Asset {
  readonly type: string;
  readonly tag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly packed: Uint8Array<ArrayBuffer>;
}

/** What an import of the page is in an executable; from source it has no `files`. */
export interface PageManifest {
  readonly index: string;
  readonly files?: readonly { readonly path: string; readonly loader: string }[];
}

/** Imports the page; only the program itself does. */
export type LoadPage = () => Promise<{ readonly default: PageManifest }>;

/** Paths that may be the page or its files, so that others need not load it. */
export function isPagePath(path: string): boolean {
  return path === "/" || /^\/[a-z]+-[a-z0-9]+\.(?:js|css|svg)$/.test(path);
}

export class PageAssets {
  private readonly loadPage: LoadPage | undefined;
  private assets: Promise<ReadonlyMap<string, Asset>> | null = null;

  constructor(loadPage: LoadPage | undefined) {
    this.loadPage = loadPage;
  }

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
    this.assets ??= this.make();
    this.assets.catch(() => {
      this.assets = null; // the request fails with its reason; the next one tries again
    });
    return this.assets;
  }

  private async make(): Promise<ReadonlyMap<string, Asset>> {
    const files = (await this.loadPage?.())?.default.files;
    if (files !== undefined) return embedded(files);
    // A program that was bundled together with MSCache has left the page behind.
    return existsSync(source) ? bundle(source) : new Map();
  }
}

/** The name of a file changes with its content; the page's does not. */
function cachingOf(path: string): string {
  return path === "/" ? "no-cache" : "max-age=31536000, immutable";
}

async function embedded(
  files: NonNullable<PageManifest["files"]>,
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
