// The bench: a scene that one turns by hand while the network answers. One question of each kind is under way at a time; what
// changes meanwhile is asked when its answer is there, so that the last state is always the one that is shown.
(() => {
  "use strict";
  const root = document.querySelector("#bench");
  if (!root) return;
  const token = document.querySelector('meta[name="course-token"]')?.content;
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  if (!token) {
    root.append(make("p", { textContent: "The bench needs the course's server: cargo run -p book" }));
    return;
  }
  // The book turns its pages with the arrow keys; here they move figures and sliders.
  root.addEventListener("keydown", (event) => { if (event.key.startsWith("Arrow")) event.stopPropagation(); });
  async function ask(what, body) {
    const headers = { "content-type": "application/json", "x-course-token": token };
    const options = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
    const answer = await fetch(`/api/bench${what}`, options);
    const value = await answer.json();
    if (!answer.ok) throw new Error(value.problem || `the server refused: ${answer.status}`);
    return value;
  }

  // ---- Colours: magma for what begins at 0, blue to red for what has a sign
  const MAGMA = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
  const SIGNED = [[33, 102, 172], [247, 247, 247], [178, 24, 43]];
  function paint(canvas, map, low, high, stops) {
    canvas.width = map.width;
    canvas.height = map.height;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(map.width, map.height);
    map.values.forEach((value, at) => {
      const t = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
      const place = t * (stops.length - 1), left = Math.min(stops.length - 2, Math.floor(place)), part = place - left;
      for (let c = 0; c < 3; c++) pixels.data[4 * at + c] = stops[left][c] * (1 - part) + stops[left + 1][c] * part;
      pixels.data[4 * at + 3] = 255;
    });
    context.putImageData(pixels, 0, 0);
  }
  const most = (values) => values.reduce((a, b) => Math.max(a, b), 0);
  function show(canvas, map, largest) {
    const lowest = map.values.reduce((a, b) => Math.min(a, b), 0);
    if (lowest < 0) paint(canvas, map, -Math.max(largest, -lowest), Math.max(largest, -lowest), SIGNED);
    else paint(canvas, map, 0, largest, MAGMA);
  }

  start().catch((error) => root.append(make("p", { className: "problem", textContent: error.message })));

  async function start() {
    const choices = await ask("");
    let state = read() || {
      network: "scenes", site: "layer4", unit: 0, class: choices.shapes.indexOf(choices.scene.figures[0].shape),
      image: { scene: choices.scene },
    };
    let pinned = null, last = null;

    // ---- What one sees
    const problem = make("p", { className: "bench-problem" });
    problem.setAttribute("role", "alert");
    const status = make("p", { className: "bench-status", id: "bench-status" });
    status.setAttribute("role", "status");
    const view = make("canvas", { id: "bench-view", width: 128, height: 128, tabIndex: 0 });
    view.setAttribute("role", "img");
    const unitMap = make("canvas", { id: "bench-unit" }), difference = make("canvas", { id: "bench-difference" });
    const neighbours = make("div", { className: "bench-neighbours" });
    const panel = (id, title) => {
      const canvas = make("canvas", { id: `bench-${id}` }), by = make("figcaption", { id: `bench-${id}-by` });
      canvas.setAttribute("role", "img");
      return { canvas, by, figure: make("figure", {}, make("h3", { textContent: title }), canvas, by) };
    };
    const panels = { grad_cam: panel("grad_cam", "Grad-CAM for the class"), saliency: panel("saliency", "Saliency for the class") };
    const unitCaption = make("figcaption"), differenceCaption = make("figcaption");
    for (const canvas of [unitMap, difference]) canvas.setAttribute("role", "img");
    const logits = make("tbody", { id: "bench-logits" });
    const inputs = make("div", { className: "bench-inputs" });

    // ---- Controls
    let serial = 0;
    const labelled = (text, input) => {
      input.id ||= `bench-control-${++serial}`;
      return make("label", { htmlFor: input.id }, make("span", { textContent: text }), input);
    };
    const menu = (text, values, get, set, id) => {
      const select = make("select", id ? { id } : {});
      for (const [value, name] of values) select.append(make("option", { value, textContent: name }));
      select.value = String(get());
      select.addEventListener("change", () => { set(select.value); changed(); });
      return labelled(text, select);
    };
    const slider = (text, low, high, step, get, set, id) => {
      const input = make("input", { type: "range", min: low, max: high, step, value: get(), ...(id ? { id } : {}) });
      const value = make("output", { textContent: Math.round(get() * 100) / 100 });
      input.addEventListener("input", () => { set(Number(input.value)); value.textContent = Math.round(input.value * 100) / 100; changed(); });
      const label = labelled(text, input);
      label.append(value);
      return label;
    };
    const button = (text, act, id) => {
      const one = make("button", { type: "button", textContent: text, ...(id ? { id } : {}) });
      one.addEventListener("click", act);
      return one;
    };
    const group = (title, ...children) => make("fieldset", {}, make("legend", { textContent: title }), ...children);
    const about = () => choices.networks.find((one) => one.network === state.network) || choices.networks[0];
    const units = () => (about().sites.find(([site]) => site === state.site) || about().sites[0])[1];
    const hex = (rgb) => `#${rgb.map((c) => c.toString(16).padStart(2, "0")).join("")}`;
    const rgb = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
    const degrees = (radians) => Math.round(radians * 180 / Math.PI);
    const scene = () => state.image.scene;

    function controls() {
      const focus = document.activeElement?.id;
      state.unit = Math.min(state.unit, units() - 1);
      const parts = [group("Look at",
        menu("network", choices.networks.map((one) => [one.network, one.name]), () => state.network, (v) => { state.network = v; controls(); }, "bench-network"),
        menu("site", about().sites.map(([site, count]) => [site, `${site}, ${count} units`]), () => state.site, (v) => { state.site = v; controls(); }, "bench-site"),
        slider("unit", 0, units() - 1, 1, () => state.unit, (v) => { state.unit = v; }, "bench-unit-number"),
        menu("class", about().classes.map((name, at) => [at, name]), () => state.class, (v) => { state.class = Number(v); }, "bench-class"))];
      if (scene()) {
        scene().figures.forEach((figure, at) => {
          const name = at === 0 ? "Figure" : "Second figure";
          parts.push(group(name,
            menu("shape", choices.shapes.map((v) => [v, v]), () => figure.shape, (v) => { figure.shape = v; }, `bench-shape-${at}`),
            menu("colour", choices.colours.map((v) => [v, v]), () => figure.colour, (v) => { figure.colour = v; }, `bench-colour-${at}`),
            menu("texture", choices.textures, () => figure.texture, (v) => { figure.texture = v; }, `bench-texture-${at}`),
            slider("radius, px", 5, 64, 1, () => figure.radius, (v) => { figure.radius = v; }, `bench-radius-${at}`),
            slider("turn, °", -360, 360, 1, () => degrees(figure.rotation), (v) => { figure.rotation = v * Math.PI / 180; }, `bench-turn-${at}`),
            slider("from the left, px", 0, 128, 1, () => figure.place.x, (v) => { figure.place.x = v; }, `bench-x-${at}`),
            slider("from the top, px", 0, 128, 1, () => figure.place.y, (v) => { figure.place.y = v; }, `bench-y-${at}`)));
        });
        const second = make("input", { type: "checkbox", checked: scene().figures.length > 1, id: "bench-second" });
        second.addEventListener("change", () => {
          const first = scene().figures[0];
          if (second.checked) {
            const shape = choices.shapes[(choices.shapes.indexOf(first.shape) + 1) % choices.shapes.length];
            scene().figures.push({ ...first, shape, place: { x: (first.place.x + 64) % 128, y: first.place.y } });
          } else scene().figures.length = 1;
          controls();
          changed();
        });
        const back = scene().background;
        const colour = (text, get, set) => {
          const input = make("input", { type: "color", value: hex(get()) });
          input.addEventListener("input", () => { set(rgb(input.value)); changed(); });
          return labelled(text, input);
        };
        parts.push(group("Around it", labelled("second figure", second),
          colour("background from", () => back.from, (v) => { back.from = v; }),
          colour("to", () => back.to, (v) => { back.to = v; }),
          slider("direction, °", -360, 360, 1, () => degrees(back.direction), (v) => { back.direction = v * Math.PI / 180; }),
          slider("grain", 0, 60, 0.5, () => scene().grain.strength, (v) => { scene().grain.strength = v; }, "bench-grain")));
      }
      const file = make("input", { type: "file", accept: "image/png,image/jpeg,image/webp" });
      file.addEventListener("change", () => file.files[0] && photo(file.files[0]));
      parts.push(group("Image", labelled("your own photo (or drop one on the picture)", file),
        button("Another scene", async () => {
          state.image = { scene: await ask(`/scene/${Math.floor(Math.random() * 1000)}`) };
          controls();
          changed();
        })));
      inputs.replaceChildren(...parts);
      if (focus) document.getElementById(focus)?.focus();
    }

    // ---- A photo, made small here
    async function photo(blob) {
      try {
        const bitmap = await createImageBitmap(blob);
        const side = Math.min(bitmap.width, bitmap.height), canvas = make("canvas", { width: 256, height: 256 });
        canvas.getContext("2d").drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 256, 256);
        state.image = { photo: canvas.toDataURL("image/png").split(",")[1] };
        controls();
        changed();
      } catch { problem.textContent = "This file cannot be read as a picture: choose a JPEG, PNG or WebP file."; }
    }
    view.addEventListener("dragover", (event) => event.preventDefault());
    view.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) photo(event.dataTransfer.files[0]);
    });

    // ---- A figure is dragged, or moved with the arrow keys
    let held = null;
    const place = (event) => {
      const box = view.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width * 128, y: (event.clientY - box.top) / box.height * 128 };
    };
    const moved = (figure, at, x, y) => {
      figure.place = { x: Math.min(128, Math.max(0, x)), y: Math.min(128, Math.max(0, y)) };
      for (const axis of ["x", "y"]) {
        const input = document.querySelector(`#bench-${axis}-${at}`);
        if (!input) continue;
        input.value = figure.place[axis];
        input.parentElement.querySelector("output").textContent = Math.round(figure.place[axis]);
      }
      changed();
    };
    view.addEventListener("pointerdown", (event) => {
      if (!scene()) return;
      const at = place(event), far = (figure) => Math.hypot(figure.place.x - at.x, figure.place.y - at.y);
      const index = scene().figures.reduce((best, figure, i, all) => (far(figure) < far(all[best]) ? i : best), 0);
      const figure = scene().figures[index];
      if (far(figure) > figure.radius) return;
      held = { figure, index, dx: figure.place.x - at.x, dy: figure.place.y - at.y };
      view.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    view.addEventListener("pointermove", (event) => {
      if (!held) return;
      const at = place(event);
      moved(held.figure, held.index, at.x + held.dx, at.y + held.dy);
    });
    for (const name of ["pointerup", "pointercancel"]) view.addEventListener(name, () => { held = null; });
    view.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, -2], ArrowDown: [0, 2] }[event.key];
      if (!step || !scene()) return;
      event.preventDefault();
      const figure = scene().figures[0];
      moved(figure, 0, figure.place.x + step[0], figure.place.y + step[1]);
    });

    // ---- Asking: the last state, one question of each kind at a time
    let changedAt = performance.now();
    function latest(put, path) {
      let asking = false, waiting = false;
      return async function again() {
        if (asking) { waiting = true; return; }
        asking = true;
        do {
          waiting = false;
          const since = changedAt;
          try {
            put(await ask(path, state), since);
            problem.textContent = "";
          } catch (error) { problem.textContent = error.message; }
        } while (waiting);
        asking = false;
      };
    }
    const questions = [latest(answered, "/look"),
      ...Object.keys(panels).map((name) => latest((found) => mapped(name, found), `/map/${name}`))];
    let soon = null;
    function changed() {
      changedAt = performance.now();
      clearTimeout(soon);
      soon = setTimeout(() => {
        questions.forEach((question) => question());
        write();
      }, 15);
    }

    // ---- Answers
    const picture = new Image();
    let overlay = null;
    function redraw() {
      const context = view.getContext("2d");
      view.width = picture.naturalWidth || 128;
      view.height = picture.naturalHeight || 128;
      context.drawImage(picture, 0, 0);
      if (!overlay || !over.checked) return;
      context.globalAlpha = 0.5;
      context.imageSmoothingEnabled = true;
      context.drawImage(overlay, 0, 0, view.width, view.height);
      context.globalAlpha = 1;
    }
    picture.addEventListener("load", redraw);
    function answered(answer, since) {
      last = answer;
      picture.src = answer.picture;
      const names = about().classes;
      const best = answer.logits.indexOf(Math.max(...answer.logits));
      view.setAttribute("aria-label", `The image. The network says ${names[best]}. Arrow keys move the figure.`);
      const top = names.map((_, at) => at).sort((a, b) => answer.logits[b] - answer.logits[a]).slice(0, 10);
      const rows = (names.length > 10 ? top : names.map((_, at) => at)).map((at) => {
        const number = (value, digits) => value.toFixed(digits);
        const before = pinned && pinned.logits.length === answer.logits.length ? number(answer.logits[at] - pinned.logits[at], 2) : "";
        const bar = make("span", { className: "bench-bar" });
        bar.style.width = `${Math.round(answer.probabilities[at] * 100)}px`;
        return make("tr", { className: at === best ? "best" : "" },
          make("th", { scope: "row", textContent: names[at] }), make("td", { textContent: number(answer.logits[at], 2) }),
          make("td", { className: "bar" }, bar, `${number(100 * answer.probabilities[at], 1)} %`), make("td", { textContent: before }));
      });
      logits.replaceChildren(...rows);
      const chosen = answer.units.find((one) => one.unit === state.unit) || answer.units[0];
      const largest = most(answer.units.flatMap((one) => one.map.values));
      show(unitMap, chosen.map, most(chosen.map.values) || 1);
      const name = `${state.site} ${chosen.unit}: mean ${chosen.mean.toFixed(3)}, largest ${most(chosen.map.values).toFixed(3)}`;
      unitCaption.textContent = name;
      unitMap.setAttribute("aria-label", name);
      neighbours.replaceChildren(...answer.units.map((one) => {
        const canvas = make("canvas");
        show(canvas, one.map, largest || 1);
        const pick = button("", () => { state.unit = one.unit; controls(); changed(); });
        pick.append(canvas, make("span", { textContent: one.unit }));
        pick.setAttribute("aria-label", `unit ${one.unit}, mean ${one.mean.toFixed(3)}`);
        pick.setAttribute("aria-pressed", String(one.unit === state.unit));
        return pick;
      }));
      changes(chosen);
      if (since) status.textContent = `${Math.round(performance.now() - since)} ms from the last change to this answer, ${answer.milliseconds.toFixed(0)} ms of it on the server`;
    }
    function changes(chosen) {
      const before = pinned?.units.find((one) => one.unit === chosen.unit);
      const fits = before && pinned.site === state.site && before.map.values.length === chosen.map.values.length;
      difference.parentElement.hidden = !pinned;
      if (!fits) { differenceCaption.textContent = pinned ? "Pinned at another site or unit: only the logits are compared." : ""; return; }
      const values = chosen.map.values.map((value, at) => value - before.map.values[at]);
      const largest = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1;
      paint(difference, { ...chosen.map, values }, -largest, largest, SIGNED);
      differenceCaption.textContent = `this map minus the pinned one, from −${largest.toFixed(3)} (blue) to ${largest.toFixed(3)} (red)`;
      difference.setAttribute("aria-label", differenceCaption.textContent);
    }
    function mapped(name, found) {
      const { canvas, by } = panels[name];
      const whose = found.by === "yours" ? `your function (${found.exercise})` : `the reference (${found.exercise}): ${found.why}`;
      canvas.hidden = Boolean(found.problem);
      by.textContent = found.problem ? `${whose}: ${found.problem}` : `by ${whose}`;
      by.classList.toggle("failed", Boolean(found.problem));
      if (found.problem) { if (name === "grad_cam") { overlay = null; redraw(); } return; }
      const largest = most(found.map.values) || 1;
      paint(canvas, found.map, 0, largest, MAGMA);
      canvas.setAttribute("aria-label", `${name === "grad_cam" ? "Grad-CAM" : "saliency"} for ${about().classes[state.class]}, 0 to ${largest.toPrecision(3)}`);
      if (name === "grad_cam") { overlay = canvas; redraw(); }
      if (found.why === "yours is being built") setTimeout(changed, 1000);
    }

    // ---- Pin, copy, card, link
    const over = make("input", { type: "checkbox", checked: true, id: "bench-over" });
    over.addEventListener("change", redraw);
    const copied = make("span", { className: "bench-copied" });
    copied.setAttribute("role", "status");
    const copy = async (text, what) => {
      try { await navigator.clipboard.writeText(text); copied.textContent = `${what} copied`; }
      catch { copied.textContent = ""; prompt(`${what}:`, text); }
    };
    const pin = button("Pin this scene", () => {
      pinned = pinned ? null : last && { ...last, site: state.site };
      pin.textContent = pinned ? "Let go of the pinned scene" : "Pin this scene";
      if (last) answered(last);
    }, "bench-pin");
    const card = button("Card of this unit", async () => {
      const made = make("span", { textContent: "being measured: half a minute the first time at a site …" });
      cardPlace.replaceChildren(made);
      try {
        const { href } = await ask("/card", { network: state.network, site: state.site, unit: state.unit });
        cardPlace.replaceChildren(make("a", { href, textContent: `${state.site} ${state.unit} of ${state.network}` }));
      } catch (error) { made.textContent = error.message; }
    }, "bench-card");
    const cardPlace = make("span", { id: "bench-card-place" });
    cardPlace.setAttribute("role", "status");
    const tools = make("div", { className: "bench-tools" }, pin,
      button("Copy as Rust", () => last?.rust ? copy(last.rust, "Rust code") : (copied.textContent = "a photo has no code"), "bench-rust"),
      button("Copy as JSON", () => copy(JSON.stringify(scene() || state.image, null, 2), "JSON"), "bench-json"),
      button("Copy the link", () => copy(location.href, "Link")), copied, card, cardPlace);
    function write() {
      const text = encodeURIComponent(JSON.stringify(state));
      if (text.length < 8000) history.replaceState(null, "", `#bench=${text}`);
    }
    function read() {
      if (!location.hash.startsWith("#bench=")) return null;
      try {
        const known = JSON.parse(decodeURIComponent(location.hash.slice(7)));
        return known.network && known.site && known.image ? known : null;
      } catch { return null; }
    }
    window.addEventListener("hashchange", () => { const other = read(); if (other) { state = other; controls(); changed(); } });

    const head = make("tr", {}, ...["class", "logit", "probability", "from pinned"].map((text) => make("th", { scope: "col", textContent: text })));
    const atlases = choices.networks.filter((one) => one.atlas).map((one) => make("a", { href: one.atlas, textContent: `all units of ${one.network}` }));
    root.append(problem, inputs, make("div", { className: "bench-sees" },
      make("div", {}, view, labelled("Grad-CAM over the image", over), status),
      make("div", { className: "bench-wide", tabIndex: 0 }, make("table", {}, make("thead", {}, head), logits)),
      make("figure", {}, make("h3", { textContent: "The unit's map" }), unitMap, unitCaption),
      make("figure", { hidden: true }, make("h3", { textContent: "What changed" }), difference, differenceCaption),
      panels.grad_cam.figure, panels.saliency.figure),
      make("h3", { textContent: "The units beside it, on one scale" }), neighbours, tools,
      make("p", { className: "bench-atlases" }, ...(atlases.length ? atlases.flatMap((one) => [one, " "]) : ["Pages of all units: cargo run -p microscope -- atlas"])));
    controls();
    changed();
  }
})();
