// Graphs as SVG: boxes with a rule's colour, words, and a bar of how its jobs stand.

/**
 * Draw `nodes` (`{ box, label, detail, title, hue, states, href, classes }`) and `edges` (`{ points,
 * back }`). Links make each node reachable by keyboard.
 */
function drawGraph({ nodes, edges, width, height }, label) {
  const margin = 2;
  const frame = [-margin, -margin, width + 2 * margin, height + 2 * margin];
  const graph = s(
    "svg",
    {
      class: "graph",
      viewBox: frame.join(" "),
      width: frame[2],
      height: frame[3],
      role: "group",
      "aria-label": label,
    },
    s(
      "defs",
      null,
      s(
        "marker",
        {
          id: "tip-end",
          viewBox: "0 0 8 8",
          refX: 7,
          refY: 4,
          markerWidth: 7,
          markerHeight: 7,
          orient: "auto",
        },
        s("path", { d: "M0,1 L8,4 L0,7 z" }),
      ),
    ),
    s("g", { class: "edges", "aria-hidden": "true" }, edges.map(drawEdge)),
    s("g", { class: "nodes" }, nodes.map(drawNode)),
  );
  // It shrinks to the room there is, but not until it cannot be read.
  graph.style.minWidth = `${frame[2] * 0.8}px`;
  return graph;
}

/** A smooth line that leaves and enters boxes and passages level. */
function drawEdge({ points, back, near }) {
  let d = `M${points[0]},${points[1]}`;
  for (let n = 2; n < points.length; n += 4) {
    const [x0, y0, x1, y1] = points.slice(n - 2, n + 2);
    const middle = (x0 + x1) / 2;
    d += ` C${middle},${y0} ${middle},${y1} ${x1},${y1}`;
    if (n + 3 < points.length) d += ` L${points[n + 2]},${points[n + 3]}`;
  }
  return s("path", {
    d,
    class: [back && "back", near && "near"].filter(Boolean).join(" "),
    "marker-end": "url(#tip-end)",
  });
}

function drawNode({
  box: [x, y, width, height],
  label,
  detail,
  title,
  hue,
  states,
  href,
  classes,
}) {
  const parts = [
    s("rect", { class: "box", x, y, width, height, rx: 3 }),
    s("rect", { class: `stripe ${hue}`, x, y, width: 4, height, rx: 1 }),
    s("text", { x: x + 13, y: y + 18 }, fit(label, width - 20, 13)),
    detail && s("text", { class: "detail", x: x + 13, y: y + 33 }, fit(detail, width - 20, 11)),
    bar(states, x + 4, y + height - 3, width - 4),
    s("title", null, title),
  ];
  const group = s(
    "g",
    { class: ["node", classes, states.failed && "has-failed"].filter(Boolean).join(" ") },
    parts,
  );
  return href ? s("a", { href, "aria-label": title }, group) : group;
}

/** How jobs stand, as parts of a line. */
function bar(states, x, y, width) {
  const total = Object.values(states).reduce((sum, count) => sum + count, 0);
  let from = x;
  return Object.entries(states)
    .sort(([a], [b]) => byOrder(b, a))
    .map(([state, count]) => {
      const part = s("rect", {
        class: `bar ${state}`,
        x: from,
        y,
        width: (width * count) / total,
        height: 3,
      });
      from += (width * count) / total;
      return part;
    });
}

const RULER = document.createElement("canvas").getContext("2d");

/** As much of a text as has room, its middle left out: names differ at their ends. */
function fit(text, width, size) {
  RULER.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  const whole = visible(text);
  if (RULER.measureText(whole).width <= width) return whole;
  const signs = [...whole];
  for (let most = Math.min(signs.length - 1, Math.ceil(width / 3)); most > 3; most--) {
    const end = Math.floor(((most - 1) * 2) / 3);
    const short = `${signs.slice(0, most - 1 - end).join("")}…${signs.slice(-end).join("")}`;
    if (RULER.measureText(short).width <= width) return short;
  }
  return "…";
}
