// The table of files.

const searchFiles = searcher(FILES.count, (file) => `${pathOf(file)}\n${digestOf(file) ?? ""}`);

const KINDS = {
  sources: ["not made in this run", (file) => makerOf(file) < 0],
  made: ["made in this run", (file) => makerOf(file) >= 0],
  unused: ["made, and read by no job", (file) => makerOf(file) >= 0 && !READERS.count(file)],
  odd: ["without a digest", (file) => FILES.digest[file] === null],
};

const kindText = (file) => {
  const kind = FILES.kind[file];
  if (kind === null) return "not seen";
  return kind === "file" ? "" : kind;
};

function fileColumns() {
  const columns = [
    {
      title: "File",
      value: pathOf,
      cell: (file) =>
        fileLink(file, h("bdi", { title: visible(pathOf(file)) }, visible(pathOf(file)))),
    },
    {
      title: "Size",
      width: 92,
      from: 380,
      end: true,
      down: true,
      value: (file) => FILES.size[file],
      cell: (file) => bytes(FILES.size[file]) || kindText(file),
    },
    {
      title: "SHA-256",
      width: 140,
      from: 620,
      value: (file) => digestOf(file),
      cell: (file) => digest(digestOf(file)),
    },
    {
      title: "Made by",
      width: 230,
      from: 760,
      value: (file) => (makerOf(file) < 0 ? null : ruleOf(makerOf(file))),
      cell: makerCell,
    },
    {
      title: "Read by",
      width: 92,
      from: 860,
      end: true,
      down: true,
      value: (file) => READERS.count(file),
      cell: (file) => (READERS.count(file) ? plural(READERS.count(file), "job") : ""),
    },
  ];
  if (OUTCOMES.size)
    columns.push({
      title: "Replayed",
      width: 142,
      from: 520,
      value: (file) => OUTCOMES.get(file) ?? null,
      cell: (file) => OUTCOMES.has(file) && outcome(OUTCOMES.get(file)),
    });
  return columns;
}

/** All files but those that were missing once, and there at another time. */
function listedFiles() {
  const numbers = [...new Array(FILES.count).keys()];
  const there = new Set(numbers.filter((file) => FILES.kind[file] !== "missing").map(pathOf));
  return numbers.filter((file) => FILES.kind[file] !== "missing" || !there.has(pathOf(file)));
}

function makerCell(file) {
  const job = makerOf(file);
  return job < 0 ? "" : ruleName(ruleOf(job));
}

function filesSection() {
  if (!FILES.count) return null;
  const table = new VirtualTable({
    columns: fileColumns(),
    label: "Files",
    empty: "No file is like that.",
  });
  const count = h("p", { class: "aside", role: "status" });
  const chosen = { words: "", kind: "" };
  const all = listedFiles().sort((a, b) => COLLATOR.compare(pathOf(a), pathOf(b)));
  const update = () => {
    const found = searchFiles(chosen.words);
    const like = KINDS[chosen.kind]?.[1] ?? (() => true);
    const rows = all.filter((file) => like(file) && found(file));
    table.set(rows);
    count.textContent =
      rows.length === all.length
        ? plural(rows.length, "file")
        : `${number(rows.length)} of ${plural(all.length, "file")}`;
  };
  const field = searchField("file-search", "Path, or beginning of a digest", (words) => {
    chosen.words = words;
    update();
  });
  const kinds = chooser(
    "Which files",
    [["", "every file"], ...Object.entries(KINDS).map(([kind, [text]]) => [kind, text])],
    (kind) => {
      chosen.kind = kind;
      update();
    },
  );
  update();
  return section(
    "files",
    "Files",
    "What jobs read and wrote, as it was found on disk: each content of a path once.",
    h("div", { class: "tools" }, field, kinds),
    count,
    table.element,
  );
}
