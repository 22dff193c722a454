// The graph: of rules always, of jobs around one that was chosen.

const FOLD = 6;
const BOX = { width: 178, height: 40 };

const GRAPH = { view: null, job: null, way: "both" };

function statesTitle(rule, states) {
  const counts = Object.entries(states).sort(([a], [b]) => byOrder(a, b));
  return `${visible(rule)}: ${counts.map(([state, count]) => `${number(count)} ${state}`).join(", ")}`;
}

function ruleDrawing() {
  const { nodes, edges, width, height } = DOC.graph;
  const drawn = nodes.map(({ rule, detail, states, box }) => ({
    box,
    detail,
    states,
    label: rule,
    hue: hueOf(rule),
    title: statesTitle(rule, states),
    href: "#jobs",
  }));
  const graph = drawGraph(
    { nodes: drawn, edges, width, height },
    `Graph of ${plural(nodes.length, "rule")}`,
  );
  graph
    .querySelectorAll("a")
    .forEach((link, n) => link.addEventListener("click", () => showJobs({ rule: nodes[n].rule })));
  return graph;
}

/** All jobs that `step` leads to from `job`, with the longest way to each as its layer. */
function reach(job, step, sign) {
  const seen = new Set([job]);
  const next = new Map();
  const queue = [job];
  while (queue.length) {
    const from = queue.pop();
    const to = step(from);
    next.set(from, to);
    for (const other of to) {
      if (seen.has(other)) continue;
      seen.add(other);
      queue.push(other);
    }
  }
  return new Map([...longest([...seen], next)].map(([other, length]) => [other, sign * length]));
}

/** The longest way to each of `jobs` along `next`, by Kahn's algorithm. */
function longest(jobs, next) {
  const waiting = new Map(jobs.map((job) => [job, 0]));
  for (const others of next.values())
    for (const other of others) waiting.set(other, waiting.get(other) + 1);
  const length = new Map();
  let ready = jobs.filter((job) => !waiting.get(job));
  for (const job of ready) length.set(job, 0);
  while (ready.length) {
    const job = ready.pop();
    for (const other of next.get(job) ?? []) {
      length.set(other, Math.max(length.get(other) ?? 0, length.get(job) + 1));
      waiting.set(other, waiting.get(other) - 1);
      if (!waiting.get(other)) ready.push(other);
    }
  }
  return length;
}

/** Jobs and their layers: around one, or (null) of the whole run. */
function chosenJobs() {
  const { job, way } = GRAPH;
  if (job === null) {
    const next = new Map(LAST_JOBS.map((each) => [each, childrenOf(each)]));
    return longest(LAST_JOBS, next);
  }
  const up = way === "down" ? [] : reach(job, parentsOf, -1);
  const down = way === "up" ? [] : reach(job, childrenOf, 1);
  return new Map([...up, ...down, [job, 0]]);
}

/** Boxes for jobs; those of one rule in one layer are one box where they are many. */
function jobBoxes(layers) {
  const groups = new Map();
  for (const [job, layer] of layers) {
    const key = `${layer} ${JOBS.rule[job]} ${job === GRAPH.job}`;
    if (!groups.has(key)) groups.set(key, { layer, jobs: [] });
    groups.get(key).jobs.push(job);
  }
  return [...groups.values()].flatMap(({ layer, jobs }) =>
    jobs.length > FOLD ? [{ layer, jobs }] : jobs.map((job) => ({ layer, jobs: [job] })),
  );
}

function jobEdges(boxes, layers) {
  const box_of = new Map();
  boxes.forEach(({ jobs }, n) => jobs.forEach((job) => box_of.set(job, n)));
  const edges = new Map();
  for (const job of layers.keys()) {
    for (const parent of parentsOf(job)) {
      const [from, to] = [box_of.get(parent), box_of.get(job)];
      if (from !== undefined && boxes[from].layer < boxes[to].layer)
        edges.set(`${from} ${to}`, [from, to]);
    }
  }
  return [...edges.values()];
}

