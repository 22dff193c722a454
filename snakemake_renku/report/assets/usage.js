// What the jobs of each rule asked for, against what they used.

const MOST_RULES = 15;
const BAR = { width: 150, height: 16 };

/** Used: a line from the least to the most, a box between the quartiles, a tick at the median. */
function usageBar({ used, asked, exceeded }, label) {
  const most = Math.max(used[4], asked ? asked[4] : 0) || 1;
  const x = (value) => 1 + (value / most) * (BAR.width - 2);
  const middle = BAR.height / 2;
  const over = exceeded && used[4] > asked[4];
  return s(
    "svg",
    {
      class: "usage-bar",
      width: BAR.width,
      height: BAR.height,
      viewBox: `0 0 ${BAR.width} ${BAR.height}`,
      role: "img",
      "aria-label": label,
    },
    s("rect", { class: "track", x: 0, y: middle - 0.5, width: BAR.width, height: 1 }),
    s("rect", {
      class: "range",
      x: x(used[0]),
      y: middle - 1,
      width: Math.max(2, x(used[4]) - x(used[0])),
      height: 2,
    }),
    s("rect", {
      class: "middle",
      x: x(used[1]),
      y: middle - 4,
      width: Math.max(2, x(used[3]) - x(used[1])),
      height: 8,
    }),
    over
      ? s("rect", {
          class: "over",
          x: x(asked[4]),
          y: middle - 1,
          width: x(used[4]) - x(asked[4]),
          height: 2,
        })
      : null,
    s("rect", { class: "median", x: x(used[2]) - 1, y: middle - 6, width: 2, height: 12 }),
    asked
      ? [
          s("rect", {
            class: "asked",
            x: Math.min(BAR.width - 2, x(asked[4]) - 1),
            y: 0,
            width: 2,
            height: BAR.height,
          }),
        ]
      : null,
  );
}

const MEASURES = ["Wall time", "Memory, at its peak", "Cores, on average"];

function measure(title, part, format, rule) {
  if (!part.used)
    return h(
      "td",
      { class: "aside", "data-title": title },
      part.asked ? ["asked ", range(part.asked, format), "; use not seen"] : "not seen",
    );
  const { used, asked, exceeded } = part;
  const words = `median ${format(used[2])}, most ${format(used[4])}; ${asked ? `asked ${range(asked, format)}` : "none asked"}`;
  return h(
    "td",
    { class: exceeded ? "exceeded" : null, "data-title": title },
    usageBar(part, words),
    h(
      "div",
      { class: "numbers" },
      h("span", null, format(used[2]), h("small", null, " median")),
      h("span", null, format(used[4]), h("small", null, " most")),
      h(
        "span",
        { class: "asked" },
        asked ? range(asked, format) : "none",
        h("small", null, " asked"),
      ),
    ),
    exceeded
      ? h(
          "a",
          { class: "flag", href: "#jobs", onclick: () => showJobs({ rule, exceeded: true }) },
          `▲ ${number(exceeded)} exceeded what was asked`,
        )
      : null,
  );
}

const range = (values, format) => {
  const [least, most] = [format(values[0]), format(values[4])];
  return least === most ? most : `${least} to ${most}`;
};

function usageRow(row) {
  return h(
    "tr",
    null,
    h(
      "th",
      { scope: "row" },
      ruleName(row.rule),
      h(
        "div",
        { class: "aside" },
        plural(row.attempts, "attempt"),
        ", ",
        duration(row.wall_s),
        " in all",
      ),
    ),
    measure(MEASURES[0], row.wall, duration, row.rule),
    measure(MEASURES[1], row.memory, bytes, row.rule),
    measure(MEASURES[2], row.cores, cores, row.rule),
  );
}

function usageSection() {
  if (!DOC.usage.length) return null;
  const rows = [...DOC.usage].sort(
    (a, b) => b.wall_s - a.wall_s || COLLATOR.compare(a.rule, b.rule),
  );
  const body = h("tbody", null, rows.slice(0, MOST_RULES).map(usageRow));
  const table = h(
    "table",
    { class: "usage" },
    h("caption", { class: "unseen" }, "Resources asked for and used, by rule"),
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        ["Rule", ...MEASURES].map((title) => h("th", { scope: "col" }, title)),
      ),
    ),
    body,
  );
  const key = h(
    "p",
    { class: "aside key" },
    usageBar({ used: [1, 3, 4, 5, 7], asked: [9, 9, 9, 9, 9] }, "Key"),
    " line: least to most used; box: the middle half; tick: the median; upright line: what was asked for.",
  );
  return section(
    "usage",
    "Resources",
    "Of all attempts that were measured, by rule; the rules that took most time first.",
    key,
    h(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Resources by rule" },
      table,
    ),
    rows.length > MOST_RULES && moreRules(body, rows.slice(MOST_RULES)),
  );
}

function moreRules(body, rows) {
  const show = () => {
    body.append(...rows.map(usageRow));
    button.remove();
  };
  const text = `Show ${plural(rows.length, "more rule")}`;
  const button = h("button", { type: "button", class: "quiet", onclick: show }, text);
  return button;
}
