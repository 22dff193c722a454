// Numbers and texts as people read them.

const FORMATS = [0, 1, 2].map(
  (digits) =>
    new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);
const number = (value, digits = 0) => FORMATS[digits].format(value);

const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Seconds: `< 1 ms`, `8 ms`, `0.28 s`, `2.6 s`, `42 s`, `12 min 05 s`, `5 min`, `3 h 04 min`, `2 d 03 h`. */
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 0.0005) return "< 1 ms";
  if (seconds < 0.0995) return `${number(seconds * 1000)} ms`;
  if (seconds < 0.995) return `${number(seconds, 2)} s`;
  if (seconds < 9.95) return `${number(seconds, 1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return twoParts(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86400) return twoParts(Math.floor(whole / 3600), "h", (whole % 3600) / 60, "min");
  return twoParts(Math.floor(whole / 86400), "d", (whole % 86400) / 3600, "h");
}

function twoParts(large, unit, small, smaller) {
  const rest = Math.floor(small);
  return `${number(large)} ${unit}${rest ? ` ${String(rest).padStart(2, "0")} ${smaller}` : ""}`;
}

/** Bytes in the largest fitting power of 1000. */
function bytes(count) {
  if (count === null || count === undefined) return "";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (count >= 999.5 && unit < units.length - 1) [count, unit] = [count / 1000, unit + 1];
  return `${number(count, unit && count < 9.995 ? 2 : unit && count < 99.95 ? 1 : 0)} ${units[unit]}`;
}

const cores = (value) => (value === null ? "" : number(value, value < 9.95 ? 2 : 1));

/** Seconds since the epoch as `2026-01-31 12:00:00 UTC`: the same for every reader. */
const moment = (seconds) =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);
const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** Start, as text: the time of day, and the day where the run is longer than one. */
const SPANS_DAYS = JOBS.finished.some(
  (ms) => day(INFO.started + (ms ?? 0) / 1000) !== day(INFO.started),
);
const startText = (ms) => {
  if (ms === null) return "";
  const seconds = INFO.started + ms / 1000;
  return SPANS_DAYS ? `${day(seconds).slice(5)} ${clock(seconds)}` : clock(seconds);
};

/** Control characters, and those that turn the direction of writing. */
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const written = (character) =>
  ({ "\n": "\\n", "\t": "\\t", "\r": "\\r" })[character] ??
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** A name on one line, with what cannot be seen written out. */
const visible = (text) => String(text).replace(UNSEEN, written);

/** A longer text: lines stay, colours of a terminal go, and of a line written over its last state. */
function block(text) {
  return text
    .replace(/\r\n/g, "\n")
    .replace(
      /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g,
      "",
    )
    .replace(/[^\n]*\r(?=[^\n])/g, "")
    .replace(UNSEEN, (character) =>
      "\n\t".includes(character) ? character : character === "\r" ? "" : written(character),
    );
}

const STATES = {
  failed: { sign: "✗", order: 0 },
  interrupted: { sign: "◌", order: 1 },
  cancelled: { sign: "–", order: 2 },
  running: { sign: "▸", order: 3 },
  submitted: { sign: "·", order: 4 },
  success: { sign: "✓", order: 5 },
};
const signOf = (state) => STATES[state]?.sign ?? "";
const orderOf = (state) => STATES[state]?.order ?? 9;
const byOrder = (a, b) => orderOf(a) - orderOf(b);

const FAILURES = {
  error: "error",
  out_of_memory: "out of memory",
  timeout: "out of time",
  node_lost: "node lost",
  preempted: "preempted",
  image_pull: "image not to be had",
  cancelled: "cancelled",
  missing_output: "output missing",
};
const RESOURCES = { mem_mb: "memory", runtime: "time", threads: "cores" };

const cpuOf = (job) =>
  JOBS.user[job] === null ? null : (JOBS.user[job] + JOBS.system[job]) / 1000;
const wallOf = (job) => {
  if (JOBS.finished[job] !== null)
    return Math.max(0, JOBS.finished[job] - JOBS.started[job]) / 1000;
  return null;
};
