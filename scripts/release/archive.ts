// Archives of a release: .tar.gz where the executable bit counts, .zip for Windows. The same
// contents and time give the same bytes, so that anybody can build an archive again and compare.

import { zipSync } from "fflate";
import { createTar } from "nanotar";

const tarBlockBytes = 512;
const tarRecordBytes = 20 * tarBlockBytes;

export interface ArchivedFile {
  readonly name: string;
  readonly data: Uint8Array;
  readonly isExecutable?: boolean;
}

/** `folder` is the one directory in which all files lie; `seconds` is the time of each file. */
export function packArchive(
  name: string,
  folder: string,
  files: readonly ArchivedFile[],
  seconds: number,
): Uint8Array {
  return name.endsWith(".zip") ? zip(folder, files, seconds) : tarGzip(folder, files, seconds);
}

function tarGzip(folder: string, files: readonly ArchivedFile[], seconds: number): Uint8Array {
  const tar = createTar(
    files.map(({ name, data, isExecutable }) => ({
      name: `${folder}/${name}`,
      data,
      // Octal digits, as they stand in the header.
      attrs: { mode: isExecutable ? "755" : "644", mtime: seconds * 1000, uid: 0, gid: 0 },
    })),
  );
  return Bun.gzipSync(ended(new Uint8Array(tar)), { level: 9 });
}

/** nanotar writes one block of zeros behind the last file; tar wants two, and whole records. */
function ended(tar: Uint8Array): Uint8Array<ArrayBuffer> {
  const records = Math.ceil((tar.length + tarBlockBytes) / tarRecordBytes);
  const whole = new Uint8Array(records * tarRecordBytes);
  whole.set(tar);
  return whole;
}

function zip(folder: string, files: readonly ArchivedFile[], seconds: number): Uint8Array {
  const entries = files.map(({ name, data }) => [`${folder}/${name}`, data] as const);
  return zipSync(Object.fromEntries(entries), { level: 9, mtime: seconds * 1000 });
}
