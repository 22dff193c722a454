// All that is recorded of one job.

const MODES = {
  direct: "direct: a shell ran the command",
  warm: "warm: a fork of a process that had parsed the workflow",
  cold: "cold: a start of its own",
  snakemake: "by Snakemake itself",
};

function jobPanel(job) {
  const many = JOBS.steps[job] > 1;
  return [
    panelHead(
      [ruleName(ruleOf(job)), h("span", { class: "wildcards" }, name(wildcardText(job)))],
      [state(stateOf(job)), ` job ${JOBS.id[job]}`],
    ),
    failureBox(job),
    JOBS.failure.has(job) && printed(job),
    jobFacts(job),
    stepsOf(job).map((step) => [
      many && h("h3", { class: "step" }, "Step ", name(STRINGS[STEPS.rule[step]])),
      stepParts(step),
    ]),
    part("Resources", resources(job)),
    around(job),
    (JOBS.notices.get(job) ?? []).length
      ? part(
          "Notices",
          h(
            "ul",
            { class: "plain-list" },
            JOBS.notices
              .get(job)
              .map((text) => h("li", null, h("span", { class: "said" }, block(text)))),
          ),
        )
      : null,
    !JOBS.failure.has(job) && printed(job),
  ];
}

function failureBox(job) {
  if (!JOBS.failure.has(job)) return null;
  const [kind, message] = JOBS.failure.get(job);
  return h(
    "div",
    { class: "failure" },
    h(
      "p",
      null,
      h("b", null, FAILURES[kind] ?? kind),
      message && [": ", h("span", { class: "said" }, block(message))],
    ),
  );
}

const at = (ms) => (ms === null ? null : time(INFO.started + ms / 1000));

function jobFacts(job) {
  const attempts = attemptsOf(job);
  const wait = JOBS.started[job] !== null ? (JOBS.started[job] - JOBS.submitted[job]) / 1000 : null;
  return facts([
    ["Submitted", at(JOBS.submitted[job])],
    [
      "Started",
      JOBS.started[job] !== null && [
        at(JOBS.started[job]),
        wait >= 0.1 && h("span", { class: "aside" }, ` after ${duration(wait)}`),
      ],
    ],
    [
      "Finished",
      JOBS.finished[job] !== null && [
        at(JOBS.finished[job]),
        h("span", { class: "aside" }, ` after ${duration(wallOf(job))}`),
      ],
    ],
    ["Host", STRINGS[JOBS.host[job]] && name(STRINGS[JOBS.host[job]])],
    ["Exit", exitText(job)],
    ["Mode", `${MODES[STRINGS[JOBS.mode[job]]]}${JOBS.group.has(job) ? "; a group of jobs" : ""}`],
    [
      "Attempts",
      attempts.length > 1 &&
        h(
          "ul",
          { class: "inline" },
          attempts.map((each) =>
            h(
              "li",
              { "aria-current": each === job && "true" },
              jobLink(each),
              " ",
              state(stateOf(each)),
            ),
          ),
        ),
    ],
  ]);
}

function stepParts(step) {
  const command = textOf(STEPS.command[step]);
  const params = textOf(STEPS.params[step]);
  const wildcards = wildcardsOf(step);
  return [
    command !== null && part("Command", pre(command.trim(), "Command")),
    part(
      "Code",
      facts([
        ["Kind", STRINGS[STEPS.kind[step]]],
        ["Script", STEPS.script[step] !== null && path(STRINGS[STEPS.script[step]])],
        ["Digest", STEPS.code[step] !== null && digest(STRINGS[STEPS.code[step]], 64)],
      ]),
    ),
    wildcards.length > 0 &&
      part("Wildcards", facts(wildcards.map(([key, value]) => [name(key), name(value)]))),
    params !== null && part("Parameters", paramList(params)),
    useList("Inputs", inputsOf(step)),
    useList("Outputs", outputsOf(step)),
    part("Environment", facts(aroundParts(DOC.steps.environments[STEPS.environment[step]]))),
  ];
}

