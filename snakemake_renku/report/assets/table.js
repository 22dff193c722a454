// A table of thousands of rows, of which only those in sight are elements.

const ROW = 30;
const SPARE = 6;
const MOST_PRINTED = 200;
const TABLES = [];

/**
 * `columns`: `{ title, width, from, end, cell(row), value(row) }`; `width` in px (0: takes what is
 * left), shown from the width `from` of the table on, and below the width `below`; `end` aligns
 * numbers. The first column's cell must hold a link, which opens the row. `label` names the table to
 * assistive software.
 */
class VirtualTable {
  constructor({ columns, label, empty }) {
    Object.assign(this, {
      columns,
      empty,
      order: [],
      all: [],
      active: 0,
      sorted: null,
      down: false,
      whole: false,
    });
    this.head = h("tr", { "aria-rowindex": "1" });
    this.body = h("tbody");
    this.cols = h("colgroup");
    this.table = h(
      "table",
      { class: "rows", "aria-label": label },
      this.cols,
      h("thead", null, this.head),
      this.body,
    );
    this.box = h("div", { class: "scroll" }, this.table);
    this.none = h("p", { class: "none", hidden: true }, empty);
    this.element = h("div", { class: "virtual" }, this.box, this.none);
    this.box.addEventListener("scroll", () => this.soon(), { passive: true });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("focusin", (event) => this.focused(event));
    new ResizeObserver(() => this.resize()).observe(this.box);
    TABLES.push(this);
  }

  /** Make ready for paper, or for the screen again. */
  print(on) {
    this.whole = on && this.order.length <= MOST_PRINTED;
    this.element.classList.toggle("unprinted", on && !this.whole);
    this.box.classList.toggle("whole", this.whole);
    this.render();
  }

  /** Show these rows, in the order that was chosen. */
  set(rows) {
    this.all = rows;
    this.sort();
    this.box.scrollTop = 0;
    this.active = 0;
    this.render();
  }

  sort() {
    const column = this.sorted;
    this.order = this.all;
    if (column === null) return;
    const sign = this.down ? -1 : 1;
    const keyed = Array.from(this.all, (row) => [column.value(row), row]);
    keyed.sort(([a, i], [b, j]) => {
      // What is not known stands last, whichever way is sorted.
      if (a === null || b === null) return (a === null) - (b === null) || i - j;
      return (typeof a === "string" ? COLLATOR.compare(a, b) : a - b) * sign || i - j;
    });
    this.order = keyed.map(([, row]) => row);
  }

  sortBy(column) {
    [this.down, this.sorted] = [this.sorted === column ? !this.down : Boolean(column.down), column];
    this.set(this.all);
    this.heads();
    say(`Sorted by ${column.title}, ${this.down ? "descending" : "ascending"}`);
  }

  resize() {
    const width = this.box.clientWidth;
    const shown = this.columns.filter(
      (column) => width >= (column.from ?? 0) && width < (column.below ?? Infinity),
    );
    if (
      !this.shown ||
      shown.some((column, n) => column !== this.shown[n]) ||
      shown.length !== this.shown.length
    ) {
      this.shown = shown;
      this.heads();
    }
    this.render();
  }

  heads() {
    this.cols.replaceChildren(
      ...this.shown.map((column) => {
        const col = h("col");
        if (column.width) col.style.width = `${column.width}px`;
        return col;
      }),
    );
    this.head.replaceChildren(
      ...this.shown.map((column) => {
        const sort = this.sorted === column ? (this.down ? "descending" : "ascending") : "none";
        const button = h(
          "button",
          { type: "button", onclick: () => this.sortBy(column) },
          column.title,
        );
        return h("th", { scope: "col", "aria-sort": sort, class: column.end && "end" }, button);
      }),
    );
  }

  soon() {
    this.waiting ??= requestAnimationFrame(() => this.render());
  }

  /** Make the rows in sight, those before and after them being two empty rows of their height. */
  render() {
    cancelAnimationFrame(this.waiting);
    this.waiting = null;
    if (!this.shown) return;
    const { order, box } = this;
    const first = this.whole ? 0 : Math.max(0, Math.floor(box.scrollTop / ROW) - SPARE);
    const count = this.whole
      ? order.length
      : Math.ceil((box.clientHeight || 600) / ROW) + 2 * SPARE;
    const last = Math.min(order.length, first + count);
    const held = this.body.contains(document.activeElement);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this.row(place));
    this.body.replaceChildren(this.gap(first), ...rows, this.gap(order.length - last));
    this.table.setAttribute("aria-rowcount", order.length + 1);
    this.none.hidden = order.length > 0;
    box.hidden = order.length === 0;
    if (held) this.body.querySelector(".active a")?.focus({ preventScroll: true });
  }

  gap(count) {
    const row = h("tr", { class: "gap", "aria-hidden": "true" });
    row.style.height = `${count * ROW}px`;
    return row;
  }

  row(place) {
    const row = this.order[place];
    const cells = this.shown.map((column) =>
      h("td", { class: column.end && "end" }, column.cell(row)),
    );
    const active = place === this.active;
    cells[0].querySelector("a")?.setAttribute("tabindex", active ? "0" : "-1");
    return h(
      "tr",
      { class: active && "active", "data-place": place, "aria-rowindex": place + 2 },
      cells,
    );
  }

  click(event) {
    const row = event.target.closest("tr[data-place]");
    if (!row || event.target.closest("a") || String(getSelection())) return;
    row.querySelector("a")?.click();
  }

  focused(event) {
    const place = Number(event.target.closest("tr")?.dataset.place);
    if (place === this.active || Number.isNaN(place)) return;
    this.active = place;
    for (const row of this.body.querySelectorAll("tr[data-place]")) {
      row.classList.toggle("active", Number(row.dataset.place) === place);
      row
        .querySelector("a")
        ?.setAttribute("tabindex", Number(row.dataset.place) === place ? "0" : "-1");
    }
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 2);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("thead")) return;
    event.preventDefault();
    this.go(Math.min(this.order.length - 1, Math.max(0, this.active + steps[event.key])));
  }

  /** Bring the row at `place` into sight, and the focus to it. */
  go(place) {
    this.active = place;
    const head = this.head.offsetHeight;
    const top = place * ROW;
    const { scrollTop, clientHeight } = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight - head)
      this.box.scrollTop = top + ROW - clientHeight + head;
    this.render();
    this.body.querySelector(".active a")?.focus({ preventScroll: true });
  }
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** What finds rows by words: all words must be in the text of a row, which is made when first asked. */
function searcher(count, text) {
  const texts = new Array(count);
  return (words) => {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    if (!wanted.length) return () => true;
    return (row) => {
      const found = (texts[row] ??= text(row).toLowerCase());
      return wanted.every((word) => found.includes(word));
    };
  };
}

/** A field to search in; `onchange` gets what is in it. */
function searchField(id, label, onchange) {
  const field = h("input", {
    type: "search",
    id,
    placeholder: label,
    "aria-label": label,
    spellcheck: "false",
    autocomplete: "off",
  });
  field.addEventListener("input", () => onchange(field.value));
  return field;
}

/** A choice of one among several; the first one stands for all. */
function chooser(label, options, onchange) {
  const select = h(
    "select",
    { "aria-label": label },
    options.map(([value, text]) => h("option", { value }, text)),
  );
  select.addEventListener("change", () => onchange(select.value));
  return select;
}
