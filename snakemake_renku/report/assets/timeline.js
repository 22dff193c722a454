// When each attempt ran, by host: lanes of bars on a canvas, of which only what is in sight is drawn.

const AXIS = 22;
const LOAD = 34;
const HOST_LINE = 20;
const LANE_HEIGHTS = { most: 18, least: 4, room: 420 };

/** Attempts that ran, each in a lane of its host where nothing else runs at that time. */
function lanesOf() {
  const hosts = new Map();
  const ran = [];
  for (let job = 0; job < JOBS.count; job++) if (JOBS.started[job] !== null) ran.push(job);
  ran.sort((a, b) => JOBS.started[a] - JOBS.started[b] || a - b);
  for (const job of ran) {
    const host = STRINGS[JOBS.host[job]] || "unknown host";
    if (!hosts.has(host)) hosts.set(host, { host, lanes: [], ends: [] });
    const { lanes, ends } = hosts.get(host);
    let lane = ends.findIndex((end) => end <= JOBS.started[job]);
    if (lane < 0) lane = lanes.push([]) - 1;
    lanes[lane].push(job);
    ends[lane] = Math.max(endOf(job), JOBS.started[job] + 1e-3);
  }
  return { ran, hosts: [...hosts.values()].sort((a, b) => COLLATOR.compare(a.host, b.host)) };
}

/** When an attempt ended, in ms since the start; what has no end goes on to the end of all. */
const endOf = (job) => JOBS.finished[job] ?? HORIZON;
const HORIZON = (() => {
  let most = RUN.end ? (RUN.end.finished - INFO.started) * 1000 : 0;
  for (let job = 0; job < JOBS.count; job++) {
    most = Math.max(
      most,
      JOBS.finished[job] ?? 0,
      JOBS.started[job] ?? 0,
      JOBS.submitted[job] ?? 0,
    );
  }
  return Math.max(most, 1);
})();

/** `[time, cores]` from each time on: how many cores the attempts that ran had asked for. */
function loadOf(ran) {
  const changes = ran.flatMap((job) => [
    [JOBS.started[job], JOBS.threads[job]],
    [endOf(job), -JOBS.threads[job]],
  ]);
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let now = 0;
  return changes.map(([at, change]) => [at, (now += change)]);
}

class Timeline {
  constructor() {
    Object.assign(this, lanesOf());
    this.load = loadOf(this.ran);
    this.peak = this.load.reduce((most, [, now]) => Math.max(most, now), 1);
    const lanes = this.hosts.reduce((sum, { lanes }) => sum + lanes.length, 0);
    const { most, least, room } = LANE_HEIGHTS;
    this.lane = Math.max(least, Math.min(most, Math.floor(room / Math.max(1, lanes))));
    this.place();
    [this.from, this.to] = [0, HORIZON];
    this.chosen = null;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.inner = h("div", { class: "inner" }, this.canvas);
    this.inner.style.height = `${this.height}px`;
    this.box = h(
      "div",
      {
        class: "timeline",
        tabindex: "0",
        role: "application",
        "aria-roledescription": "timeline",
        "aria-label": `Timeline of ${plural(this.ran.length, "attempt")} on ${plural(this.hosts.length, "host")}. Arrows left and right go from attempt to attempt, Enter opens one, plus and minus zoom, zero shows all. The table of jobs has the same times.`,
      },
      this.inner,
    );
    this.listen();
  }

  /** Where each host and lane stands, from the top. */
  place() {
    let y = AXIS + LOAD;
    this.tops = new Map();
    for (const host of this.hosts) {
      host.y = y;
      y += HOST_LINE;
      for (const lane of host.lanes) {
        this.tops.set(lane, y);
        y += this.lane;
      }
      y += 8;
    }
    this.height = y + 4;
  }

  listen() {
    const { box, canvas } = this;
    new ResizeObserver(() => this.draw()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener(
      "change",
      () => ((this.colours = null), this.draw()),
    );
    box.addEventListener("scroll", () => this.soon(), { passive: true });
    box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    box.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerleave", () => hideTip());
    canvas.addEventListener("pointerdown", (event) => this.grab(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("dblclick", (event) => this.zoom(0.4, this.timeAt(event.offsetX)));
  }

  soon() {
    this.waiting ??= requestAnimationFrame(() => this.draw());
  }

  x(ms) {
    return ((ms - this.from) / (this.to - this.from)) * this.width;
  }

  timeAt(x) {
    return this.from + (x / this.width) * (this.to - this.from);
  }

  /** Show a stretch of time around `at` that is `factor` times as long as what is shown. */
  zoom(factor, at = (this.from + this.to) / 2) {
    const length = Math.min(HORIZON, Math.max(5, (this.to - this.from) * factor));
    const share = (at - this.from) / (this.to - this.from);
    this.show(at - length * share, length);
    say(`From ${startText(this.from)} to ${startText(this.to)}`);
  }

  show(from, length) {
    this.from = Math.max(0, Math.min(HORIZON - length, from));
    this.to = this.from + length;
    this.soon();
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY / 300), this.timeAt(event.offsetX));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.show(
        this.from + (event.deltaX / this.width) * (this.to - this.from),
        this.to - this.from,
      );
    }
  }

