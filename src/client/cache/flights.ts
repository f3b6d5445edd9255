// The computations that run in this process, at most one for an entry. It decides who joins which;
// what a flight does is in flight.ts.
// Invariant: a flight is here from its start until its result is known.

import { Flight, type FlightDeck, type Job, type Replaced } from "./flight.ts";

export class Flights {
  private readonly deck: FlightDeck;
  private readonly running = new Map<string, Flight>();

  constructor(deck: FlightDeck) {
    this.deck = deck;
  }

  /** The value that is computed, here or elsewhere. */
  async settle(job: Job, replaced: Replaced | null): Promise<unknown> {
    for (;;) {
      const running = this.running.get(job.path);
      if (running !== undefined) job.passed?.();
      const joined = running?.join() ?? 0;
      const flight = running ?? this.start(job, replaced, false);
      const outcome = await flight.result;
      if (outcome !== null && joined < outcome.step) return outcome.value;
    }
  }

  /** Computes the value in the background, unless somebody does already. */
  refresh(job: Job, replaced: Replaced): void {
    if (this.running.has(job.path)) job.passed?.();
    // The stale value has been served; the error has been told by an event.
    else this.start(job, replaced, true).result.catch(() => undefined);
  }

  private start(job: Job, replaced: Replaced | null, isBackground: boolean): Flight {
    const flight = new Flight(this.deck, job, replaced, isBackground);
    this.running.set(job.path, flight);
    const land = () => void this.running.delete(job.path);
    flight.result.then(land, land);
    return flight;
  }
}
