// The scripts that the node knows, by their SHA1. One cache serves the node, since its scripts run
// in one thread. Nothing is compiled here.
// Invariant: at most evalScriptsMax scripts that only EVAL has brought, loadedScriptsMax of SCRIPT
// LOAD, and scriptCacheBytesMax of both together.

import { evalScriptsMax, loadedScriptsMax, scriptCacheBytesMax } from "../../base/limits.ts";
import type { Script } from "../core/script-record.ts";

/** What a script costs beside its text: measured with a million short ones. */
const overheadBytes = 400;

export class ScriptCache {
  /** Called for a script that is forgotten. */
  onRemoved: (script: Script) => void;
  private readonly scripts: Map<string, Script>;
  private loaded: number;
  private textBytes: number;

  constructor() {
    this.onRemoved = () => undefined;
    this.scripts = new Map();
    this.loaded = 0;
    this.textBytes = 0;
  }

  get size(): number {
    return this.scripts.size;
  }

  /** Memory of the scripts, without the VM's. */
  get bytes(): number {
    return this.textBytes + this.scripts.size * overheadBytes;
  }

  get(sha: string): Script | undefined {
    return this.scripts.get(sha);
  }

  /** Adds a script, and forgets others for it. False: there is no room. */
  add(script: Script): boolean {
    if (script.isLoaded && this.loaded >= loadedScriptsMax) return false;
    this.makeRoom(script);
    if (this.textBytes + script.text.length > scriptCacheBytesMax) return false;
    this.scripts.set(script.sha, script);
    this.textBytes += script.text.length;
    if (script.isLoaded) this.loaded++;
    return true;
  }

  /** Adds a script that another thread has accepted. */
  mirror(script: Script): void {
    this.scripts.set(script.sha, script);
    this.textBytes += script.text.length;
  }

  all(): Iterable<Script> {
    return this.scripts.values();
  }

  /** SCRIPT LOAD of a script that is there. */
  keep(script: Script): void {
    if (script.isLoaded || this.loaded >= loadedScriptsMax) return;
    script.isLoaded = true;
    this.loaded++;
  }

  clear(): void {
    for (const script of this.scripts.values()) this.onRemoved(script);
    this.scripts.clear();
    this.loaded = 0;
    this.textBytes = 0;
  }

  /** A Map has the order in which its entries came. */
  private makeRoom({ text, isLoaded }: Script): void {
    const most = isLoaded ? evalScriptsMax : evalScriptsMax - 1;
    for (const script of this.scripts.values()) {
      const isFew = this.scripts.size - this.loaded <= most;
      if (isFew && this.textBytes + text.length <= scriptCacheBytesMax) return;
      if (!script.isLoaded) this.remove(script);
    }
  }

  private remove(script: Script): void {
    this.scripts.delete(script.sha);
    this.textBytes -= script.text.length;
    this.onRemoved(script);
  }
}
