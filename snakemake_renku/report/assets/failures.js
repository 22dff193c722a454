// What failed, first: by rule and kind of failure, with the end of what the first of them printed.

const SHOWN_FAILURES = 3;

function failureGroups() {
  const groups = new Map();
  for (const job of LAST_JOBS) {
    if (stateOf(job) !== "failed") continue;
    const key = JSON.stringify([ruleOf(job), JOBS.failure.get(job)?.[0]]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(job);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length || a[0] - b[0]);
}

/** Exit code and signal, and what they mean. */
function exitText(job) {
  const [exit, signal] = JOBS.exit.get(job) ?? [null, null];
  const parts = [exit ? `exit code ${exit}` : null, signal ? `signal ${signal}` : null];
  return parts.filter(Boolean).join(", ");
}

function failedJob(job) {
  const [kind, message] = JOBS.failure.get(job);
  const printed = JOBS.printed.get(job);
  const exit = exitText(job);
  const tail = printed?.[1] || printed?.[0];
  return h(
    "article",
    { class: "failure" },
    h(
      "h4",
      null,
      jobLink(job, name(`${ruleOf(job)} ${wildcardText(job)}`.trim())),
      h("span", { class: "aside" }, ` job ${JOBS.id[job]}`),
    ),
    h(
      "p",
      null,
      h("b", null, FAILURES[kind] ?? kind),
      exit && ` (${exit})`,
      message && [": ", h("span", { class: "said" }, block(message))],
    ),
    tail
      ? pre(lastLines(tail, 14), `End of what job ${JOBS.id[job]} printed`)
      : h("p", { class: "none" }, "It printed nothing that was kept."),
  );
}

function lastLines(text, count) {
  const lines = block(text).trimEnd().split("\n");
  return lines.slice(-count).join("\n");
}

function failureGroup(jobs) {
  const [kind] = JOBS.failure.get(jobs[0]) ?? ["error"];
  const rule = ruleOf(jobs[0]);
  const rest = jobs.length - SHOWN_FAILURES;
  return [
    h(
      "h3",
      null,
      ruleName(rule),
      h("span", { class: "aside" }, ` ${plural(jobs.length, "job")}, ${FAILURES[kind] ?? kind}`),
    ),
    jobs.slice(0, SHOWN_FAILURES).map(failedJob),
    rest > 0 &&
      h(
        "p",
        null,
        h(
          "a",
          { href: "#jobs", onclick: () => showJobs({ state: "failed", rule }) },
          `${plural(rest, "more job")} of this kind among the jobs`,
        ),
      ),
  ];
}

function failuresSection() {
  const groups = failureGroups();
  if (!groups.length) return null;
  const count = groups.reduce((sum, jobs) => sum + jobs.length, 0);
  const shown = groups.slice(0, 12);
  const rest = groups.length - shown.length;
  return section(
    "failures",
    "Failures",
    `${plural(count, "job")} failed, after all ${count === 1 ? "its" : "their"} attempts.`,
    shown.map(failureGroup),
    rest > 0 &&
      h(
        "p",
        null,
        h(
          "a",
          { href: "#jobs", onclick: () => showJobs({ state: "failed" }) },
          `${plural(rest, "more kind")} of failure among the jobs`,
        ),
      ),
  );
}
