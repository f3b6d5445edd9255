// The platforms that a release has an executable for, and the names of their files. Built by
// build.ts, packed by release/pack.ts; it starts nothing.

/** `baseline` runs on x64 processors without AVX2, `musl` on Alpine. */
export const releaseTargets = [
  "linux-x64",
  "linux-x64-baseline",
  "linux-x64-musl",
  "linux-x64-musl-baseline",
  "linux-arm64",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-x64-baseline",
  "darwin-arm64",
  "windows-x64",
  "windows-x64-baseline",
  "windows-arm64",
] as const;

export type ReleaseTarget = (typeof releaseTargets)[number];

/** Takes Bun's own spelling, too: `bun-linux-x64`. Null if there is no such target. */
export function releaseTarget(text: string): ReleaseTarget | null {
  const name = text.replace(/^bun-/, "");
  return releaseTargets.find((target) => target === name) ?? null;
}

/** What the program is called within an archive. */
export function programName(target: string): string {
  return target.startsWith("windows") ? "mscache.exe" : "mscache";
}

/** What build.ts calls it in `dist`. */
export function executableName(target: string): string {
  return `mscache-${target}${target.startsWith("windows") ? ".exe" : ""}`;
}

/** Without its ending: Windows has its archives as .zip, all others as .tar.gz. */
export function archiveStem(target: string, version: string): string {
  return `mscache-${version}-${target}`;
}

export function archiveName(target: string, version: string): string {
  return `${archiveStem(target, version)}${target.startsWith("windows") ? ".zip" : ".tar.gz"}`;
}
