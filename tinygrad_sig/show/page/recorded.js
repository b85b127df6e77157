// The recorded page: the trace that is written in the page itself.

import { mount } from "./core.js";

mount(document.getElementById("page")).show(JSON.parse(document.getElementById("data").textContent));