function jobDrawing() {
  const layers = chosenJobs();
  const boxes = jobBoxes(layers);
  const edges = jobEdges(boxes, layers);
  const laid = layOut(
    boxes.map(({ layer }) => ({ ...BOX, layer })),
    edges,
  );
  const nodes = boxes.map(({ jobs }, n) => ({ box: laid.boxes[n], ...jobNode(jobs) }));
  const graph = drawGraph(
    {
      nodes,
      edges: laid.edges.map((points) => ({ points })),
      width: laid.width,
      height: laid.height,
    },
    `Graph of ${plural(layers.size, "job")}`,
  );
  graph.querySelectorAll("a").forEach((link, n) => {
    const { jobs } = boxes[n];
    if (jobs.length > 1) link.addEventListener("click", () => showJobs({ rule: ruleOf(jobs[0]) }));
  });
  return graph;
}

function jobNode(jobs) {
  const [job] = jobs;
  const rule = ruleOf(job);
  const states = {};
  for (const each of jobs) states[stateOf(each)] = (states[stateOf(each)] ?? 0) + 1;
  const alone = jobs.length === 1;
  return {
    label: rule,
    detail: alone ? wildcardText(job) || `job ${JOBS.id[job]}` : plural(jobs.length, "job"),
    states,
    hue: hueOf(rule),
    title: alone
      ? `${visible(rule)} ${visible(wildcardText(job))}, job ${JOBS.id[job]}: ${stateOf(job)}`
      : statesTitle(rule, states),
    href: alone ? `#job=${encodeURIComponent(JOBS.id[job])}` : "#jobs",
    classes: job === GRAPH.job ? "chosen" : "",
  };
}

/** Draw what is chosen. */
function renderGraph() {
  const view = GRAPH.view;
  const around = view.jobs.getAttribute("aria-pressed") === "true";
  view.ways.hidden = !around || GRAPH.job === null;
  const big = GRAPH.job === null && LAST_JOBS.length > 20000;
  view.box.replaceChildren(
    !around
      ? ruleDrawing()
      : big
        ? h("p", { class: "none" }, "Choose a job among the jobs to see its graph.")
        : jobDrawing(),
  );
  view.about.textContent = around ? aboutJobs() : "";
  const chosen = view.box.querySelector(".chosen");
  if (chosen) centre(view.box, chosen);
}

function aboutJobs() {
  const fold = `More than ${FOLD} jobs of one rule side by side are one box.`;
  if (GRAPH.job === null) return fold;
  const rule = visible(`${ruleOf(GRAPH.job)} ${wildcardText(GRAPH.job)}`.trim());
  return `Around ${rule}, job ${JOBS.id[GRAPH.job]}. ${fold}`;
}

function centre(box, node) {
  const [outer, inner] = [box.getBoundingClientRect(), node.getBoundingClientRect()];
  box.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
  box.scrollTop += inner.top + inner.height / 2 - outer.top - outer.height / 2;
}

/** Show the graph around a job. */
function graphAround(job) {
  GRAPH.job = job;
  GRAPH.choose(true);
  document.getElementById("graph").scrollIntoView();
}

function graphSection() {
  if (!JOBS.count) return null;
  const toggle = (text, pressed, act) =>
    h("button", { type: "button", "aria-pressed": String(pressed), onclick: act }, text);
  const rules = toggle("Rules", true, () => GRAPH.choose(false));
  const jobs = toggle("Jobs", false, () => GRAPH.choose(true));
  const ways = h(
    "span",
    { class: "choice", role: "group", "aria-label": "Which jobs", hidden: true },
    [
      ["up", "What it needed"],
      ["both", "Both"],
      ["down", "What needed it"],
    ].map(([way, text]) =>
      toggle(text, way === GRAPH.way, (event) => {
        GRAPH.way = way;
        for (const other of event.target.parentNode.children)
          other.setAttribute("aria-pressed", String(other === event.target));
        renderGraph();
      }),
    ),
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        onclick: () => {
          GRAPH.job = null;
          renderGraph();
        },
      },
      "All jobs",
    ),
  );
  const about = h("p", { class: "aside" });
  const box = h("div", { class: "canvas", tabindex: "0", role: "region", "aria-label": "Graph" });
  GRAPH.view = { rules, jobs, ways, about, box };
  GRAPH.choose = (around) => {
    rules.setAttribute("aria-pressed", String(!around));
    jobs.setAttribute("aria-pressed", String(around));
    renderGraph();
  };
  return section(
    "graph",
    "Graph",
    "What read what another made. Each box has the colour of its rule, and a line of how its jobs stand.",
    h(
      "div",
      { class: "tools" },
      h("span", { class: "choice", role: "group", "aria-label": "Graph of" }, rules, jobs),
      ways,
    ),
    about,
    box,
  );
}
