// INFO as values: fields by name, and the lists within one field ("calls=1,usec=2"). It knows no
// field by name. A field that a server does not have is null, which is not 0.

export class InfoFields {
  private readonly fields = new Map<string, string>();

  constructor(text: string) {
    for (const line of text.split(/\r?\n/)) {
      const colon = line.indexOf(":");
      if (colon > 0 && !line.startsWith("#")) {
        this.fields.set(line.slice(0, colon), line.slice(colon + 1));
      }
    }
  }

  text(name: string): string | null {
    return this.fields.get(name) ?? null;
  }

  number(name: string): number | null {
    return numberOf(this.fields.get(name));
  }

  /** The fields whose names begin with the prefix, by the rest of their names. */
  after(prefix: string): [name: string, value: string][] {
    const found = [...this.fields].filter(([name]) => name.startsWith(prefix));
    return found.map(([name, value]) => [name.slice(prefix.length), value]);
  }
}

/** "calls=1,usec=2" as values by name. */
export function listOf(value: string): ReadonlyMap<string, string> {
  const pairs = value.split(",").map((pair) => {
    const equals = pair.indexOf("=");
    return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
  });
  return new Map(pairs.filter(([name]) => name !== ""));
}

/** Null for what is not a number. */
export function numberOf(text: string | undefined): number | null {
  if (text === undefined || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** A follower as its leader lists it. */
export interface ListedFollower {
  readonly host: string;
  readonly port: number;
  readonly state: string;
  readonly offset: number | null;
  /** Seconds since it last confirmed an offset. */
  readonly lagSeconds: number | null;
}

/** The followers in the order of the list; those without an address are left out. */
export function followersIn(info: InfoFields): ListedFollower[] {
  return listedAs("slave", info).map(([follower]) => follower);
}

/** A follower of a follower. */
export interface DistantFollower extends ListedFollower {
  /** Behind the node that it follows. */
  readonly behindBytes: number | null;
}

/** Those that the followers of a node of ours have told of. */
export function distantFollowersIn(info: InfoFields): DistantFollower[] {
  return listedAs("mscache_tree", info).map(([follower, parts]) => ({
    ...follower,
    behindBytes: numberOf(parts.get("behind")),
  }));
}

function listedAs(
  prefix: string,
  info: InfoFields,
): [follower: ListedFollower, parts: ReadonlyMap<string, string>][] {
  const lines = info.after(prefix).filter(([number]) => /^\d+$/.test(number));
  return lines.flatMap(([, line]) => {
    const parts = listOf(line);
    const port = numberOf(parts.get("port"));
    const host = parts.get("ip");
    if (port === null || host === undefined || host === "") return [];
    const follower = {
      host,
      port,
      state: parts.get("state") ?? "",
      offset: numberOf(parts.get("offset")),
      lagSeconds: numberOf(parts.get("lag")),
    };
    return [[follower, parts]];
  });
}
