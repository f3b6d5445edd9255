// The dashboard's entry: builds the views, shows the one that the address names, opens the stream,
// and asks for a login where the node wants one. Each view and panel is a file of this folder.

import { CommandConsole } from "./command-console.ts";
import { byId } from "./dom.ts";
import { KeyBrowser } from "./key-browser.ts";
import { LiveStream, type Pulse } from "./live-stream.ts";
import { LoginForm } from "./login-form.ts";
import { ApiError, NodeApi } from "./node-api.ts";
import { Overview } from "./overview.ts";
import { remember, remembered } from "./remembered.ts";
import { startTheme } from "./theme.ts";
import { TopBar } from "./top-bar.ts";
import { Views } from "./views.ts";

class Dashboard {
  private readonly api = new NodeApi();
  private readonly bar = new TopBar();
  private readonly overview: Overview;
  private readonly views: Views;
  private readonly stream: LiveStream;
  private readonly login: LoginForm;
  private readonly leaving = byId("leave");

  constructor() {
    const { api } = this;
    this.overview = new Overview(api, (key) => {
      this.views.open("keys");
      void keys.open(key, 0); // the lists of the overview are of database 0
    });
    const keys = new KeyBrowser(api);
    const views = { overview: this.overview, keys, console: new CommandConsole(api) };
    this.views = new Views(byId("content"), byId("tabs"), views);
    this.login = new LoginForm(api, (user) => {
      remember("user", user);
      this.enter();
    });
    this.stream = new LiveStream(
      api,
      (event) => this.overview.update(event),
      (pulse) => this.heard(pulse),
    );
    startTheme(byId("theme"), () => this.overview.recolor());
    this.leaving.addEventListener("click", () => void this.leave());
  }

  /** Finds out whether a login is needed; any other trouble is told where it shows. */
  async start(): Promise<void> {
    const isLoginNeeded = await this.api.info("modules").then(
      () => false,
      (error: unknown) => error instanceof ApiError && error.status === 401,
    );
    if (isLoginNeeded) this.askLogin("This node is for its users.");
    else this.enter();
  }

  private enter(): void {
    this.api.onNoLogin = () => this.askLogin("Your login has ended.");
    const user = remembered("user");
    this.leaving.hidden = user === null;
    this.leaving.textContent = `Log out ${user ?? ""}`;
    this.views.start();
    this.overview.start();
    this.stream.start();
  }

  /** Which node it is may be another thing after each time that it was away. */
  private heard(pulse: Pulse): void {
    if (pulse.state === "live" && !this.bar.isLive) void this.bar.askNode(this.api);
    if (pulse.state === "refused") this.overview.refused(pulse.why);
    this.bar.tellPulse(pulse);
  }

  private askLogin(why: string): void {
    this.api.onNoLogin = () => {}; // once is enough
    remember("user", null);
    this.leaving.hidden = true;
    this.stream.stop();
    this.overview.stop();
    this.bar.tellPulse(null);
    this.views.instead(this.login.root);
    this.login.ask(why);
  }

  private async leave(): Promise<void> {
    await this.api.logOut();
    this.askLogin("You have logged out.");
  }
}

void new Dashboard().start();
