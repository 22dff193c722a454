// The document, unfolded: columns as arrays, lists and texts on demand.

const DOC = JSON.parse(document.getElementById("data").textContent);
const STRINGS = DOC.strings;
const RUN = DOC.run;
const INFO = RUN.info;

/** Unfold a column: `{"all": value}` stands for the same value throughout. */
const column = (values, count) =>
  Array.isArray(values) ? values : new Array(count).fill(values.all);

/** Unfold the columns of a table; what is no column stays as it is. */
const unfold = (table, count, names) => {
  const columns = { count };
  for (const name of names) columns[name] = column(table[name], count);
  return columns;
};

const JOBS = unfold(DOC.jobs, DOC.jobs.id.length, [
  "id",
  "job",
  "attempt",
  "rule",
  "steps",
  "mode",
  "state",
  "threads",
  "memory",
  "runtime",
  "resources",
  "submitted",
  "started",
  "finished",
  "host",
  "wall",
  "user",
  "system",
  "rss",
  "read",
  "written",
]);
for (const name of ["group", "exit", "failure", "exceeded", "notices", "printed"]) {
  JOBS[name] = new Map(DOC.jobs[name]);
}
const FIRST_STEP = new Int32Array(JOBS.count + 1);
JOBS.steps.forEach((count, job) => (FIRST_STEP[job + 1] = FIRST_STEP[job] + count));

const STEPS = unfold(DOC.steps, FIRST_STEP[JOBS.count], [
  "rule",
  "kind",
  "keys",
  "wildcards",
  "inputs",
  "reads",
  "outputs",
  "makes",
  "command",
  "params",
  "script",
  "code",
  "environment",
]);
const JOB_OF_STEP = new Int32Array(STEPS.count);
for (let job = 0; job < JOBS.count; job++)
  JOB_OF_STEP.fill(job, FIRST_STEP[job], FIRST_STEP[job + 1]);

const FILES = unfold(DOC.files, DOC.files.name.length, [
  "folder",
  "name",
  "kind",
  "digest",
  "size",
  "maker",
]);
FILES.problem = new Map(DOC.files.problem);

/** The last attempt of each job, by the job's name; it says how the job stands. */
const LAST = new Map();
for (let job = 0; job < JOBS.count; job++) LAST.set(JOBS.job[job], job);
const LAST_JOBS = [...LAST.values()].sort((a, b) => a - b);
const JOB_BY_ID = new Map(JOBS.id.map((id, job) => [id, job]));

const unfolded = new Map();

/** The numbers of a list; `-n` stands for the n numbers that follow the one before it. */
function listOf(number) {
  let items = unfolded.get(number);
  if (items === undefined) {
    items = [];
    for (const item of DOC.lists[number]) {
      if (item >= 0) items.push(item);
      else for (let n = -item, last = items[items.length - 1]; n > 0; n--) items.push(++last);
    }
    unfolded.set(number, items);
  }
  return items;
}

/** A text; all but the first of a kind are told by the words in which they differ from it. */
function textOf(number) {
  if (number === null) return null;
  const coded = DOC.texts[number];
  let words = coded[0];
  if (!Array.isArray(words)) {
    words = [...DOC.texts[words][0]];
    for (let n = 1; n < coded.length; n += 2) words[coded[n]] = coded[n + 1];
  }
  return words.map((word) => STRINGS[word]).join("");
}

/** A path, relative where it is inside the folder of the run. */
const inFolder = (text) =>
  text.startsWith(`${INFO.workdir}/`) ? text.slice(INFO.workdir.length + 1) : text;

const stateOf = (job) => STRINGS[JOBS.state[job]];
const ruleOf = (job) => STRINGS[JOBS.rule[job]];
const stepsOf = (job) => Array.from({ length: JOBS.steps[job] }, (_, n) => FIRST_STEP[job] + n);
const attemptsOf = (job) =>
  [...JOBS.id.keys()].filter((other) => JOBS.job[other] === JOBS.job[job]);

/** `[key, value]` of a step's wildcards. */
function wildcardsOf(step) {
  const values = listOf(STEPS.wildcards[step]);
  return listOf(STEPS.keys[step]).map((key, n) => [STRINGS[key], STRINGS[values[n]]]);
}

/** A job's wildcards as one text; of a group those of its first step. */
function wildcardText(job) {
  if (!JOBS.steps[job]) return "";
  return wildcardsOf(FIRST_STEP[job])
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}

/** The files of a step with their role, name and flags; `lists` and `shapes` are columns of it. */
function usesOf(step, lists, shapes) {
  const uses = [];
  const files = listOf(lists[step]);
  for (const [role, name, flags, count] of DOC.steps.shapes[shapes[step]]) {
    for (let n = 0; n < count; n++) uses.push({ file: files[uses.length], role, name, flags });
  }
  return uses;
}
const inputsOf = (step) => usesOf(step, STEPS.inputs, STEPS.reads);
const outputsOf = (step) => usesOf(step, STEPS.outputs, STEPS.makes);

const pathOf = (file) => STRINGS[FILES.folder[file]] + STRINGS[FILES.name[file]];
const makerOf = (file) => (FILES.maker[file] === null ? -1 : JOB_OF_STEP[FILES.maker[file]]);

/** A digest in full, as the journal has it. */
function digestOf(file) {
  const number = FILES.digest[file];
  if (number === null) return null;
  const digest = DOC.files.digests[number];
  return digest.includes(":") ? digest : `sha256:${digest}`;
}

/** Of each file, the steps that read it; of each path, the numbers of its versions. */
const READERS = (() => {
  const steps_of = new Map();
  STEPS.inputs.forEach((list, step) => {
    if (!steps_of.has(list)) steps_of.set(list, []);
    steps_of.get(list).push(step);
  });
  const lists_of = new Array(FILES.count);
  for (const list of steps_of.keys()) {
    for (const file of listOf(list)) (lists_of[file] ??= []).push(list);
  }
  return {
    count: (file) =>
      (lists_of[file] ?? []).reduce((sum, list) => sum + steps_of.get(list).length, 0),
    jobs: (file) => {
      const steps = (lists_of[file] ?? []).flatMap((list) => steps_of.get(list));
      return [...new Set(steps.map((step) => JOB_OF_STEP[step]))].sort((a, b) => a - b);
    },
  };
})();

/** The jobs that made what `job` reads. */
function parentsOf(job) {
  const found = new Set();
  for (const step of stepsOf(job)) {
    for (const file of listOf(STEPS.inputs[step])) {
      const maker = makerOf(file);
      if (maker >= 0 && maker !== job) found.add(maker);
    }
  }
  return [...found];
}

/** The jobs (by their last attempts) that read what `job` made. */
function childrenOf(job) {
  const found = new Set();
  for (const step of stepsOf(job)) {
    for (const file of listOf(STEPS.outputs[step])) {
      if (makerOf(file) !== job) continue;
      for (const reader of READERS.jobs(file)) {
        if (reader !== job && LAST.get(JOBS.job[reader]) === reader) found.add(reader);
      }
    }
  }
  return [...found];
}

/** The outcome of the latest verdict on a file, if there is one. */
const OUTCOMES = new Map();
for (const verdict of [...DOC.verdicts].reverse()) {
  for (const file of listOf(verdict.identical)) OUTCOMES.set(file, "identical");
  for (const { file, outcome } of verdict.others) if (file !== null) OUTCOMES.set(file, outcome);
}
