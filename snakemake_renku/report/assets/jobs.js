// The table of jobs.

const SHOWN = { words: "", state: "", rule: "", host: "", exceeded: false };
let showJobs = () => {};

const searchJobs = searcher(JOBS.count, (job) => {
  const steps = stepsOf(job);
  const outputs = steps.flatMap((step) => listOf(STEPS.outputs[step]).map(pathOf));
  const wildcards = steps.flatMap((step) =>
    wildcardsOf(step).map(([key, value]) => `${key}=${value}`),
  );
  return [
    JOBS.id[job],
    ruleOf(job),
    stateOf(job),
    STRINGS[JOBS.host[job]],
    ...wildcards,
    ...outputs,
  ].join("\n");
});

const LONGEST_RULE = most(
  LAST_JOBS.map((job) => ruleOf(job).length),
  4,
);
const RULE_WIDTH = Math.min(240, 34 + 8 * LONGEST_RULE);
const MANY_HOSTS = new Set(JOBS.host).size > 1;
const REPEATED = LAST_JOBS.length < JOBS.count;

const JOB_COLUMNS = [
  { title: "Job", width: 76, value: (job) => JOBS.id[job], cell: (job) => jobLink(job) },
  {
    title: "Rule",
    width: RULE_WIDTH,
    from: 620,
    value: ruleOf,
    cell: (job) => ruleName(ruleOf(job)),
  },
  {
    title: "Rule",
    below: 620,
    value: ruleOf,
    cell: (job) => [
      ruleName(ruleOf(job)),
      " ",
      h("span", { class: "aside" }, name(wildcardText(job))),
    ],
  },
  {
    title: "Wildcards",
    from: 620,
    value: wildcardText,
    cell: (job) => name(wildcardText(job), { title: visible(wildcardText(job)) }),
  },
  {
    title: "State",
    width: 112,
    value: (job) => orderOf(stateOf(job)),
    cell: (job) => state(stateOf(job)),
  },
  {
    title: "Start",
    width: SPANS_DAYS ? 124 : 84,
    from: 840,
    end: true,
    value: (job) => JOBS.started[job],
    cell: (job) => startText(JOBS.started[job]),
  },
  {
    title: "Wall time",
    width: 106,
    from: 440,
    end: true,
    down: true,
    value: wallOf,
    cell: (job) => duration(wallOf(job)),
  },
  {
    title: "CPU time",
    width: 106,
    from: 1000,
    end: true,
    down: true,
    value: cpuOf,
    cell: (job) => duration(cpuOf(job)),
  },
  {
    title: "Memory",
    width: 94,
    from: 540,
    end: true,
    down: true,
    value: (job) => JOBS.rss[job] || null,
    cell: memoryCell,
  },
  {
    title: "Cores",
    width: 66,
    from: 1080,
    end: true,
    down: true,
    value: (job) => JOBS.threads[job],
    cell: (job) => number(JOBS.threads[job]),
  },
  MANY_HOSTS && {
    title: "Host",
    width: 110,
    from: 760,
    value: (job) => STRINGS[JOBS.host[job]],
    cell: (job) => name(STRINGS[JOBS.host[job]]),
  },
  REPEATED && {
    title: "Attempt",
    width: 84,
    from: 700,
    end: true,
    down: true,
    value: (job) => JOBS.attempt[job],
    cell: (job) => number(JOBS.attempt[job]),
  },
].filter(Boolean);

function memoryCell(job) {
  const over = JOBS.exceeded.get(job)?.includes("mem_mb");
  const text = JOBS.rss[job] ? bytes(JOBS.rss[job]) : "";
  return over ? h("span", { class: "flag", title: "beyond what was asked for" }, "▲ ", text) : text;
}

function chosenRows() {
  const found = searchJobs(SHOWN.words);
  return LAST_JOBS.filter(
    (job) =>
      (!SHOWN.state || stateOf(job) === SHOWN.state) &&
      (!SHOWN.rule ||
        ruleOf(job) === SHOWN.rule ||
        stepsOf(job).some((step) => STRINGS[STEPS.rule[step]] === SHOWN.rule)) &&
      (!SHOWN.host || STRINGS[JOBS.host[job]] === SHOWN.host) &&
      (!SHOWN.exceeded || attemptsGoneBeyond.has(JOBS.job[job])) &&
      found(job),
  );
}
const attemptsGoneBeyond = new Set([...JOBS.exceeded.keys()].map((job) => JOBS.job[job]));

function jobsSection() {
  if (!JOBS.count) return null;
  const table = new VirtualTable({
    columns: JOB_COLUMNS,
    label: "Jobs",
    empty: "No job is like that.",
  });
  const count = h("p", { class: "aside", role: "status" });
  const update = () => {
    const rows = chosenRows();
    table.set(rows);
    count.textContent =
      rows.length === LAST_JOBS.length
        ? plural(rows.length, "job")
        : `${number(rows.length)} of ${plural(LAST_JOBS.length, "job")}`;
  };
  const change = (key) => (value) => {
    SHOWN[key] = value;
    update();
  };
  const values = (all) => [...new Set(all)].sort(COLLATOR.compare).filter(Boolean);
  const field = searchField("job-search", "Rule, wildcard, job, output, host", change("words"));
  const states = chooser(
    "State",
    [
      ["", "every state"],
      ...values(LAST_JOBS.map(stateOf))
        .sort(byOrder)
        .map((each) => [each, each]),
    ],
    change("state"),
  );
  const all_rules = [...LAST_JOBS.map(ruleOf), ...STEPS.rule.map((rule) => STRINGS[rule])];
  const rules = chooser(
    "Rule",
    [["", "every rule"], ...values(all_rules).map((each) => [each, visible(each)])],
    change("rule"),
  );
  const names = values(LAST_JOBS.map((job) => STRINGS[JOBS.host[job]]));
  const hosts =
    names.length > 1
      ? chooser(
          "Host",
          [["", "every host"], ...names.map((each) => [each, visible(each)])],
          change("host"),
        )
      : null;
  const beyond = JOBS.exceeded.size
    ? h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          onchange: (event) => change("exceeded")(event.target.checked),
        }),
        "went beyond what was asked",
      )
    : null;
  showJobs = (wanted) => {
    Object.assign(SHOWN, { words: "", state: "", rule: "", host: "", exceeded: false }, wanted);
    field.value = SHOWN.words;
    states.value = SHOWN.state;
    rules.value = SHOWN.rule;
    if (hosts) hosts.value = SHOWN.host;
    if (beyond) beyond.firstChild.checked = SHOWN.exceeded;
    update();
  };
  update();
  return section(
    "jobs",
    "Jobs",
    "Each job by its last attempt. A row opens all that is recorded of it.",
    h("div", { class: "tools" }, field, states, rules, hosts, beyond),
    count,
    table.element,
  );
}
