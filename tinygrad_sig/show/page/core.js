// The core: the page drawn from a trace's JSON alone. It knows no engine and computes no gradient.

/** Build the page in an element; what it returns shows data, and stands at a step that can be read, set and heard of. */
export function mount(root) {
  const pre = root.appendChild(document.createElement("pre"));
  let data = null, at = 0;
  const page = {
    onstep: null,
    get step() { return at; },
    set step(step) { at = step; pre.textContent = JSON.stringify(data, null, 1); page.onstep?.(at); },
    show(given, { step = 0 } = {}) { data = given; page.step = step; },
  };
  return page;
}
