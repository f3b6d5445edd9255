// What an executable is made of, for those who must know: a software bill of materials (CycloneDX
// 1.6, https://cyclonedx.org/docs/1.6/json/) and the licences that must go with each copy. Read
// from the lock file and the installed packages; nothing is fetched.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };

const root = join(import.meta.dir, "../..");
/** In package.json for those who import the client; an executable holds nothing of them. */
const typesOnly: readonly string[] = ["bun-types"];
const licenseFile = /^licen[cs]e(\.\w+)?$/i;

/** Compiled into the module of wasmoon-lua5.1. */
const lua = {
  version: "5.1.5",
  purl: "pkg:generic/lua@5.1.5?download_url=https://www.lua.org/ftp/lua-5.1.5.tar.gz",
  notice: "Copyright (C) 1994-2012 Lua.org, PUC-Rio. Under the MIT licence, as the one before.",
};

/** A package of which code is in the executable. */
interface Part {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** SHA-512 of the package as the registry has it, in hex. */
  readonly sha512: string;
  readonly licenseText: string;
}

export function bundledParts(): Part[] {
  const names = Object.keys(manifest.dependencies).filter((name) => !typesOnly.includes(name));
  const lock = readFileSync(join(root, "bun.lock"), "utf8");
  return names.sort().map((name) => partOf(name, lock));
}

function partOf(name: string, lock: string): Part {
  const folder = join(root, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => licenseFile.test(entry));
  const digest = new RegExp(`"${name}@${version}",.*"sha512-([^"]+)"`).exec(lock)?.[1];
  if (typeof license !== "string" || file === undefined || digest === undefined) {
    throw new Error(`${name} ${version}: no licence or no checksum; is it installed?`);
  }
  const sha512 = Buffer.from(digest, "base64").toString("hex");
  return { name, version, license, sha512, licenseText: readFileSync(join(folder, file), "utf8") };
}

/** `seconds`: when the release was made, since 1970. The same input gives the same text. */
export function billOfMaterials(parts: readonly Part[], seconds: number): string {
  const { name, version, license } = manifest;
  const own = purl(name, version);
  const runtime = `pkg:github/oven-sh/bun@bun-v${Bun.version}`;
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(seconds * 1000).toISOString(),
      component: { type: "application", "bom-ref": own, name, version, ...licensed(license) },
    },
    components: [
      {
        ...{ type: "application", "bom-ref": runtime, name: "bun", version: Bun.version },
        ...{ purl: runtime, ...licensed("MIT") },
        description: "The runtime; it links JavaScriptCore, which is under LGPL-2.1.",
        externalReferences: [{ type: "license", url: "https://bun.sh/docs/project/licensing" }],
      },
      ...parts.map(componentOf),
      {
        ...{ type: "library", "bom-ref": lua.purl, name: "lua", version: lua.version },
        ...{ purl: lua.purl, ...licensed("MIT") },
      },
    ],
    dependencies: [
      { ref: own, dependsOn: [runtime, ...parts.map((part) => purl(part.name, part.version))] },
      { ref: purl("wasmoon-lua5.1", versionOf("wasmoon-lua5.1", parts)), dependsOn: [lua.purl] },
    ],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function versionOf(wanted: string, parts: readonly Part[]): string {
  return parts.find(({ name }) => name === wanted)?.version ?? "";
}

function componentOf({ name, version, license, sha512 }: Part) {
  const ref = purl(name, version);
  return {
    ...{ type: "library", "bom-ref": ref, name, version, purl: ref },
    ...licensed(license),
    hashes: [{ alg: "SHA-512", content: sha512 }],
  };
}

function licensed(id: string) {
  return { licenses: [{ license: { id } }] };
}

function purl(name: string, version: string): string {
  return `pkg:npm/${name}@${version}`;
}

/** Goes into each archive: the texts that the licences want to see with every copy. */
export function licenseTexts(parts: readonly Part[]): string {
  const bun = [
    `Bun ${Bun.version}, MIT; it links libraries under other licences, JavaScriptCore's LGPL-2.1`,
    "among them: https://bun.sh/docs/project/licensing",
  ].join("\n");
  const texts = parts.map(({ name, version, licenseText }) => {
    return `${name} ${version}\n\n${licenseText.trim()}`;
  });
  const luaText = `Lua ${lua.version}\n\n${lua.notice}`;
  return `${[`mscache ${manifest.version} contains:`, bun, ...texts, luaText].join("\n\n--------\n\n")}\n`;
}
