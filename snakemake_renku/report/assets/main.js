// Put the page together.

const SECTIONS = [
  [headSection, "Run"],
  [failuresSection, "Failures"],
  [verdictsSection, "Verdicts"],
  [graphSection, "Graph"],
  [timelineSection, "Timeline"],
  [usageSection, "Resources"],
  [jobsSection, "Jobs"],
  [filesSection, "Files"],
  [environmentsSection, "Environments"],
];

/** A section; what cannot be shown of it must not take the rest along. */
function built(make, title) {
  try {
    return make();
  } catch (error) {
    console.error(error);
    return section(title.toLowerCase(), title, `This part cannot be shown: ${error.message}.`);
  }
}

const shown = SECTIONS.map(([make, title]) => [built(make, title), title]).filter(
  ([element]) => element,
);
document.getElementById("content").append(...shown.map(([element]) => element), foot());
const links = shown.map(([element, title]) => h("a", { href: `#${element.id}` }, title));
document.getElementById("sections").append(...links);
if (GRAPH.view) renderGraph();
for (const table of TABLES) table.resize();

function foot() {
  return h(
    "footer",
    null,
    h(
      "p",
      null,
      `Made from the journal of run ${INFO.run} by snakemake-renku. Times are UTC. This file needs no network.`,
    ),
  );
}

/** Mark in the list of sections the one that is read: the last whose head has passed the top. */
function markSection() {
  marking = null;
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
  const passed = shown.filter(
    ([element]) => element.getBoundingClientRect().top <= innerHeight / 4,
  ).length;
  const now = atEnd && scrollY > 0 ? shown.length : passed;
  links.forEach((link, n) => {
    if (n === Math.max(0, now - 1)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
}
let marking = null;
addEventListener("scroll", () => (marking ??= requestAnimationFrame(markSection)), {
  passive: true,
});
markSection();

addEventListener("hashchange", follow);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !PANEL.hidden) closePanel();
});

// On paper, a table of few rows stands whole, and one of many is left out.
addEventListener("beforeprint", () => TABLES.forEach((table) => table.print(true)));
addEventListener("afterprint", () => TABLES.forEach((table) => table.print(false)));

follow();
document.documentElement.dataset.ready = "true";
