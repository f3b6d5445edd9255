// What this browser remembers for the page: the theme and the name of who is logged in. Nothing
// secret: the login itself is a cookie that scripts cannot read.

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`mscache-${name}`);
  } catch {
    return null; // a browser that keeps nothing for this page
  }
}

/** Null: forgets it. */
export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`mscache-${name}`);
    else localStorage.setItem(`mscache-${name}`, value);
  } catch {
    // A browser that keeps nothing for this page: it is known until the page is closed.
  }
}
