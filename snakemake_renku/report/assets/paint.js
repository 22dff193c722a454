// What the timeline looks like.

const HUES = ["hue0", "hue1", "hue2", "hue3", "hue4", "hue5", "hue6", "hue7", "hue-other"];
const BAD = new Set(["failed", "cancelled", "interrupted"]);

/** The colours of the page as it is shown now, light or dark. */
function coloursOf(element) {
  const style = getComputedStyle(element);
  const names = [
    ...HUES,
    "ink",
    "muted",
    "line",
    "paper",
    "shade",
    "failed",
    "cancelled",
    "interrupted",
    "accent",
  ];
  return Object.fromEntries(
    names.map((each) => [each, style.getPropertyValue(`--${each}`).trim()]),
  );
}

/** Round steps for an axis over `length` ms of which about `count` are wanted. */
function axisStep(length, count) {
  const steps = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5,
    18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5,
  ];
  return steps.find((step) => length / step <= count) ?? Math.ceil(length / count / 864e5) * 864e5;
}

function axisText(ms, step) {
  const seconds = ms / 1000;
  if (step < 1000) return `${number(seconds, step < 10 ? 2 : step < 100 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  if (HORIZON < 6e4) return `${whole} s`;
  if (step >= 864e5) return `${whole / 86400} d`;
  const days = HORIZON >= 864e5 && whole >= 86400 ? `${Math.floor(whole / 86400)} d ` : "";
  const hours = Math.floor((whole % 86400) / 3600);
  if (step >= 6e4)
    return HORIZON < 36e5
      ? `${Math.floor(whole / 60)} min`
      : `${days}${hours}:${two((whole % 3600) / 60)} h`;
  return HORIZON < 36e5
    ? `${Math.floor(whole / 60)}:${two(whole % 60)} min`
    : `${days}${hours}:${two((whole % 3600) / 60)}:${two(whole % 60)}`;
}

Timeline.prototype.draw = function () {
  cancelAnimationFrame(this.waiting);
  this.waiting = null;
  const { canvas, box } = this;
  const ratio = devicePixelRatio || 1;
  const [width, height] = [box.clientWidth, Math.min(box.clientHeight, this.height)];
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  }
  this.width = width;
  this.colours ??= coloursOf(box);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `12px ${getComputedStyle(box).fontFamily}`;
  pen.textBaseline = "middle";
  this.drawHosts(pen, height);
  this.drawTop(pen);
};

Timeline.prototype.drawHosts = function (pen, height) {
  const { colours } = this;
  const top = this.box.scrollTop;
  this.drawGrid(pen, height);
  for (const { host, y, lanes } of this.hosts) {
    for (const lane of lanes) {
      const at = this.tops.get(lane) - top;
      if (at + this.lane >= 0 && at <= height) this.drawLane(pen, lane, at);
    }
    pen.fillStyle = colours.muted;
    pen.fillText(
      `${visible(host)}: ${plural(lanes.length, "job")} at once at most`,
      2,
      y - top + HOST_LINE / 2,
    );
  }
};

Timeline.prototype.drawLane = function (pen, lane, y) {
  const { colours, chosen } = this;
  const height = Math.max(2, this.lane - (this.lane > 8 ? 3 : 1));
  for (const job of lane) {
    const [left, right] = [this.x(JOBS.started[job]), this.x(endOf(job))];
    if (right < 0 || left > this.width) continue;
    const width = Math.max(1.2, right - left - (right - left > 4 ? 0.75 : 0));
    const what = stateOf(job);
    pen.fillStyle = BAD.has(what) ? colours[what] : colours[hueOf(ruleOf(job))];
    pen.globalAlpha = JOBS.finished[job] === null ? 0.45 : 1;
    pen.fillRect(left, y, width, height);
    pen.globalAlpha = 1;
    if (what === "failed" && this.lane > 8)
      this.cross(pen, left + width / 2, y + height / 2, Math.min(4, width / 2));
    if (job === chosen) {
      pen.strokeStyle = colours.ink;
      pen.lineWidth = 2;
      pen.strokeRect(left - 1, y - 1, Math.max(3, width) + 2, height + 2);
    }
  }
};

/** A failure is told by a sign too, not by its colour alone. */
Timeline.prototype.cross = function (pen, x, y, size) {
  if (size < 2) return;
  pen.strokeStyle = this.colours.paper;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x - size, y - size);
  pen.lineTo(x + size, y + size);
  pen.moveTo(x + size, y - size);
  pen.lineTo(x - size, y + size);
  pen.stroke();
};

Timeline.prototype.ticks = function () {
  const step = axisStep(this.to - this.from, Math.max(2, this.width / 110));
  const first = Math.ceil(this.from / step - 1e-9);
  const count = Math.floor((this.to - first * step) / step + 1e-9) + 1;
  return { step, at: Array.from({ length: Math.max(0, count) }, (_, n) => (first + n) * step) };
};

Timeline.prototype.drawGrid = function (pen, height) {
  pen.fillStyle = this.colours.line;
  for (const at of this.ticks().at) pen.fillRect(Math.round(this.x(at)), AXIS, 1, height - AXIS);
};

/** The axis and the cores in use, which stay in sight. */
Timeline.prototype.drawTop = function (pen) {
  const { colours, width } = this;
  pen.fillStyle = colours.paper;
  pen.fillRect(0, 0, width, AXIS + LOAD);
  const { step, at } = this.ticks();
  pen.fillStyle = colours.muted;
  for (const ms of at) {
    const text = axisText(ms, step);
    const x = Math.round(this.x(ms));
    pen.fillText(text, Math.min(x + 3, width - pen.measureText(text).width), AXIS / 2);
  }
  this.drawLoad(pen);
  pen.fillStyle = colours.line;
  for (const ms of at) pen.fillRect(Math.round(this.x(ms)), 0, 1, AXIS + LOAD);
  pen.fillRect(0, AXIS + LOAD - 1, width, 1);
  pen.fillStyle = colours.muted;
  const text = `cores asked for, at most ${number(this.peak)}`;
  pen.fillText(text, width - pen.measureText(text).width - 4, AXIS + 8);
};

Timeline.prototype.drawLoad = function (pen) {
  const base = AXIS + LOAD - 1;
  const room = LOAD - 4;
  pen.fillStyle = this.colours.shade;
  pen.beginPath();
  pen.moveTo(0, base);
  let y = base;
  for (const [at, now] of this.load) {
    const x = Math.max(-1, Math.min(this.width + 1, this.x(at)));
    pen.lineTo(x, y);
    y = base - (now / this.peak) * room;
    pen.lineTo(x, y);
  }
  pen.lineTo(this.width + 1, y);
  pen.lineTo(this.width + 1, base);
  pen.fill();
};

/** The rules that have a colour of their own, with the time that their attempts took. */
function legend() {
  const shown = [...RULE_CLASSES].filter(([, hue]) => hue !== "hue-other").map(([rule]) => rule);
  const rest = RULE_CLASSES.size - shown.length;
  return h(
    "ul",
    { class: "legend" },
    shown.map((rule) => h("li", null, ruleName(rule))),
    rest > 0 &&
      h(
        "li",
        null,
        h("i", { class: "swatch hue-other", "aria-hidden": "true" }),
        plural(rest, "other rule"),
      ),
    [...new Set(JOBS.state.map((each) => STRINGS[each]))]
      .filter((each) => BAD.has(each))
      .map((each) =>
        h("li", null, h("i", { class: `swatch ${each}`, "aria-hidden": "true" }), each),
      ),
  );
}

function timelineSection() {
  const timeline = new Timeline();
  if (!timeline.ran.length) return null;
  const button = (label, text, act) =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
  const tools = h(
    "span",
    { class: "choice", role: "group", "aria-label": "Zoom" },
    button("Zoom in", "+", () => timeline.zoom(0.5)),
    button("Zoom out", "−", () => timeline.zoom(2)),
    button("Show all", "All", () => timeline.show(0, HORIZON)),
  );
  return section(
    "timeline",
    "Timeline",
    `From ${moment(INFO.started)} on. Drag to move, Ctrl and the wheel to zoom, click for a job.`,
    h("div", { class: "tools" }, tools, legend()),
    timeline.box,
  );
}
