// An event of one object with any number of listeners. The object does not know its listeners, so
// it can be created before them. Listeners are never removed: they belong to the same node. Calls
// are synchronous, in the order in which the listeners were added.

export class Signal<Detail = void> {
  private readonly listeners: ((detail: Detail) => void)[] = [];

  on(listener: (detail: Detail) => void): void {
    this.listeners.push(listener);
  }

  emit(detail: Detail): void {
    for (const listener of this.listeners) listener(detail);
  }
}