function paramList(text) {
  const params = JSON.parse(text);
  return facts(
    Object.entries(params).map(([key, value]) => [
      name(key),
      h("code", { class: "wrap" }, name(typeof value === "string" ? value : JSON.stringify(value))),
    ]),
  );
}

function useList(title, uses) {
  if (!uses.length) return null;
  return part(`${title} (${number(uses.length)})`, shortList(uses, useItem, 12));
}

function useItem({ file, role, name: keyword, flags }) {
  const notes = [role === "input" || role === "output" ? null : role, keyword, ...flags].filter(
    Boolean,
  );
  const about = [bytes(FILES.size[file]) || null, kindText(file) || null]
    .filter(Boolean)
    .join(", ");
  return h(
    "div",
    { class: "use" },
    fileLink(file),
    notes.length ? h("span", { class: "tag" }, name(notes.join(", "))) : null,
    h(
      "div",
      { class: "aside" },
      about,
      " ",
      digest(digestOf(file)),
      " ",
      OUTCOMES.has(file) && [" replayed: ", outcome(OUTCOMES.get(file))],
      FILES.problem.has(file) && h("div", null, name(FILES.problem.get(file))),
    ),
  );
}

function resources(job) {
  const over = JOBS.exceeded.get(job) ?? [];
  const line = (title, asked, used, key) =>
    h(
      "tr",
      { class: over.includes(key) && "exceeded" },
      h("th", { scope: "row" }, title),
      h("td", null, asked || "none"),
      h(
        "td",
        null,
        used || "not seen",
        over.includes(key) && h("span", { class: "flag" }, " ▲ beyond"),
      ),
    );
  const cpu = cpuOf(job);
  const wall = JOBS.wall[job] === null ? null : JOBS.wall[job] / 1000;
  return [
    h(
      "table",
      { class: "small" },
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ["", "Asked", "Used"].map((title) => h("th", { scope: "col" }, title)),
        ),
      ),
      h(
        "tbody",
        null,
        line(
          "Wall time",
          JOBS.runtime[job] === null ? "" : duration(JOBS.runtime[job]),
          duration(wall),
          "runtime",
        ),
        line(
          "Memory",
          JOBS.memory[job] === null ? "" : bytes(JOBS.memory[job] * 1e6),
          JOBS.rss[job] ? bytes(JOBS.rss[job]) : "",
          "mem_mb",
        ),
        line(
          "Cores",
          number(JOBS.threads[job]),
          cpu !== null && wall ? `${cores(cpu / wall)} on average` : "",
          "threads",
        ),
      ),
    ),
    facts([
      [
        "CPU time",
        cpu !== null &&
          `${duration(JOBS.user[job] / 1000)} user, ${duration(JOBS.system[job] / 1000)} system`,
      ],
      [
        "Disk",
        JOBS.read[job] !== null &&
          `${bytes(JOBS.read[job])} read, ${bytes(JOBS.written[job])} written`,
      ],
      ["Further", STRINGS[JOBS.resources[job]] && code(STRINGS[JOBS.resources[job]])],
    ]),
  ];
}

/** The jobs next to one in the graph. */
function around(job) {
  const item = (other) => jobLink(other, name(`${ruleOf(other)} ${wildcardText(other)}`.trim()));
  const parents = parentsOf(job),
    children = childrenOf(job);
  if (!parents.length && !children.length) return null;
  return part(
    "In the graph",
    parents.length
      ? [h("h4", null, `Needed ${plural(parents.length, "job")}`), shortList(parents, item, 5)]
      : null,
    children.length
      ? [h("h4", null, `Needed by ${plural(children.length, "job")}`), shortList(children, item, 5)]
      : null,
    h(
      "p",
      null,
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            closePanel();
            graphAround(job);
          },
        },
        "Show it in the graph",
      ),
    ),
  );
}

function printed(job) {
  const texts = JOBS.printed.get(job);
  if (!texts) return null;
  const [out, err, cut] = texts;
  const note = cut ? h("p", { class: "aside" }, "Cut here; the journal has more.") : null;
  return [
    err ? part("End of standard error", note, pre(err, "End of standard error")) : null,
    out
      ? part("End of standard output", note?.cloneNode(true), pre(out, "End of standard output"))
      : null,
  ];
}
