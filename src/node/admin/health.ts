// What load balancers and orchestrators ask: is the process up, may it be used, and which role has
// it. Answers need no login, so they say nothing but the state, in one line of text.
//
//   /healthz    200 while the process serves
//   /readyz     200 when its data are complete: loaded and, on a follower, in sync with its leader
//   /leader     200 on a leader that is ready: where writes go
//   /follower   200 on a follower that is ready: where reads may go

export interface HealthSource {
  readonly isLoading: boolean;
  readonly isFollower: boolean;
  /** Whether a follower has its leader's data and gets every change. */
  readonly isInSync: boolean;
  readonly isEnding: boolean;
}

export interface Health {
  readonly status: 200 | 503;
  readonly text: string;
}

const healthPaths = ["/healthz", "/readyz", "/leader", "/follower"] as const;
export type HealthPath = (typeof healthPaths)[number];

export function isHealthPath(path: string): path is HealthPath {
  return (healthPaths as readonly string[]).includes(path);
}

export function healthOf(path: HealthPath, source: HealthSource): Health {
  if (path === "/healthz") return { status: 200, text: "ok" };
  const obstacle = obstacleOf(source);
  if (obstacle !== null) return { status: 503, text: obstacle };
  if (path === "/readyz") return { status: 200, text: "ready" };
  const role = source.isFollower ? "follower" : "leader";
  return { status: path === `/${role}` ? 200 : 503, text: role };
}

/** Why the node is not ready; null if it is. */
function obstacleOf({ isLoading, isFollower, isInSync, isEnding }: HealthSource): string | null {
  if (isEnding) return "shutting down";
  if (isLoading) return "loading";
  if (isFollower && !isInSync) return "not in sync";
  return null;
}
