// What one thread tells the event log beside changes of keys: on whose behalf it works.
// Hot path: begin() runs once for each event of a connection.

import type { EventLog } from "../../journal/event-log.ts";
import type { Session } from "./session.ts";

export class Observer {
  private readonly events: EventLog;

  constructor(events: EventLog) {
    this.events = events;
  }

  /** Call it before commands of this session run. */
  begin(session: Session): void {
    this.events.author = session;
  }
}
