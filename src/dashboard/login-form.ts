// The form by which a user logs in. A wrong password is told in one sentence; the password is
// forgotten at once, and the cookie that takes its place is out of reach of scripts.

import { el, setText } from "./dom.ts";
import { ApiError, type NodeApi, sentenceOf } from "./node-api.ts";

export class LoginForm {
  readonly root: HTMLFormElement;
  private readonly api: NodeApi;
  private readonly entered: (user: string) => void;
  private readonly user = input("text", "username");
  private readonly password = input("password", "current-password");
  private readonly why = el("p", { class: "panel-note" });
  private readonly trouble = el("p", { class: "trouble", role: "alert" });
  private readonly button = el("button", { type: "submit", class: "main" }, "Log in");

  constructor(api: NodeApi, entered: (user: string) => void) {
    this.api = api;
    this.entered = entered;
    const submit = (event: Event) => {
      event.preventDefault();
      void this.logIn();
    };
    this.user.placeholder = "default";
    this.root = el(
      "form",
      { class: "panel login", on: { submit } },
      el("h2", {}, "Log in"),
      this.why,
      el("label", {}, "User", this.user),
      el("label", {}, "Password", this.password),
      this.trouble,
      this.button,
    );
  }

  /** Asks for a login, and says why. */
  ask(why: string): void {
    setText(this.why, why);
    setText(this.trouble, "");
    this.password.value = "";
    (this.user.value === "" ? this.user : this.password).focus();
  }

  private async logIn(): Promise<void> {
    this.button.disabled = true;
    try {
      const user = await this.api.logIn(this.user.value, this.password.value);
      setText(this.trouble, "");
      this.entered(user);
    } catch (error) {
      setText(this.trouble, this.troubleOf(error));
      this.password.select();
    } finally {
      this.button.disabled = false;
    }
  }

  private troubleOf(error: unknown): string {
    if (!(error instanceof ApiError) || error.status !== 401) return sentenceOf(error);
    const name = this.user.value === "" ? "default" : this.user.value;
    return `The node knows no user “${name}” with this password.`;
  }
}

function input(type: string, autocomplete: string): HTMLInputElement {
  return el("input", { type, autocomplete, name: autocomplete, spellcheck: "false" });
}
