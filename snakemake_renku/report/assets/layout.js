// Laying out a small graph from left to right: layers, an order in each, and places.

const GAP_X = 56;
const GAP_Y = 12;
const SWEEPS = 8;

/** The largest of many numbers, which are too many to be arguments. */
const most = (values, least = 0) => values.reduce((a, b) => (a > b ? a : b), least);

/**
 * Place `boxes` (`{ width, height, layer }`) joined by `edges` (`[from, to]`, to a higher layer).
 * Gives `{ boxes: [[x, y, width, height]], edges: [[x, y, …]], width, height }`; an edge has an even
 * number of points, from box to box by way of passages between them.
 */
function layOut(boxes, edges) {
  const nodes = boxes.map((box) => ({ ...box, before: [], after: [] }));
  const chains = edges.map(([from, to]) => passages(nodes, from, to));
  const layers = intoLayers(nodes);
  for (let sweep = 0; sweep < SWEEPS; sweep++) order(layers, sweep % 2 ? "after" : "before");
  spread(layers);
  const columns = columnsOf(layers);
  for (const node of nodes) node.x = columns[node.layer].x;
  const last = columns[columns.length - 1];
  return {
    boxes: nodes.slice(0, boxes.length).map((node) => [node.x, node.y, node.width, node.height]),
    edges: chains.map((chain) =>
      route(
        chain.map((index) => nodes[index]),
        columns,
      ),
    ),
    width: last ? last.x + last.width : 0,
    height: most(nodes.map((node) => node.y + node.height)),
  };
}

/** The way of an edge: its two ends, and a passage in each layer between them. */
function passages(nodes, from, to) {
  const chain = [from];
  for (let layer = nodes[from].layer + 1; layer < nodes[to].layer; layer++) {
    nodes.push({ width: 0, height: 4, layer, passage: true, before: [], after: [] });
    chain.push(nodes.length - 1);
  }
  chain.push(to);
  for (let n = 1; n < chain.length; n++) {
    nodes[chain[n - 1]].after.push(nodes[chain[n]]);
    nodes[chain[n]].before.push(nodes[chain[n - 1]]);
  }
  return chain;
}

function intoLayers(nodes) {
  const least = -most(
    nodes.map((node) => -node.layer),
    -Infinity,
  );
  const layers = [];
  for (const node of nodes) {
    node.layer -= least;
    (layers[node.layer] ??= []).push(node);
  }
  for (let n = 0; n < layers.length; n++) layers[n] ??= [];
  for (const layer of layers) layer.forEach((node, place) => (node.place = place));
  return layers;
}

/** Order each layer by the mean place of the neighbours on one side (the barycentre heuristic). */
function order(layers, side) {
  for (const layer of side === "before" ? layers : [...layers].reverse()) {
    for (const node of layer) {
      const near = node[side];
      node.mean = near.length
        ? near.reduce((sum, other) => sum + other.place, 0) / near.length
        : node.place;
    }
    layer.sort((a, b) => a.mean - b.mean || a.place - b.place);
    layer.forEach((node, place) => (node.place = place));
  }
}

/** Move nodes up and down towards their neighbours, as far as their order and room allow. */
function spread(layers) {
  for (const layer of layers) {
    let y = 0;
    for (const node of layer) [node.y, y] = [y, y + node.height + GAP_Y];
  }
  for (let sweep = 0; sweep < SWEEPS * 2; sweep++) {
    for (const layer of sweep % 2 ? [...layers].reverse() : layers)
      settle(layer, sweep % 2 ? "after" : "before");
  }
  const top = -most(layers.flat().map((node) => -node.y));
  for (const node of layers.flat()) node.y -= top;
}

function settle(layer, side) {
  const middle = (node) => node.y + node.height / 2;
  const wanted = layer.map((node) => {
    const near = node[side].length ? node[side] : node[side === "before" ? "after" : "before"];
    const mean = near.length
      ? near.reduce((sum, other) => sum + middle(other), 0) / near.length
      : middle(node);
    return mean - node.height / 2;
  });
  const down = [],
    up = [];
  layer.forEach((node, n) => {
    down[n] = n ? Math.max(wanted[n], down[n - 1] + layer[n - 1].height + GAP_Y) : wanted[n];
  });
  for (let n = layer.length - 1; n >= 0; n--) {
    up[n] =
      n < layer.length - 1 ? Math.min(wanted[n], up[n + 1] - layer[n].height - GAP_Y) : wanted[n];
  }
  layer.forEach((node, n) => (node.y = (down[n] + up[n]) / 2));
}

function columnsOf(layers) {
  let x = 0;
  return layers.map((layer) => {
    const width = most(layer.map((node) => node.width));
    const column = { x, width };
    x += width + GAP_X;
    return column;
  });
}

function route(chain, columns) {
  const points = [];
  chain.forEach((node, n) => {
    const y = node.y + node.height / 2;
    const right = node.x + (node.passage ? columns[node.layer].width : node.width);
    if (n > 0) points.push(node.x, y);
    if (n < chain.length - 1) points.push(right, y);
  });
  return points;
}
