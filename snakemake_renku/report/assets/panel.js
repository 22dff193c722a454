// What stands at the side of the page: one job or one file.

const PANEL = document.getElementById("panel");
const TITLE = document.title;
let opener = null;

function part(title, ...content) {
  return h("section", null, h("h3", null, title), ...content);
}

function panelHead(title, about) {
  return h(
    "header",
    null,
    h(
      "button",
      { type: "button", class: "close", "aria-label": "Close", onclick: closePanel },
      "×",
    ),
    h("h2", { id: "panel-title", tabindex: "-1" }, title),
    h("p", { class: "aside" }, about),
  );
}

function openPanel(content, title) {
  if (PANEL.hidden) opener = document.activeElement;
  PANEL.replaceChildren(h("div", { class: "panel-body" }, content));
  PANEL.hidden = false;
  document.body.classList.add("with-panel");
  PANEL.scrollTop = 0;
  document.getElementById("panel-title").focus({ preventScroll: true });
  document.title = `${title} – ${TITLE}`;
}

function closePanel() {
  if (PANEL.hidden) return;
  PANEL.hidden = true;
  PANEL.replaceChildren();
  document.body.classList.remove("with-panel");
  document.title = TITLE;
  if (/^#(job|file)=/.test(location.hash))
    history.replaceState(null, "", location.pathname + location.search);
  // What led here may have been drawn anew since; then the table keeps its row.
  const back = opener?.isConnected ? opener : document.querySelector(".virtual tr.active a");
  back?.focus({ preventScroll: true });
}

/** Open what the address names: `#job=<id>` or `#file=<number>`. */
function follow() {
  const [kind, value] = location.hash.slice(1).split("=");
  if (kind === "job") {
    const job = JOB_BY_ID.get(decodeURIComponent(value ?? ""));
    if (job !== undefined) return openPanel(jobPanel(job), `Job ${JOBS.id[job]}`);
  }
  if (kind === "file" && Number(value) < FILES.count)
    return openPanel(filePanel(Number(value)), visible(pathOf(Number(value))));
  closePanel();
}
