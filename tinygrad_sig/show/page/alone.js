// The page on its own: Python runs in the browser, by Pyodide, and the engine's sources are in the page.
//
// The one idea: Pyodide asks for its files by fetch. Where they are embedded, fetch answers from the page; where they
// are at an address, it goes there. The rest is the same.

import { held, turning } from "./sliders.js";

const INSIDE = "inside://page/"; // an address that only the redirected fetch knows
const KINDS = { mjs: "text/javascript", wasm: "application/wasm", json: "application/json" };

/** An embedded file as bytes. */
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Let Pyodide find the embedded files: what it fetches by fetch, and its two modules at blob addresses. */
function redirect(files) {
  const outside = globalThis.fetch;
  globalThis.fetch = async (address, ...settings) => {
    const name = `${address?.url ?? address}`;
    if (!name.startsWith(INSIDE)) return outside(address, ...settings);
    const file = name.slice(INSIDE.length), kind = KINDS[file.split(".").at(-1)] ?? "application/octet-stream";
    if (!(file in files)) return new Response("", { status: 404 });
    return new Response(await unpacked(files[file]), { headers: { "Content-Type": kind } });
  };
  return async (file) => {
    const address = URL.createObjectURL(new Blob([await unpacked(files[file])], { type: KINDS.mjs }));
    return import(address).finally(() => URL.revokeObjectURL(address));
  };
}

const megabytes = (letters) => `${(letters * 0.75 / 1e6).toFixed(1)} MB`;

/** The engine in this page. */
function pyodide({ address, files }, sources) {
  let ask = null;
  return {
    /** Start Python, and say what is being loaded; throws a sentence where that fails. */
    async load(say) {
      const size = files ? megabytes(Object.values(files).reduce((sum, text) => sum + text.length, 0)) : "about 9 MB";
      const from = files ? "from this page" : `from ${address}`;
      try {
        say(`Starting Python in the browser: Pyodide and NumPy, ${size} ${from} …`);
        const module = files ? redirect(files) : (file) => import(address + file);
        const where = address ?? INSIDE;
        const { loadPyodide } = await module("pyodide.mjs");
        const createPyodideModule = files ? (await module("pyodide.asm.mjs")).default : undefined;
        const python = await loadPyodide({ indexURL: where, packageBaseUrl: where, createPyodideModule });
        say(`Python is here; loading NumPy ${from} …`);
        await python.loadPackage("numpy", { messageCallback: () => {} });
        say("Loading the engine …");
        for (const [path, text] of Object.entries(sources)) {
          python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
          python.FS.writeFile(path, text);
        }
        ask = python.runPython("from tinygrad_sig.live.answer import reply\nlambda query: reply(query)[1]");
      } catch (error) {
        console.warn(error);
        const here = `Python does not start in this browser (${error.message})`;
        const there = `Python could not be loaded from ${address}`;
        throw new Error(files
          ? `${here}; open the page in a current Chrome, Edge, Firefox or Safari.`
          : `${there}; connect to a network, or make the page with --pyodide and a directory, which needs none.`);
      }
    },
    /** The engine's answer to a query; refusals are errors with the command's sentence. */
    async ask(query) {
      const data = JSON.parse(ask(query));
      if (data.error) throw new Error(data.error);
      return data;
    },
  };
}

turning(document.getElementById("page"), pyodide(held("python"), held("sources")));
