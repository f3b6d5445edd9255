// The page of the dashboard as the bundler puts it into an executable: a list of its files. Loaded
// at the first request for it. It is here and not in node/, as bundlers of programs that import
// MSCache follow every import that they find, and know no pages.

import page from "../dashboard/index.html";

export default page;
