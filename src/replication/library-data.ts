// The libraries of functions as snapshots and followers see them: data of the node beside its keys,
// each a text. What is in them is not known here.

import { librariesMax, libraryBytesMax } from "../base/limits.ts";

export interface LibraryData {
  /** The texts of all libraries. Nobody changes their bytes. */
  texts(): readonly Uint8Array[];
  /** Has these from now on, and no others. Returns why some of them cannot be loaded, if any. */
  replaceAll(texts: readonly Uint8Array[]): readonly string[];
  /** How often they have changed. */
  readonly changes: number;
}

/** Of a node without libraries. */
export const noLibraries: LibraryData = {
  texts: () => [],
  replaceAll: () => [],
  changes: 0,
};

/** The texts of a snapshot, until it is complete. */
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
