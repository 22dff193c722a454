// What the jobs ran in: images, conda environments, modules, the interpreter, and the code.

/** Rules and numbers of jobs by a property of their steps. */
function byProperty(values) {
  const found = new Map();
  values.forEach((value, step) => {
    if (!found.has(value)) found.set(value, { rules: new Set(), jobs: new Set() });
    found.get(value).rules.add(STRINGS[STEPS.rule[step]]);
    found.get(value).jobs.add(JOB_OF_STEP[step]);
  });
  return found;
}

const isPlain = ({ container, conda, modules }) => !container && !conda && !modules.length;

function aroundParts({ container, image_digest, image_digest_of, conda, conda_hash, modules }) {
  const parts = [];
  if (container) parts.push(["Container", code(container)]);
  if (container)
    parts.push([
      "Digest",
      image_digest
        ? [
            digest(image_digest, 64),
            h("span", { class: "aside" }, ` of its ${image_digest_of ?? "manifest"}`),
          ]
        : h("span", { class: "aside" }, "not known"),
    ]);
  if (conda)
    parts.push([
      "Conda",
      [path(conda), conda_hash && h("div", { class: "aside" }, "hash ", code(conda_hash))],
    ]);
  if (modules.length) parts.push(["Modules", code(modules.join(" "))]);
  if (isPlain({ container, conda, modules })) parts.push(["Interpreter", interpreter()]);
  return parts;
}

function interpreter() {
  const software = INFO.software;
  if (!software) return "the interpreter that ran Snakemake";
  return [`Python ${software.python} at `, path(software.executable)];
}

const ruleList = (rules) =>
  h(
    "span",
    null,
    [...rules].sort(COLLATOR.compare).flatMap((rule, n) => [n ? ", " : "", name(rule)]),
  );

function environmentList() {
  const users = [...byProperty(STEPS.environment)].sort(
    (a, b) => b[1].jobs.size - a[1].jobs.size || a[0] - b[0],
  );
  return users.map(([number_, { rules, jobs }]) =>
    facts(
      [
        ...aroundParts(DOC.steps.environments[number_]),
        ["Used by", [plural(jobs.size, "attempt"), " of ", ruleList(rules)]],
      ],
      { class: "facts card" },
    ),
  );
}

function packages() {
  const software = INFO.software;
  if (!software?.packages || !Object.keys(software.packages).length) return null;
  const names = Object.keys(software.packages).sort(COLLATOR.compare);
  return h(
    "details",
    null,
    h(
      "summary",
      null,
      plural(names.length, "Python package"),
      software.digest && h("span", { class: "aside" }, " ", digest(software.digest, 64)),
    ),
    h(
      "ul",
      { class: "packages" },
      names.map((each) =>
        h(
          "li",
          null,
          name(each),
          " ",
          h("span", { class: "aside" }, name(software.packages[each])),
        ),
      ),
    ),
  );
}

function codeTable() {
  const rows = (INFO.sources ?? []).map((source) => [
    path(inFolder(source.path)),
    "read at the start",
    digest(source.digest, 20),
  ]);
  const seen = new Map();
  for (let step = 0; step < STEPS.count; step++) {
    if (STEPS.code[step] === null) continue;
    const key = [
      STEPS.script[step],
      STEPS.code[step],
      STEPS.script[step] === null ? STEPS.rule[step] : "",
    ].join(" ");
    if (!seen.has(key)) seen.set(key, { step, rules: new Set() });
    seen.get(key).rules.add(STRINGS[STEPS.rule[step]]);
  }
  for (const { step, rules } of seen.values()) {
    const script = STEPS.script[step];
    const what =
      script === null ? `${STRINGS[STEPS.kind[step]]} of the rule` : path(STRINGS[script]);
    rows.push([what, ruleList(rules), digest(STRINGS[STEPS.code[step]], 20)]);
  }
  if (!rows.length) return null;
  const body = rows.map((cells) =>
    h(
      "tr",
      null,
      cells.map((cell) => h("td", null, cell)),
    ),
  );
  return [
    h("h3", null, "Code"),
    h(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Code" },
      h(
        "table",
        { class: "small" },
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            ["What", "For", "SHA-256"].map((title) => h("th", { scope: "col" }, title)),
          ),
        ),
        h("tbody", null, body),
      ),
    ),
  ];
}

function environmentsSection() {
  return section(
    "environments",
    "Environments",
    "What jobs ran in and which code they ran, each with its digest.",
    environmentList(),
    packages(),
    codeTable(),
  );
}
