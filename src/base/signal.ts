// Something that happens to an object, for whoever wants to know: nobody at first. The object that has
// the signal needs nothing of those who listen, so it can be made before them. Listeners stay for good:
// they belong to the same node. Calls are synchronous, in the order of the listeners.

export class Signal<Detail = void> {
  private readonly listeners: ((detail: Detail) => void)[] = [];

  on(listener: (detail: Detail) => void): void {
    this.listeners.push(listener);
  }

  emit(detail: Detail): void {
    for (const listener of this.listeners) listener(detail);
  }
}
