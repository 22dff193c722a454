// The head of the page: which run this is, how it ended, and what a reader must know of it.

const lastPart = (text) => text.replace(/\/+$/, "").split("/").pop() || text;

function runSpan() {
  const ends = JOBS.finished.filter((ms) => ms !== null);
  const last = ends.reduce((most, ms) => Math.max(most, ms), 0) / 1000;
  return RUN.end ? RUN.end.finished - INFO.started : last;
}

function sentence() {
  const span = runSpan();
  const by = `by ${visible(INFO.user)} on ${visible(INFO.host)}`;
  const how = {
    success: ["Ran for ", duration(span)],
    failed: ["Failed after ", duration(span)],
    interrupted: [
      "Interrupted",
      span ? `; the last that is known of it is ${duration(span)} after its start` : "",
    ],
    running: ["Was still running when this report was made"],
  }[RUN.status];
  return h("p", { class: "lead" }, time(INFO.started), " ", by, ". ", ...how, ".");
}

/** The numbers of jobs by state, as a line and in words that lead to them. */
function standing() {
  const states = Object.keys(RUN.counts).sort(byOrder);
  const total = states.reduce((sum, state) => sum + RUN.counts[state], 0);
  if (!total) return h("p", { class: "none" }, "No job was run.");
  const line = h(
    "div",
    { class: "standing", "aria-hidden": "true" },
    [...states].reverse().map((state) => {
      const part = h("i", { class: `bar ${state}` });
      part.style.flexGrow = RUN.counts[state];
      return part;
    }),
  );
  const words = states
    .reverse()
    .map((state) =>
      h(
        "li",
        null,
        h(
          "a",
          { href: "#jobs", onclick: () => showJobs({ state }) },
          h("b", null, number(RUN.counts[state])),
          " ",
          stateSign(state),
        ),
      ),
    );
  return h(
    "div",
    null,
    line,
    h(
      "ul",
      { class: "counts" },
      h("li", null, h("b", null, number(total)), " ", total === 1 ? "job" : "jobs"),
      words,
    ),
  );
}

const stateSign = (value) =>
  h(
    "span",
    { class: `state ${value}` },
    h("i", { "aria-hidden": "true" }, signOf(value)),
    value === "success" ? "succeeded" : value,
  );

function sums() {
  let wall = 0,
    cpu = 0,
    rss = 0;
  for (let job = 0; job < JOBS.count; job++) {
    wall += wallOf(job) ?? 0;
    cpu += cpuOf(job) ?? 0;
    rss = Math.max(rss, JOBS.rss[job] ?? 0);
  }
  const repeated = JOBS.count - LAST_JOBS.length;
  const hosts = new Set(JOBS.host.map((host) => STRINGS[host]).filter(Boolean)).size;
  return [
    ["Wall time", duration(runSpan())],
    ["Time of all jobs", duration(wall)],
    ["CPU time", duration(cpu)],
    ["Largest memory of a job", rss ? bytes(rss) : null],
    ["Hosts", hosts > 1 && number(hosts)],
    ["Attempts repeated", repeated ? number(repeated) : null],
  ].filter(([, value]) => value);
}

function commit() {
  const git = INFO.git;
  if (!git) return "in no git repository";
  const place = [git.branch && `branch ${git.branch}`, git.remote].filter(Boolean).join(", ");
  return [
    code(git.commit),
    git.dirty && h("span", { class: "warn" }, " dirty: tracked files differed from it"),
    place && h("div", { class: "aside" }, name(place)),
  ];
}

const shellQuoted = (word) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;

function runFacts() {
  const software = INFO.software;
  const command = INFO.command ?? [];
  return facts([
    ["Run", code(INFO.run)],
    ["Commit", commit()],
    ["Snakefile", path(inFolder(INFO.snakefile))],
    ["Folder", path(INFO.workdir)],
    [
      "Command",
      command.length
        ? h(
            "code",
            { class: "wrap" },
            name([lastPart(command[0]), ...command.slice(1)].map(shellQuoted).join(" "), {
              title: visible(command[0]),
            }),
          )
        : null,
    ],
    [
      "Jobs ran",
      [
        INFO.backend === "local" ? "on this host" : name(INFO.backend),
        INFO.cores && `, ${plural(INFO.cores, "core")}`,
      ],
    ],
    [
      "Versions",
      `Snakemake ${INFO.snakemake_version}, snakemake-renku ${INFO.renku_version}${software ? `, Python ${software.python}` : ""}`,
    ],
    [
      "Software",
      software?.digest && [
        h(
          "a",
          { href: "#environments" },
          plural(Object.keys(software.packages ?? {}).length, "package"),
        ),
        ", ",
        digest(software.digest, 24),
      ],
    ],
    ["Ended", RUN.end && time(RUN.end.finished)],
  ]);
}

function configuration() {
  const config = INFO.config ?? {};
  if (!Object.keys(config).length) return null;
  return h(
    "details",
    null,
    h("summary", null, "Configuration"),
    pre(JSON.stringify(config, null, 2), "Configuration"),
  );
}

/** What the reader must know: of the journal, of the run, and of what jobs went beyond. */
function notices() {
  const said = [];
  if (RUN.status === "interrupted")
    said.push([
      "The journal has no last line: the run was cut off. What was then going on stands as interrupted.",
    ]);
  if (RUN.status === "running") said.push(["The run was going on when this report was made."]);
  if (INFO.git?.dirty)
    said.push([
      "Tracked files differed from the commit, so the commit alone does not tell what ran.",
    ]);
  if (RUN.damaged)
    said.push([
      `${plural(RUN.damaged, "line")} of the journal could not be read and ${RUN.damaged === 1 ? "was" : "were"} passed over.`,
    ]);
  if (RUN.torn) said.push(["The last line of the journal is cut off."]);
  for (const remark of DOC.remarks) said.push([name(remark)]);
  if (JOBS.exceeded.size) {
    const link = h(
      "a",
      { href: "#jobs", onclick: () => showJobs({ exceeded: true }) },
      plural(JOBS.exceeded.size, "attempt"),
    );
    said.push([link, " went beyond what was asked for."]);
  }
  if (RUN.end?.message) said.push([name(RUN.end.message)]);
  for (const [when, message] of RUN.notices)
    said.push([time(when, clock(when)), " ", h("span", { class: "said" }, block(message))]);
  return said;
}

function headSection() {
  const said = notices();
  return h(
    "section",
    { id: "run", class: "masthead", "aria-labelledby": "run-title" },
    h("p", { class: "over" }, "Snakemake run"),
    h("h1", { id: "run-title" }, name(lastPart(INFO.workdir)), " ", state(RUN.status)),
    sentence(),
    standing(),
    facts(sums(), { class: "facts sums" }),
    said.length
      ? h(
          "div",
          { class: "notices" },
          h("h2", null, "Notices"),
          shortList(said, (parts) => parts, 8),
        )
      : null,
    runFacts(),
    configuration(),
  );
}
