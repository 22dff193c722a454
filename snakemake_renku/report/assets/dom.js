// Elements, made of data as text alone: nothing that comes from a run is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** An HTML element; children are elements or text. */
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);

/** An SVG element. */
const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** A name from a run: isolated from the direction of what is around it, and on one line. */
const name = (text, attributes) => h("bdi", attributes, visible(text));
const code = (text) => h("code", null, name(text));

/** A path that breaks after its slashes only. */
function path(text) {
  const parts = visible(text).split(/(?<=\/)/);
  return h(
    "bdi",
    { class: "path" },
    parts.flatMap((part, n) => (n ? [h("wbr"), part] : [part])),
  );
}

/** A digest, shortened; the whole is in its title. */
function digest(text, length = 12) {
  if (!text) return null;
  const [kind, hex] = text.includes(":") ? text.split(":") : ["", text];
  const label =
    kind === "sha256" || kind === "" ? hex.slice(0, length) : `${kind}:${hex.slice(0, length)}`;
  return h("code", { class: "digest", title: text }, label);
}

const state = (value) =>
  h("span", { class: `state ${value}` }, h("i", { "aria-hidden": "true" }, signOf(value)), value);
const outcome = (value) => h("span", { class: `outcome ${value.replace(" ", "-")}` }, value);
const time = (seconds, text = moment(seconds)) =>
  h("time", { datetime: new Date(seconds * 1000).toISOString() }, text);

/** The colour of a rule, as a class: the rules with the most time have one of their own. */
const RULE_CLASSES = (() => {
  const totals = new Map();
  for (let job = 0; job < JOBS.count; job++) {
    totals.set(JOBS.rule[job], (totals.get(JOBS.rule[job]) ?? 0) + (wallOf(job) ?? 0));
  }
  const sorted = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a) || a - b);
  return new Map(sorted.map((rule, n) => [STRINGS[rule], n < 8 ? `hue${n}` : "hue-other"]));
})();
const hueOf = (rule) => RULE_CLASSES.get(rule) ?? "hue-other";
const swatch = (rule) => h("i", { class: `swatch ${hueOf(rule)}`, "aria-hidden": "true" });
const ruleName = (rule) => h("span", { class: "rule" }, swatch(rule), name(rule));

const jobLink = (job, ...children) =>
  h(
    "a",
    { href: `#job=${encodeURIComponent(JOBS.id[job])}` },
    ...(children.length ? children : [name(JOBS.id[job])]),
  );
const fileLink = (file, ...children) =>
  h("a", { href: `#file=${file}` }, ...(children.length ? children : [path(pathOf(file))]));

/** Terms and what they say; those that say nothing are left out. */
function facts(pairs, attributes) {
  const known = pairs.filter(
    ([, value]) => value !== null && value !== undefined && value !== "" && value !== false,
  );
  return h(
    "dl",
    { class: "facts", ...attributes },
    known.map(([term, value]) => h("div", null, h("dt", null, term), h("dd", null, value))),
  );
}

/** A section of the page, which the list of sections names. */
function section(id, title, about, ...content) {
  const parts = [
    h(
      "header",
      null,
      h("h2", { id: `${id}-title` }, title),
      about && h("p", { class: "about" }, about),
    ),
  ];
  return h("section", { id, "aria-labelledby": `${id}-title` }, parts, ...content);
}

/** A list of which only the beginning is shown until more is asked for. */
function shortList(items, show, most = 20) {
  const list = h("ul", { class: "plain-list" });
  const add = (from, to) =>
    list.append(...items.slice(from, to).map((item) => h("li", null, show(item))));
  add(0, most);
  if (items.length <= most) return list;
  const step = 500;
  const more = h(
    "button",
    { type: "button", class: "quiet" },
    `Show ${number(Math.min(step, items.length - most))} more`,
  );
  let shown = most;
  more.addEventListener("click", () => {
    add(shown, shown + step);
    shown += step;
    if (shown >= items.length) more.remove();
    else more.textContent = `Show ${number(Math.min(step, items.length - shown))} more`;
  });
  return h("div", null, list, more);
}

const say = (text) => (document.getElementById("said").textContent = text);
const pre = (text, label) => h("pre", { tabindex: "0", "aria-label": label }, block(text));
