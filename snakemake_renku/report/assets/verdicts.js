// What replays found: whether the outputs are the same when the jobs are run again.

const OUTCOME_ORDER = ["failed", "different", "not replayable", "equivalent", "identical"];

function findingText(output) {
  const { finding, reason } = output;
  if (!finding) return reason ? h("span", { class: "said" }, block(reason)) : null;
  const parts = [];
  if (reason) parts.push(h("p", { class: "said" }, block(reason)));
  const most = [
    finding.largest_relative !== undefined && finding.largest_relative !== null
      ? `relative ${finding.largest_relative.toPrecision(3)}`
      : null,
    finding.largest_absolute !== undefined && finding.largest_absolute !== null
      ? `absolute ${finding.largest_absolute.toPrecision(3)}`
      : null,
  ].filter(Boolean);
  parts.push(
    h(
      "p",
      null,
      `Compared as ${finding.compared_as}`,
      finding.count ? `, ${plural(finding.count, "difference")}` : "",
      most.length ? `; largest: ${most.join(", ")}` : "",
      ".",
    ),
  );
  if (finding.ignored?.length)
    parts.push(
      h(
        "p",
        { class: "aside" },
        "Left out of account: ",
        finding.ignored.flatMap((text, n) => [n ? ", " : "", name(text)]),
        ".",
      ),
    );
  if (finding.differences?.length) parts.push(differences(finding));
  return parts;
}

function differences({ differences: items, count = 0 }) {
  const rows = items.map(({ where, recorded, replayed }) =>
    h(
      "tr",
      null,
      h("td", null, name(where)),
      h("td", null, recorded !== undefined && code(recorded)),
      h("td", null, replayed !== undefined && code(replayed)),
    ),
  );
  const table = h(
    "table",
    { class: "small" },
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        ["Where", "Recorded", "Replayed"].map((title) => h("th", { scope: "col" }, title)),
      ),
    ),
    h("tbody", null, rows),
  );
  return [
    table,
    count > items.length && h("p", { class: "aside" }, `${number(count - items.length)} more.`),
  ];
}

function verdictOutput(output) {
  const title = [
    outcome(output.outcome),
    " ",
    output.file !== null ? fileLink(output.file) : path(output.path),
  ];
  if (output.job !== null)
    title.push(h("span", { class: "aside" }, " of job ", jobLink(output.job)));
  return h(
    "div",
    { class: "finding" },
    h("div", { class: "finding-title" }, title),
    findingText(output),
  );
}

function verdictJob(job) {
  const title = job.job === null ? name(job.id) : jobLink(job.job);
  return [
    outcome(job.outcome),
    " ",
    name(job.rule),
    " ",
    title,
    job.reason && [": ", h("span", { class: "said" }, block(job.reason))],
    job.causes?.length
      ? h(
          "ul",
          { class: "causes" },
          job.causes.map((cause) => h("li", null, h("span", { class: "said" }, block(cause)))),
        )
      : null,
  ];
}

const countsText = (counts) =>
  OUTCOME_ORDER.filter((value) => counts[value])
    .reverse()
    .map((value) => h("li", null, h("b", null, number(counts[value])), " ", outcome(value)));

function verdictDetails(verdict, open) {
  const { place, tolerance } = verdict;
  return h(
    "details",
    { class: "verdict", open },
    h(
      "summary",
      null,
      outcome(verdict.outcome),
      " ",
      time(verdict.started),
      h("span", { class: "aside" }, " by ", name(place.user), " on ", name(place.host)),
    ),
    h("ul", { class: "counts" }, h("li", null, "Outputs:"), countsText(verdict.counts)),
    facts([
      ["Replayed", name(verdict.target)],
      ["Verdict", code(verdict.id)],
      ["Commit", verdict.commit && code(verdict.commit)],
      ["Tolerance", `relative ${tolerance.relative}, absolute ${tolerance.absolute}`],
      [
        "With",
        [
          `Python ${place.python}`,
          place.snakemake && `, Snakemake ${place.snakemake}`,
          place.renku && `, snakemake-renku ${place.renku}`,
          place.platform && [", ", name(place.platform)],
        ],
      ],
      ["Took", duration(verdict.finished - verdict.started)],
    ]),
    verdict.notes?.length
      ? h(
          "ul",
          { class: "plain-list" },
          verdict.notes.map((note) => h("li", null, h("span", { class: "said" }, block(note)))),
        )
      : null,
    verdict.jobs.length ? [h("h4", null, "Why"), shortList(verdict.jobs, verdictJob, 10)] : null,
    verdict.others.length
      ? [
          h("h4", null, "Outputs that are not the same bytes"),
          shortList(verdict.others, verdictOutput, 10),
        ]
      : null,
    h("p", { class: "aside" }, "An output that is identical is marked so among the files."),
  );
}

function verdictsSection() {
  if (!DOC.verdicts.length) return null;
  const [latest] = DOC.verdicts;
  const about = `${plural(DOC.verdicts.length, "replay")} of jobs of this run; the latest found them ${latest.outcome}.`;
  return section(
    "verdicts",
    "Verdicts",
    about,
    shortList(DOC.verdicts, (verdict) => verdictDetails(verdict, verdict === latest), 5),
  );
}
