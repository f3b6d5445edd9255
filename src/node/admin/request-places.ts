// Which requests of HTTP are let in. Those that wait or send slowly hold a place until they are
// answered, so each address has a share of the places, scrapes have places of their own, and health
// needs none: it takes no time, and must not fail because somebody's requests wait. Answers that a
// client does not read are known by their number only, not by whose they are.

import { adminRequestsMax, adminScrapesMax } from "../../base/limits.ts";
import { FairShares } from "./fair-shares.ts";
import { isHealthPath } from "./health.ts";

export const metricsPath = "/metrics";

/** Gives a place back. */
type Leave = () => void;

const noPlace: Leave = () => undefined;

export class RequestPlaces {
  private readonly requests = new FairShares(adminRequestsMax);
  private readonly scrapes = new FairShares(adminScrapesMax);

  /** Null: there is none. `pending`: requests that are not answered and read, this one included. */
  take(path: string, host: string, pending: number): Leave | null {
    if (isHealthPath(path)) return noPlace;
    const isScrape = path === metricsPath;
    const shares = isScrape ? this.scrapes : this.requests;
    const others = pending - 1 - (isScrape ? adminRequestsMax : 0);
    if (!shares.take(host, 1, Math.max(others, shares.total))) return null;
    return () => shares.giveBack(host, 1);
  }
}
