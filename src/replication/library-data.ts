// The libraries of functions as snapshots and followers see them: data that the node has beside its
// keys, each a source text. Nothing here looks into the texts.

import { librariesMax, libraryBytesMax } from "../base/limits.ts";

export interface LibraryData {
  /** The texts of all libraries. Nobody changes their bytes. */
  texts(): readonly Uint8Array[];
  /** Replaces all libraries by these. Returns why some cannot be loaded, one text for each. */
  replaceAll(texts: readonly Uint8Array[]): readonly string[];
  /** How often they have changed. */
  readonly changes: number;
}

/** For a node without libraries. */
export const noLibraries: LibraryData = {
  texts: () => [],
  replaceAll: () => [],
  changes: 0,
};

/** Collects the texts of a snapshot until it is complete. */
export class LibraryTexts {
  readonly texts: Uint8Array[] = [];
  private bytes = 0;

  /** False if there are more than a node may have. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    this.bytes += end - start;
    if (this.texts.length >= librariesMax || this.bytes > libraryBytesMax) return false;
    this.texts.push(new Uint8Array(bytes.subarray(start, end)));
    return true;
  }
}
