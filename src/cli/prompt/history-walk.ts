// Where a prompt is in its history: walking by Up and Down, and the search of Ctrl-R. It changes no
// history, and the line that was begun comes back at the end of the walk.

export class HistoryWalk {
  private readonly lines: readonly string[];
  /** The line that is shown; the number of lines for the one that was begun. */
  private index: number;
  private begun = "";
  private searchQuery: string | null = null;
  /** The line of the search; the number of lines if none fits. */
  private match: number;
  private before = "";

  constructor(lines: readonly string[]) {
    this.lines = lines;
    this.index = lines.length;
    this.match = lines.length;
  }

  /** Null: there is no older line. */
  older(current: string): string | null {
    if (this.index === 0) return null;
    if (this.index === this.lines.length) this.begun = current;
    this.index--;
    return this.lines[this.index] ?? null;
  }

  newer(): string | null {
    if (this.index === this.lines.length) return null;
    this.index++;
    return this.lines[this.index] ?? this.begun;
  }

  // ---- search ----------------------------------------------------------------------------------

  get isSearching(): boolean {
    return this.searchQuery !== null;
  }

  get query(): string {
    return this.searchQuery ?? "";
  }

  /** The line that was found, or the one from before the search. */
  get found(): string {
    return this.lines[this.match] ?? this.before;
  }

  beginSearch(current: string): void {
    this.before = current;
    this.searchQuery = "";
    this.match = this.lines.length;
  }

  /** The newest line with this text. Without one, what was found before stays. */
  searchFor(query: string): void {
    this.searchQuery = query;
    this.findFrom(this.lines.length - 1);
  }

  searchOlder(): void {
    this.findFrom(this.match - 1);
  }

  /** The line to go on with. */
  endSearch(isAccepted: boolean): string {
    const line = isAccepted ? this.found : this.before;
    if (isAccepted && this.match < this.lines.length) this.index = this.match;
    this.searchQuery = null;
    return line;
  }

  private findFrom(start: number): void {
    const { query } = this;
    if (query === "") return;
    for (let i = start; i >= 0; i--) {
      if (!this.lines[i]?.includes(query)) continue;
      this.match = i;
      return;
    }
  }
}
