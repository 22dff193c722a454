// All that is recorded of one file.

function filePanel(file) {
  const maker = makerOf(file);
  const readers = READERS.jobs(file);
  const others = [...new Array(FILES.count).keys()].filter(
    (other) =>
      other !== file &&
      FILES.folder[other] === FILES.folder[file] &&
      FILES.name[other] === FILES.name[file],
  );
  const item = (other) => [
    jobLink(other, name(`${ruleOf(other)} ${wildcardText(other)}`.trim())),
    " ",
    state(stateOf(other)),
  ];
  return [
    panelHead(
      [path(pathOf(file))],
      [
        kindText(file) || "file",
        OUTCOMES.has(file) && [", replayed: ", outcome(OUTCOMES.get(file))],
      ],
    ),
    facts([
      ["Digest", digestOf(file) && h("code", { class: "wrap" }, digestOf(file))],
      [
        "Size",
        FILES.size[file] !== null &&
          `${bytes(FILES.size[file])} (${number(FILES.size[file])} bytes)`,
      ],
      ["Problem", FILES.problem.has(file) && name(FILES.problem.get(file))],
    ]),
    part(
      "Made by",
      maker < 0 ? h("p", { class: "aside" }, "No job of this run.") : h("p", null, item(maker)),
    ),
    part(
      "Read by",
      readers.length
        ? shortList(readers, item, 20)
        : h("p", { class: "aside" }, "No job of this run."),
    ),
    others.length
      ? part(
          "The same path at other times",
          shortList(
            others,
            (other) => [
              fileLink(other, digest(digestOf(other)) ?? kindText(other)),
              " ",
              bytes(FILES.size[other]),
            ],
            10,
          ),
        )
      : null,
  ];
}