  grab(event) {
    if (event.button !== 0) return;
    this.held = { x: event.clientX, from: this.from, moved: false };
    this.canvas.setPointerCapture(event.pointerId);
  }

  move(event) {
    const { held } = this;
    if (held) {
      held.moved ||= Math.abs(event.clientX - held.x) > 3;
      const length = this.to - this.from;
      if (held.moved)
        this.show(held.from - ((event.clientX - held.x) / this.width) * length, length);
      return;
    }
    const job = this.at(event.offsetX, event.offsetY + this.box.scrollTop);
    this.canvas.style.cursor = job === null ? "" : "pointer";
    if (job === null) hideTip();
    else showTip(event.clientX, event.clientY, jobTip(job));
  }

  release(event) {
    const { held } = this;
    this.held = null;
    if (!held || held.moved) return;
    const job = this.at(event.offsetX, event.offsetY + this.box.scrollTop);
    if (job !== null) this.open(job);
  }

  open(job) {
    this.choose(job);
    location.hash = `#job=${encodeURIComponent(JOBS.id[job])}`;
  }

  choose(job) {
    this.chosen = job;
    this.soon();
  }

  /** The attempt at a point; the nearest one within some pixels, for many are thin. */
  at(x, y) {
    for (const { lanes } of this.hosts) {
      for (const lane of lanes) {
        const top = this.tops.get(lane);
        if (y < top || y >= top + this.lane) continue;
        let best = null,
          least = 4;
        for (const job of lane) {
          const [left, right] = [this.x(JOBS.started[job]), this.x(endOf(job))];
          const distance = x < left ? left - x : x > right ? x - right : 0;
          if (distance < least) [best, least] = [job, distance || 1e-9];
        }
        return best;
      }
    }
    return null;
  }

  key(event) {
    const length = this.to - this.from;
    const acts = {
      ArrowRight: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      Enter: () => this.chosen !== null && this.open(this.chosen),
      "+": () => this.zoom(0.6),
      "=": () => this.zoom(0.6),
      "-": () => this.zoom(1.6),
      0: () => this.show(0, HORIZON),
      "[": () => this.show(this.from - length / 4, length),
      "]": () => this.show(this.from + length / 4, length),
    };
    if (!(event.key in acts) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  }

  /** Choose the attempt that started next, or before, and bring it into sight. */
  step(by) {
    if (!this.ran.length) return;
    const place =
      this.chosen === null ? (by > 0 ? -1 : this.ran.length) : this.ran.indexOf(this.chosen);
    const job = this.ran[Math.max(0, Math.min(this.ran.length - 1, place + by))];
    this.choose(job);
    const length = this.to - this.from;
    if (JOBS.started[job] < this.from || JOBS.started[job] > this.to)
      this.show(JOBS.started[job] - length / 3, length);
    for (const { lanes } of this.hosts)
      for (const lane of lanes) if (lane.includes(job)) this.reveal(this.tops.get(lane));
    say(
      `${ruleOf(job)} ${wildcardText(job)}, ${stateOf(job)}, ${startText(JOBS.started[job])}, ${duration(wallOf(job))}`,
    );
  }

  reveal(top) {
    const { scrollTop, clientHeight } = this.box;
    if (top - AXIS - LOAD < scrollTop) this.box.scrollTop = top - AXIS - LOAD;
    else if (top + this.lane > scrollTop + clientHeight)
      this.box.scrollTop = top + this.lane - clientHeight + 8;
  }
}

function jobTip(job) {
  return [
    h("b", null, ruleName(ruleOf(job))),
    h("div", null, name(wildcardText(job))),
    h("div", null, state(stateOf(job)), ` job ${JOBS.id[job]}`),
    h(
      "div",
      { class: "aside" },
      `${startText(JOBS.started[job])}, ${wallOf(job) === null ? "no end known" : duration(wallOf(job))}`,
    ),
    JOBS.submitted[job] !== null && JOBS.started[job] - JOBS.submitted[job] >= 100
      ? h(
          "div",
          { class: "aside" },
          `waited ${duration((JOBS.started[job] - JOBS.submitted[job]) / 1000)} before`,
        )
      : null,
  ];
}

const TIP = document.getElementById("tip");
function showTip(x, y, content) {
  TIP.replaceChildren(...[content].flat().filter(Boolean));
  TIP.hidden = false;
  const { offsetWidth, offsetHeight } = TIP;
  TIP.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - offsetWidth - 8))}px`;
  TIP.style.top = `${y + 18 + offsetHeight > innerHeight ? y - offsetHeight - 10 : y + 18}px`;
}
const hideTip = () => (TIP.hidden = true);
