"use strict";
// Lays out what the page declares as data: the drawing is uPlot's. Every text is set as text, none as markup.
(() => {
  const declared = JSON.parse(document.getElementById("data").textContent).charts;
  const root = document.documentElement;
  const HEIGHT = 210;
  const WIDE = 300;
  const MOST_ROWS = 500;

  // ------------------------------------------------------------------ figures in words, as the tables write them
  const digits = (value) => Number(value.toPrecision(3));
  const trim = (value) => {
    const whole = value.toFixed(0);
    return Math.abs(whole) >= 1000 ? whole : String(digits(value));
  };
  const scaled = (units, least) => (value) => {
    for (const [unit, scale] of units) {
      if (Math.abs(digits(value / scale)) >= 1) return `${trim(value / scale)} ${unit}`;
    }
    return least(value);
  };
  const duration = scaled([["s", 1], ["ms", 1e-3], ["us", 1e-6]], (v) => (v === 0 ? "0 s" : `${trim(v / 1e-9)} ns`));
  const size = scaled([["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]], (v) => `${v.toFixed(0)} B`);
  const share = (value) => {
    let text = "";
    for (let decimals = 1; decimals <= 6; decimals += 1) {
      text = (value * 100).toFixed(decimals).replace(/\.?0+$/, "") || "0";
      if (value === 0 || value === 1 || !["0", "100"].includes(text)) break;
    }
    return `${text} %`;
  };
  const plain = (value) => (Number.isInteger(value) ? value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, "\u202f") : String(digits(value)));
  const words = {
    s: duration,
    B: size,
    share,
    count: plain,
    index: plain,
    "/s": (value) => `${trim(value)} /s`,
    ratio: (value) => String(digits(value)),
  };
  const inWords = (value, unit) => (value == null ? "–" : (words[unit] || ((v) => `${digits(v)} ${unit}`))(value));

  // ------------------------------------------------------------------ axes
  const decades = (steps, from, to) => {
    const found = [];
    for (let power = from; power <= to; power += 1) for (const step of steps) found.push(Number(`${step}e${power}`));
    return found;
  };
  const TIMES = [...decades([1, 2, 5], -9, 0), 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const SIZES = [];
  for (let power = 0; power < 50; power += 1) SIZES.push(2 ** power);
  const WHOLE = decades([1, 2, 5], 0, 12);
  const INCREMENTS = { s: TIMES, B: SIZES, count: WHOLE, index: WHOLE };
  const longTime = (most) => (most >= 7200 ? [3600, "h"] : most >= 300 ? [60, "min"] : most < 0.001 ? [1e-6, "us"] : most < 1 ? [1e-3, "ms"] : [1, "s"]);

  const ticks = (unit, most) => {
    if (unit === "s") {
      const [scale, name] = longTime(most);
      return (value) => `${Number((value / scale).toPrecision(6))} ${name}`;
    }
    if (unit === "/s") return (value) => `${plain(Number(value.toPrecision(6)))} /s`;
    if (unit === "share") return (value) => `${Number((value * 100).toPrecision(6))} %`;
    return (value) => inWords(value, unit);
  };
  const logarithmic = (low, high) => {
    const every = decades([1, 2, 5], Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)));
    const within = every.filter((value) => value >= low && value <= high);
    if (within.length > 1) return within;
    const step = (high - low) / 3;
    return [0, 1, 2, 3].map((k) => Number((low + k * step).toPrecision(2))).filter((value) => value >= low && value <= high);
  };

  // ------------------------------------------------------------------ colours
  let colours = {};
  const readColours = () => {
    const style = getComputedStyle(root);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    const names = ["paper", "ink", "soft", "line", "grid", "blue", "orange", "green", "red", "purple", "sky", "grey", "fill", "font"];
    colours = Object.fromEntries(names.map((name) => [name, read(name)]));
  };
  const faint = (name, alpha) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colours[name].slice(at, at + 2), 16));
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  };

  // ------------------------------------------------------------------ one chart
  const make = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const groups = new Map();
  const drawn = new Map();

  const columns = (chart) => {
    const tables = chart.tables.map((table) => [table.x, ...table.lines.map((line) => line.values)]);
    const joined = tables.length === 1 ? tables[0] : uPlot.join(tables);
    const lines = chart.tables.flatMap((table) => table.lines);
    const rows = joined[0].length;
    // the last window is as wide as the others: its step ends where the windows do
    const closes = chart.x_to != null && lines.some((line) => line.style === "step");
    const [x, ...values] = closes ? joined.map((column, k) => [...column, k ? column[rows - 1] : chart.x_to]) : joined;
    return { x, values, lines, rows };
  };
  const stackedUp = (values, shown) => {
    const sums = values[0].map(() => 0);
    return values.map((column, k) => column.map((value, at) => (sums[at] += shown[k] ? value || 0 : 0)));
  };
  const alone = (column) => {
    const seen = column.map((value, at) => [value, at]).filter(([value]) => value !== undefined);
    return seen.filter(([value], k) => value !== null && !(seen[k - 1] && seen[k - 1][0] !== null) && !(seen[k + 1] && seen[k + 1][0] !== null)).map(([, at]) => at);
  };

  const seriesOf = (chart, line, column, scale) => {
    const made = { label: line.name, stroke: () => colours[line.colour], width: 1.6 * scale, points: { show: false } };
    const lonely = alone(column);
    if (line.style === "dots") {
      made.paths = () => null;
      made.points = { show: true, size: 5 * scale, width: 0, fill: () => colours[line.colour] };
    } else if (line.style === "bars") {
      made.paths = uPlot.paths.bars({ size: [1, Infinity], gap: 0 });
      made.fill = () => colours[line.colour];
      made.width = 0;
    } else if (line.style === "edge") {
      made.stroke = () => faint(line.colour, 0.35);
      made.width = scale;
    } else {
      if (line.style === "step") made.paths = uPlot.paths.stepped({ align: 1 });
      if (line.style !== "step") made.pxAlign = 0;
      if (line.style === "dashed") made.dash = [5 * scale, 4 * scale];
      if (line.style === "area") made.fill = () => faint(line.colour, colours.fill);
      made.points = { show: lonely.length > 0, filter: () => lonely, size: 4.5 * scale, width: 0, fill: () => colours[line.colour] };
    }
    return made;
  };

  const extent = (all) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of all) {
      if (value == null) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return low <= high ? [low, high] : [0, 1];
  };
  const reachOf = (key, chart) => {
    const members = chart.group ? Object.values(declared).filter((one) => one.group === chart.group) : [chart];
    const marks = chart.marks.filter((mark) => mark.axis === "x").map((mark) => mark.at);
    let [low, high] = extent([...members.flatMap((one) => [one.x_to, ...one.tables.flatMap((table) => table.x)]), ...(chart.logarithmic ? marks : [])]);
    if (chart.group && chart.x_unit === "s") low = Math.min(0, low);
    if (chart.ticks.length) return [low - 0.6, high + 0.6];
    if (low === high) return chart.logarithmic ? [low / 1.5, high * 1.5] : [low - 0.5, high + 0.5];
    if (chart.x_unit !== "s" && !chart.logarithmic) return [low - 0.03 * (high - low), high + 0.03 * (high - low)];
    return chart.logarithmic && marks.includes(high) ? [low, high * 1.1] : [low, high];
  };

  const rangeOfY = (chart) => (_, low, high) => {
    if (low == null || high == null) return [0, 1];
    const limits = chart.marks.filter((mark) => mark.axis === "y").map((mark) => mark.at);
    const most = Math.max(high, ...limits);
    const least = chart.y_from == null ? Math.min(low, ...limits) : chart.y_from;
    const room = (most - least || Math.abs(most) || 1) * 0.06;
    return [chart.y_from == null ? least - room : least, chart.y_to == null ? most + room : chart.y_to + 0.03];
  };

  // marks: bands behind the curves, lines, points with bars and their labels before them
  const behind = (chart, scale) => (u) => {
    for (const mark of chart.marks) {
      if (mark.low == null && mark.high == null) continue;
      if (mark.level != null) continue;
      const { left, top, width, height } = u.bbox;
      const along = mark.axis;
      const ends = [mark.low, mark.high].map((value, k) => (value == null ? [u.scales[along].min, u.scales[along].max][k] : value));
      const [from, to] = ends.map((value) => u.valToPos(value, along, true)).sort((a, b) => a - b);
      u.ctx.save();
      u.ctx.beginPath();
      u.ctx.rect(left, top, width, height);
      u.ctx.clip();
      u.ctx.fillStyle = faint(mark.colour, 0.14);
      if (along === "x") u.ctx.fillRect(from, top, Math.max(to - from, 1), height);
      else u.ctx.fillRect(left, from, width, Math.max(to - from, 1));
      if (mark.at == null) label(u, mark.label, from + 4 * scale, top + 10 * scale, mark.colour, [], scale);
      u.ctx.restore();
    }
  };
  const label = (u, text, x, y, colour, taken, scale) => {
    const context = u.ctx;
    const ratio = uPlot.pxRatio * scale;
    context.font = `${11 * ratio}px ${colours.font}`;
    const width = context.measureText(text).width;
    const { left, top, width: across, height } = u.bbox;
    let at = Math.min(Math.max(x, left + 2 * ratio), left + across - width - 2 * ratio);
    if (at < x - ratio && y > top + 12 * ratio) y += 11 * ratio;
    let row = Math.min(Math.max(y, top + 7 * ratio), top + height - 7 * ratio);
    const clashes = () => taken.some(([l, t, r]) => at < r && at + width > l && Math.abs(row - t) < 13 * ratio);
    for (let tries = 0; tries < 8 && clashes(); tries += 1) row += 13 * ratio;
    taken.push([at, row, at + width]);
    write(u, text, at, row, colour, scale);
  };
  const write = (u, text, at, row, colour, scale) => {
    const context = u.ctx;
    const ratio = uPlot.pxRatio * scale;
    context.font = `${11 * ratio}px ${colours.font}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.lineWidth = 3 * ratio;
    context.lineJoin = "round";
    context.strokeStyle = colours.paper;
    context.strokeText(text, at, row);
    context.fillStyle = colour === "grey" ? colours.soft : colours[colour];
    context.fillText(text, at, row);
  };
  // labels of lines across the plot stand above it, in as many rows as they need: there they cover nothing
  const ROW = 13;
  const ruler = document.createElement("canvas").getContext("2d");
  const heads = (u, chart, scale) => {
    const rows = [];
    // the library asks for the room above once before it has laid out anything, and again when it has
    if (!u.valToPos || u.scales.x.max == null) return { places: [], rows: 0 };
    const end = u.valToPos(u.scales.x.max, "x");
    ruler.font = `${11 * scale}px ${colours.font}`;
    const lines = chart.marks.filter((mark) => mark.axis === "x" && mark.at != null && mark.level == null);
    const places = lines.map((mark) => ({ mark, at: u.valToPos(mark.at, "x") })).filter(({ at }) => at >= -1 && at <= end + 1);
    for (const place of places.sort((a, b) => a.at - b.at)) {
      const width = ruler.measureText(place.mark.label).width;
      place.from = Math.max(Math.min(place.at + 4 * scale, end - width), 0);
      place.row = rows.findIndex((taken) => taken <= place.from);
      if (place.row < 0) place.row = rows.push(0) - 1;
      rows[place.row] = place.from + width + 6 * scale;
    }
    return { places, rows: rows.length };
  };
  const head = (u, chart, scale) => {
    const context = u.ctx;
    const ratio = uPlot.pxRatio;
    const { left, top, height } = u.bbox;
    const { places, rows } = heads(u, chart, scale);
    const middle = (row) => top - ((rows - row - 0.5) * ROW + 2) * scale * ratio;
    context.save();
    context.lineWidth = 1.4 * ratio * scale;
    context.setLineDash([4 * ratio * scale, 3 * ratio * scale]);
    for (const { mark, at, from, row } of places) {
      context.strokeStyle = colours[mark.colour];
      context.beginPath();
      context.moveTo(left + at * ratio, middle(row) + (from < at ? (ROW / 2) * scale * ratio : 0));
      context.lineTo(left + at * ratio, top + height);
      context.stroke();
    }
    context.restore();
    for (const { mark, from, row } of places) write(u, mark.label, left + from * ratio, middle(row), mark.colour, scale);
  };
  const before = (chart, scale) => (u) => {
    const context = u.ctx;
    const ratio = uPlot.pxRatio * scale;
    const { left, top, width, height } = u.bbox;
    const taken = [];
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    for (const mark of chart.marks) {
      if (mark.at == null) continue;
      if (mark.axis === "x" && mark.level == null) continue;
      const at = u.valToPos(mark.at, mark.axis, true);
      const inside = mark.axis === "x" ? at >= left - 1 && at <= left + width + 1 : at >= top - 1 && at <= top + height + 1;
      if (!inside) continue;
      context.strokeStyle = colours[mark.colour];
      context.lineWidth = 1.4 * ratio;
      context.beginPath();
      if (mark.level != null) {
        const y = u.valToPos(mark.level, "y", true);
        const [from, to] = [mark.low, mark.high].map((value) => (value == null ? at : u.valToPos(value, "x", true)));
        context.moveTo(from, y);
        context.lineTo(to, y);
        for (const end of [from, to]) {
          context.moveTo(end, y - 3 * ratio);
          context.lineTo(end, y + 3 * ratio);
        }
        context.stroke();
        context.fillStyle = colours[mark.colour];
        context.beginPath();
        context.arc(at, y, 3 * ratio, 0, 2 * Math.PI);
        context.fill();
        label(u, mark.label, to + 7 * ratio, y + 9 * ratio, mark.colour, taken, scale);
        continue;
      }
      context.setLineDash([4 * ratio, 3 * ratio]);
      context.moveTo(left, at);
      context.lineTo(left + width, at);
      context.stroke();
      context.setLineDash([]);
      label(u, mark.label, left + 5 * ratio, at - 8 * ratio, mark.colour, taken, scale);
    }
    errors(u, chart, ratio);
    context.restore();
    head(u, chart, scale);
  };
  const errors = (u, chart, ratio) => {
    for (const table of chart.tables) {
      for (const line of table.lines) {
        if (!line.error) continue;
        u.ctx.strokeStyle = colours[line.colour];
        u.ctx.lineWidth = 1.4 * ratio;
        u.ctx.beginPath();
        table.x.forEach((x, k) => {
          const [low, high] = line.error.map((bounds) => (bounds[k] == null ? line.values[k] : bounds[k]));
          if (low == null) return;
          const across = u.valToPos(x, "x", true);
          u.ctx.moveTo(across, u.valToPos(low, "y", true));
          u.ctx.lineTo(across, u.valToPos(high, "y", true));
        });
        u.ctx.stroke();
      }
    }
  };

  const axes = (chart, scale) => {
    const font = `${11 * scale}px ${colours.font}`;
    const common = {
      stroke: () => colours.soft,
      font,
      grid: { stroke: () => colours.grid, width: scale },
      ticks: { show: false },
      gap: 6 * scale,
    };
    const measured = document.createElement("canvas").getContext("2d");
    measured.font = font;
    const xs = {
      ...common,
      grid: { show: false },
      size: 24 * scale,
      space: Math.max((chart.x_unit === "s" ? 70 : 50) * scale, ...chart.ticks.map((name) => measured.measureText(name).width + 10 * scale)),
      values: (u, splits) => {
        if (chart.ticks.length) return splits.map((at) => (Number.isInteger(at) ? chart.ticks[at] || "" : ""));
        const form = chart.logarithmic ? (value) => inWords(value, chart.x_unit) : ticks(chart.x_unit, splits[splits.length - 1]);
        return splits.map((value) => (value == null ? "" : form(value)));
      },
    };
    if (chart.logarithmic) Object.assign(xs, { splits: (u) => logarithmic(u.scales.x.min, u.scales.x.max), filter: spaced(measured, chart, scale) });
    else if (INCREMENTS[chart.x_unit]) xs.incrs = INCREMENTS[chart.x_unit];
    const ys = {
      ...common,
      space: 34 * scale,
      values: (u, splits) => {
        const form = ticks(chart.y_unit, splits[splits.length - 1]);
        return splits.map((value) => (value > 1 + 1e-9 && chart.y_to === 1 ? "" : form(value)));
      },
      size: (u, values) => Math.ceil(Math.max(46 * scale, ...(values || []).map((text) => measured.measureText(text).width))) + 8 * scale,
    };
    if (INCREMENTS[chart.y_unit]) ys.incrs = INCREMENTS[chart.y_unit];
    return [xs, ys];
  };
  // of the ticks of a logarithmic axis, those whose labels have room
  const spaced = (measured, chart, scale) => (u, splits) => {
    let free = -Infinity;
    return splits.map((value) => {
      const half = measured.measureText(inWords(value, chart.x_unit)).width / 2;
      const at = u.valToPos(value, "x");
      if (at - half < free) return null;
      free = at + half + 12 * scale;
      return value;
    });
  };

  const build = (key, scale) => {
    const chart = declared[key];
    const holder = document.getElementById(key);
    const state = drawn.get(key) || { key, chart, holder, ...columns(chart) };
    if (state.plot) state.plot.destroy();
    if (!state.shown) state.shown = state.lines.map(() => true);
    state.order = state.lines.map((_, k) => k);
    if (chart.stacked) state.order.reverse();
    const high = (chart.wide ? WIDE : HEIGHT) * scale;
    const names = state.lines.map((line) => line.name);
    const options = {
      width: Math.max((scale === 1 ? holder.clientWidth : chart.wide ? 700 : 340) * (scale === 1 ? 1 : scale), 120),
      height: high,
      padding: [(u) => (8 + ROW * heads(u, chart, scale).rows) * scale, 10 * scale, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, distr: chart.logarithmic ? 3 : 1, range: (u, low, top) => [low, top] },
        y: { range: rangeOfY(chart) },
      },
      axes: axes(chart, scale),
      series: [{}, ...state.order.map((k) => ({ ...seriesOf(chart, state.lines[k], state.values[k], scale), show: state.shown[k] }))],
      bands: chart.bands
        .map(([upper, lower, colour]) => [names.indexOf(upper) + 1, names.indexOf(lower) + 1, colour])
        .filter(([upper, lower]) => upper && lower)
        .map(([upper, lower, colour]) => ({ series: [upper, lower], fill: () => faint(colour, colours.fill), dir: -1 })),
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        points: { size: 7, width: 1.5, stroke: (u, at) => colours[state.lines[state.order[at - 1]].colour], fill: () => colours.paper, show: !chart.stacked },
        sync: chart.group ? { key: chart.group, setSeries: false, scales: ["x", null] } : undefined,
        bind: { dblclick: () => () => zoom(state, null) },
      },
      hooks: {
        drawClear: [behind(chart, scale)],
        draw: [before(chart, scale)],
        setCursor: [() => tell(state)],
        setSelect: [(u) => selected(state, u)],
      },
    };
    state.reach = reachOf(key, chart);
    state.plot = new uPlot(options, dataOf(state), holder);
    drawn.set(key, state);
    touched(state);
    if (!state.legend) furnish(state);
    show(state, zoomedTo(state));
    return state;
  };
  const dataOf = (state) => {
    const shown = state.chart.stacked ? stackedUp(state.values, state.shown) : state.values;
    return [state.x, ...state.order.map((k) => shown[k])];
  };

  // ------------------------------------------------------------------ zoom, pointer, legend
  const zoomedTo = (state) => groups.get(state.chart.group) || state.zoomed || null;
  const show = (state, between) => {
    const [min, max] = between || state.reach;
    state.plot.setScale("x", { min, max });
    state.again.hidden = !between;
  };
  const zoom = (state, between) => {
    const { group } = state.chart;
    if (group) groups.set(group, between);
    else state.zoomed = between;
    for (const other of drawn.values()) if (other === state || (group && other.chart.group === group)) show(other, between);
  };
  const selected = (state, u) => {
    if (u.select.width < 4 || state.selecting) return;
    state.selecting = true;
    const [low, high] = [u.select.left, u.select.left + u.select.width].map((at) => u.posToVal(at, "x"));
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    zoom(state, [low, high]);
    state.selecting = false;
  };

  // ------------------------------------------------------------------ fingers, of which the library knows none
  // What is under a finger stays under it: two set both ends of what is seen, one moves it along. Where nothing is
  // zoomed there is nothing to move, and one finger points. Up and down is the page's in every case (page.css), and a
  // browser that scrolls takes the finger away with a pointercancel.
  const LEAST_SPAN = 1e-4;
  const touched = (state) => {
    const { plot } = state;
    const over = plot.over;
    const [even, back] = state.chart.logarithmic ? [Math.log, Math.exp] : [(x) => x, (x) => x];
    const fingers = new Map();
    let held = null;
    let awaited = 0;
    const hold = () => {
      const [low, high] = (zoomedTo(state) || state.reach).map(even);
      held = { span: high - low, under: new Map([...fingers].map(([id, at]) => [id, low + at * (high - low)])) };
    };
    const follow = () => {
      awaited = 0;
      const places = [...fingers].map(([id, at]) => [at, held.under.get(id)]).sort((a, b) => a[0] - b[0]);
      if (!places.length) return;
      const [[left, first]] = places;
      const [right, last] = places[places.length - 1];
      const [from, to] = state.reach.map(even);
      let { span } = held;
      if (places.length > 1) {
        if (last <= first || right - left < 0.02) return;
        span = Math.max((last - first) / (right - left), LEAST_SPAN * (to - from));
      }
      if (span >= to - from) return zoom(state, null);
      const low = Math.min(Math.max(first - left * span, from), to - span);
      return zoom(state, [back(low), back(low + span)]);
    };
    const placed = (event) => {
      const box = over.getBoundingClientRect();
      fingers.set(event.pointerId, (event.clientX - box.left) / box.width);
      return { left: event.clientX - box.left, top: event.clientY - box.top };
    };
    // no movement is lost to the finger that comes or goes before the next frame
    const caughtUp = () => {
      if (!awaited) return;
      cancelAnimationFrame(awaited);
      follow();
    };
    const lifted = (event) => {
      if (!fingers.has(event.pointerId)) return;
      caughtUp();
      fingers.delete(event.pointerId);
      hold();
    };
    over.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "touch" || fingers.size > 1) return;
      caughtUp();
      placed(event);
      hold();
    });
    over.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      const at = placed(event);
      if (fingers.size === 1 && !zoomedTo(state)) plot.setCursor(at);
      else awaited = awaited || requestAnimationFrame(follow);
    });
    for (const ending of ["pointerup", "pointercancel"]) over.addEventListener(ending, lifted);
    // what is not up and down, or has a second finger, is neither a scroll nor a fling: a browser that took it for one
    // would let the next tap only stop that
    let [across, down] = [0, 0];
    const ours = (event) => {
      const [{ clientX, clientY }] = event.touches;
      if (event.type === "touchstart") [across, down] = [clientX, clientY];
      const sideways = Math.abs(clientX - across) > Math.abs(clientY - down);
      if ((sideways || event.touches.length > 1) && event.cancelable) event.preventDefault();
    };
    for (const name of ["touchstart", "touchmove"]) over.addEventListener(name, ours, { passive: false });
  };

  const nearest = (column, at) => {
    if (column[at] != null || column[at] === null) return at;
    for (let step = 1; step < column.length; step += 1) {
      if (column[at - step] !== undefined) return at - step;
      if (column[at + step] !== undefined) return at + step;
    }
    return at;
  };
  const tell = (state) => {
    if (!state.legend) return;
    const at = state.plot.cursor.idx;
    state.when.textContent = at == null ? "" : `at ${xInWords(state, state.x[at])}`;
    state.told.forEach((output, k) => {
      const column = state.values[k];
      const found = at == null ? null : nearest(column, at);
      const line = state.lines[k];
      const note = found != null && line.labels && line.labels[found];
      output.textContent = found == null ? "" : inWords(column[found], state.chart.y_unit) + (note ? ` ${note}` : "");
    });
  };
  const xInWords = ({ chart }, value) => (chart.ticks.length ? chart.ticks[value] : inWords(value, chart.x_unit));

  const furnish = (state) => {
    const { holder, chart } = state;
    state.legend = make("ul", "", "legend");
    state.told = state.lines.map((line, k) => {
      const button = make("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(make("i", "", `${line.style} c-${line.colour}`), make("span", line.name));
      const output = make("output");
      button.append(output);
      button.addEventListener("click", () => toggle(state, k, button));
      const item = make("li");
      item.hidden = line.quiet;
      item.append(button);
      state.legend.append(item);
      return output;
    });
    state.when = make("li", "", "at");
    state.legend.append(state.when);
    state.again = make("button", "Reset zoom", "again");
    state.again.type = "button";
    state.again.hidden = true;
    state.again.addEventListener("click", () => zoom(state, null));
    state.live = make("p", "", "unseen");
    state.live.setAttribute("aria-live", "polite");
    holder.before(state.legend);
    holder.after(state.live, state.again, numbers(state));
    holder.addEventListener("keydown", (event) => pressed(state, event));
    chart.drawn = true;
  };
  const toggle = (state, k, button) => {
    state.shown[k] = !state.shown[k];
    button.setAttribute("aria-pressed", String(state.shown[k]));
    if (state.chart.stacked) {
      state.plot.setData(dataOf(state), false);
      state.plot.redraw();
      state.plot.setScale("x", { min: state.plot.scales.x.min, max: state.plot.scales.x.max });
    }
    state.plot.setSeries(state.order.indexOf(k) + 1, { show: state.shown[k] });
  };
  const pressed = (state, event) => {
    const { plot } = state;
    const span = plot.scales.x.max - plot.scales.x.min;
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    const at = plot.cursor.idx == null ? 0 : plot.cursor.idx;
    if (event.key in moves) {
      const to = Math.min(Math.max(at + moves[event.key], 0), state.x.length - 1);
      plot.setCursor({ left: plot.valToPos(state.x[to], "x"), top: 10 });
      const read = state.lines.map((line, k) => `${line.name} ${inWords(state.values[k][nearest(state.values[k], to)], state.chart.y_unit)}`);
      state.live.textContent = `${xInWords(state, state.x[to])}: ${read.join(", ")}`;
    } else if (event.key === "+" || event.key === "=") {
      const middle = state.x[at];
      zoom(state, [Math.max(state.reach[0], middle - span / 4), Math.min(state.reach[1], middle + span / 4)]);
    } else if (event.key === "-" || event.key === "Escape") {
      zoom(state, null);
    } else return;
    event.preventDefault();
  };

  // the numbers behind a chart, for those who read rather than look
  const numbers = (state) => {
    const folded = make("details");
    folded.append(make("summary", "Numbers"));
    folded.addEventListener("toggle", () => {
      if (!folded.open || folded.children.length > 1) return;
      const sheet = make("div", "", "sheet");
      sheet.tabIndex = 0;
      const table = make("table");
      const head = make("tr");
      for (const title of [state.chart.x_title, ...state.lines.map((line) => line.name)]) head.append(make("th", title));
      table.append(head);
      state.x.slice(0, Math.min(state.rows, MOST_ROWS)).forEach((x, at) => {
        const row = make("tr");
        row.append(make("td", xInWords(state, x)));
        for (const column of state.values) row.append(make("td", column[at] === undefined ? "" : inWords(column[at], state.chart.y_unit)));
        table.append(row);
      });
      sheet.append(table);
      if (state.rows > MOST_ROWS) sheet.append(make("p", `The first ${MOST_ROWS} of ${state.rows}.`, "note"));
      folded.append(sheet);
    });
    return folded;
  };

  // ------------------------------------------------------------------ the page: visible charts first, the rest when idle
  const waiting = new Set(Object.keys(declared));
  const draw = (key) => {
    if (!waiting.delete(key)) return;
    build(key, 1);
    sizes.observe(document.getElementById(key));
    if (!waiting.size) finished();
  };
  const finished = () => {
    root.dataset.drawn = "all";
    performance.mark("drawn");
  };
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const state = drawn.get(target.id);
      const width = target.clientWidth;
      if (state && !printing && width && Math.abs(width - state.plot.width) > 0.5) state.plot.setSize({ width, height: state.plot.height });
    }
  });
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      draw(target.id);
    }
  }, { rootMargin: "300px" });
  const idle = window.requestIdleCallback || ((then) => setTimeout(() => then({ timeRemaining: () => 8 }), 30));
  const rest = (deadline) => {
    do {
      const [key] = waiting;
      if (key) draw(key);
    } while (waiting.size && deadline.timeRemaining() > 6);
    if (waiting.size) idle(rest);
  };

  const redraw = () => {
    readColours();
    for (const state of drawn.values()) state.plot.redraw(false);
  };
  const theme = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const named = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Show in ${isDark() ? "light" : "dark"} colours`);
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    named();
    redraw();
  });
  dark.addEventListener("change", () => {
    named();
    redraw();
  });

  let printing = null;
  window.addEventListener("beforeprint", () => {
    printing = { theme: root.dataset.theme };
    root.dataset.theme = "light";
    readColours();
    for (const key of [...waiting]) draw(key);
    // drawn at twice the size and halved by the style sheet: paper has finer dots than a screen
    root.dataset.printing = "yes";
    for (const key of drawn.keys()) build(key, 2);
  });
  window.addEventListener("afterprint", () => {
    if (!printing) return;
    if (printing.theme) root.dataset.theme = printing.theme;
    else delete root.dataset.theme;
    printing = null;
    delete root.dataset.printing;
    readColours();
    for (const key of drawn.keys()) build(key, 1);
  });

  named();
  readColours();
  if (!waiting.size) finished();
  for (const key of waiting) seen.observe(document.getElementById(key));
  idle(rest);
  window.harnessPage = { drawn, inWords };
})();
