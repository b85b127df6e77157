// The served page: each question goes to the server that the page came from.

import { turning } from "./sliders.js";

const served = {
  /** There is nothing to load. */
  async load() {},
  /** The engine's answer to a query; refusals are errors with the command's sentence. */
  async ask(query) {
    const response = await fetch(`answer?${query}`).catch(() => null);
    if (!response) {
      throw new Error("The server does not answer; start it again with tinygrad-sig --serve, and reload the page.");
    }
    const data = await response.json();
    if (data.error) throw new Error(data.error);
    return data;
  },
};

turning(document.getElementById("page"), served);
