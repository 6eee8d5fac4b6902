// What the course adds to mdBook's pages. Without a server (no token in the page) questions are answered in place and
// everything else stays text; with one, states, verdicts, hints, pictures and the notebook are live.
(() => {
  "use strict";
  const token = document.querySelector('meta[name="course-token"]')?.content;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const store = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window: not remembered */ } },
  };

  // ---- Zoom: a picture in its own size
  const zoom = make("dialog", { className: "zoom" });
  document.body.append(zoom);
  zoom.addEventListener("click", () => zoom.close());
  // Here, before mdBook's own use of the key.
  zoom.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); event.preventDefault(); zoom.close(); }
  });
  const enlarge = (image) => {
    const close = make("button", { textContent: "Close" });
    const frame = make("div", { tabIndex: 0 }, make("img", { src: image.src, alt: image.alt }));
    frame.setAttribute("aria-label", "Picture in its own size");
    zoom.replaceChildren(close, frame);
    zoom.setAttribute("aria-label", "Picture in its own size");
    zoom.showModal();
  };

  // ---- Questions
  const language = () => store.get("course-language") || (document.querySelector('main > div[lang="es"]') ? "es" : "en");
  const showLanguage = () => {
    for (const pane of all(".quiz fieldset")) pane.hidden = pane.lang !== language();
  };
  const judge = (input) => {
    const pane = input.closest("fieldset");
    const right = input.closest("label").hasAttribute("data-right");
    const spanish = pane.lang === "es";
    for (const why of all(".why", pane)) why.hidden = !why.closest("label").contains(input) || !why.textContent;
    const result = pane.querySelector(".result");
    result.className = `result ${right ? "right" : "wrong"}`;
    result.textContent = right ? (spanish ? "Correcto." : "Right.") : (spanish ? "No." : "No.");
    return right;
  };
  for (const quiz of all(".quiz")) {
    const tools = make("div", { className: "tools" });
    const other = make("button", { type: "button", textContent: "English / español" });
    other.addEventListener("click", () => {
      store.set("course-language", language() === "es" ? "en" : "es");
      showLanguage();
    });
    tools.append(other);
    quiz.append(tools);
    quiz.addEventListener("change", (event) => {
      if (event.target.type !== "radio") return;
      const right = judge(event.target);
      send("quiz", { question: quiz.dataset.question, right });
    });
  }
  showLanguage();

  // ---- Pages that are wider than the window scroll inside themselves, by keyboard as well
  for (const wide of all("main pre code, main .table-wrapper, main .formula")) wide.tabIndex = 0;
  for (const box of all('main li input[type="checkbox"]')) {
    box.setAttribute("aria-label", box.closest("li").textContent.trim().slice(0, 120) || "done");
  }
  // mdBook's button for the sidebar is a label: give it a role and let it be reached by keyboard.
  const sidebar = document.querySelector("#mdbook-sidebar-toggle");
  if (sidebar) {
    sidebar.setAttribute("role", "button");
    sidebar.tabIndex = 0;
    sidebar.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sidebar.click(); }
    });
  }

  // ---- A sentence at the top of the page
  // One for what was asked for here, which stays until the next thing is asked for, and one for what the server says.
  function problem(sentence, of = "page") {
    document.querySelector(`.problem[data-of="${of}"]`)?.remove();
    if (!sentence) return;
    const box = make("p", { className: "problem", textContent: sentence });
    box.dataset.of = of;
    box.setAttribute("role", "alert");
    document.querySelector("main").prepend(box);
  }
  if (!token) {
    if (document.querySelector('meta[name="course-locked"]')) {
      problem("This page is not live: open the address that `cargo run -p book` printed, with the key in it.");
    }
    for (const picture of all(".picture img")) picture.addEventListener("click", () => enlarge(picture));
    for (const empty of all("#progress, #notebook")) empty.remove();
    window.addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
    return;
  }

  // ---- The server
  async function send(what, body, method = "POST") {
    if (!token) return null;
    try {
      const headers = { "content-type": "application/json", "x-course-token": token };
      const answer = await fetch(`/api/${what}`, { method, headers, body: body && JSON.stringify(body) });
      const text = await answer.text();
      const value = text ? JSON.parse(text) : {};
      problem(answer.ok ? null : value.problem || `The course's server refused: ${answer.status}`);
      return answer.ok ? value : null;
    } catch {
      problem("The course's server does not answer. Start it again with: cargo run -p book");
      return null;
    }
  }

  const words = {
    passed: "passed", not_started: "not started", waiting: "waits for an earlier exercise", panicked: "panicked",
    hung: "did not end", crashed: "crashed", returned_error: "returned an error", missing_error: "accepts bad input",
    wrong_shape: "wrong shape", wrong_dtype: "wrong dtype", not_finite: "not finite", mistake: "a known mistake",
    close: "numerically close", wrong: "wrong", broken: "the check is broken", ungraded: "could not be graded",
    understood: "right; errors for bad input missing", begun: "begun",
  };
  const kind = (verdict) => (verdict === "passed" || verdict === "understood" ? "passed" : !verdict || verdict === "not_started" ? "open" : "failed");

  // ---- Exercises
  for (const card of all(".exercise")) {
    const { exercise, lesson } = card.dataset;
    const tools = make("div", { className: "tools" });
    const grade = make("button", { type: "button", textContent: "Grade now" });
    grade.addEventListener("click", () => send("grade", { lesson }));
    const open = make("button", { type: "button", textContent: "Open in the editor" });
    open.addEventListener("click", () => send("open", { exercise }));
    const diff = make("button", { type: "button", className: "diff", textContent: "Compare with the solution", hidden: true });
    diff.addEventListener("click", async () => {
      const answer = await send("diff", { exercise });
      if (!answer) return;
      card.querySelector(".solution")?.remove();
      const box = make("div", { className: "solution" });
      if (answer.same) box.append(make("p", { textContent: "Your code is the solution's, but for comments." }));
      for (const pair of answer.pairs) {
        const body = make("tbody");
        for (const [yours, reference, same] of pair.rows) {
          body.append(make("tr", { className: same ? "" : "differs" },
            make("td", {}, make("code", { textContent: yours ?? "" })),
            make("td", {}, make("code", { textContent: reference ?? "" }))));
        }
        const head = make("tr", {}, make("th", { textContent: "yours", scope: "col" }),
          make("th", { textContent: "solution", scope: "col" }));
        const table = make("table", {}, make("caption", { textContent: pair.name }), make("thead", {}, head), body);
        box.append(make("div", { className: "numbers diff-table", tabIndex: 0 }, table));
      }
      card.append(box);
    });
    tools.append(grade, open, diff);
    card.querySelector(".task").after(tools);
    for (const hint of all(".hint", card)) {
      hint.addEventListener("toggle", (event) => {
        if (event.target === hint && hint.open) send("hint", { exercise, shown: Number(hint.dataset.hint) + 1 });
      });
    }
  }
  // magma in five steps between which colours are mixed; a map centred on white for what has a sign
  const MAGMA = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
  const SIGNED = [[33, 102, 172], [247, 247, 247], [178, 24, 43]];
  function heat(values, [height, width], low, high, stops) {
    const canvas = make("canvas", { width, height });
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    values.forEach((value, at) => {
      const t = high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0.5;
      const place = t * (stops.length - 1), left = Math.min(stops.length - 2, Math.floor(place)), part = place - left;
      const finite = Number.isFinite(value);
      for (let c = 0; c < 3; c++) {
        pixels.data[4 * at + c] = finite ? stops[left][c] * (1 - part) + stops[left + 1][c] * part : [0, 160, 160][c];
      }
      pixels.data[4 * at + 3] = 255;
    });
    context.putImageData(pixels, 0, 0);
    return canvas;
  }
  const short = (value) => (value === null ? "not finite" : Number.isFinite(value) ? Number(value.toPrecision(5)).toString() : String(value));
  function table(title, tensor, worst) {
    const { rows, columns } = tensor;
    const body = make("tbody");
    for (let y = 0; y < Math.min(rows, 8); y++) {
      const row = make("tr");
      for (let x = 0; x < Math.min(columns, 8); x++) {
        const at = y * columns + x;
        row.append(make("td", { textContent: short(tensor.values[at]), className: at === worst ? "worst" : "" }));
      }
      body.append(row);
    }
    return make("table", {}, make("caption", { textContent: `${title} [${tensor.shape.join(", ")}]${rows > 8 || columns > 8 ? ", a corner" : ""}` }), body);
  }
  const gap = (yours, expected) => (yours === null || expected === null ? null : yours - expected);
  function difference(shown) {
    const { yours, expected } = shown;
    const { rows, columns } = expected;
    const same = yours.shape.join() === expected.shape.join();
    const numbers = same ? expected.values.map((value, at) => gap(yours.values[at], value)) : [];
    const box = make("div");
    const input = [shown.input && `Input: ${shown.input}`, shown.part && `part: ${shown.part}`].filter(Boolean).join("; ");
    if (input) box.append(make("p", { textContent: input }));
    if (same && rows >= 6 && columns >= 6) {
      const finite = [...yours.values, ...expected.values].filter(Number.isFinite);
      const low = Math.min(...finite), high = Math.max(...finite);
      const widest = Math.max(...numbers.filter(Number.isFinite).map(Math.abs), 1e-30);
      const maps = make("div", { className: "maps" });
      const one = (title, values, from, to, stops) => {
        const canvas = heat(values, [rows, columns], from, to, stops);
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `${title}, ${rows} by ${columns}, from ${short(from)} to ${short(to)}`);
        maps.append(make("figure", {}, canvas, make("figcaption", { textContent: `${title}: ${short(from)} to ${short(to)}` })));
      };
      one("yours", yours.values, low, high, MAGMA);
      one("expected", expected.values, low, high, MAGMA);
      one("difference", numbers, -widest, widest, SIGNED);
      box.append(maps);
    } else {
      const tables = make("div", { className: "numbers", tabIndex: 0 });
      tables.append(table("yours", yours, shown.worst), table("expected", expected, shown.worst));
      if (same) tables.append(table("difference", { ...expected, values: numbers }, shown.worst));
      box.append(tables);
    }
    return box;
  }
  function showExercises(state) {
    for (const card of all(".exercise")) {
      const one = state.exercises[card.dataset.exercise] || {};
      const busy = state.grading.includes(card.dataset.lesson);
      card.dataset.state = kind(one.verdict);
      const line = card.querySelector(".state");
      line.className = `state ${busy ? "busy" : card.dataset.state}`;
      line.textContent = busy ? "being graded …" : one.verdict ? (words[one.verdict] || one.verdict) + (one.changed ? ", changed since" : "")
        : "not graded yet";
      card.querySelector(".diff").hidden = !one.understood;
      const verdict = card.querySelector(".verdict");
      if (verdict.dataset.of !== JSON.stringify(one)) {
        verdict.dataset.of = JSON.stringify(one);
        verdict.replaceChildren();
        if (one.message && one.verdict !== "not_started") {
          verdict.append(make("pre", { textContent: one.message, tabIndex: 0 }));
          if (one.difference) verdict.append(difference(one.difference));
        }
      }
      all(".hint", card).forEach((hint) => { if (Number(hint.dataset.hint) < (one.hints || 0)) hint.open = true; });
    }
  }

  // ---- Questions that were answered before
  function showQuiz(state) {
    for (const quiz of all(".quiz")) {
      const known = state.quiz[quiz.dataset.question];
      for (const result of all(".result", quiz)) {
        if (known && !result.textContent) {
          result.textContent = result.closest("fieldset").lang === "es" ? "Ya contestada bien." : "Answered rightly before.";
          result.className = "result right";
        }
      }
    }
  }

  // ---- Pictures: the reference, one's own, and a slider between them
  const drawn = new Map();
  for (const figure of all(".picture")) {
    const { lesson, picture } = figure.dataset;
    const reference = figure.querySelector("img");
    const pair = make("div", { className: "pair" });
    reference.replaceWith(pair);
    pair.append(reference);
    reference.addEventListener("click", () => enlarge(reference));
    const caption = make("figcaption");
    caption.setAttribute("role", "status");
    const draw = make("button", { type: "button", textContent: "Draw with my code" });
    const cancel = make("button", { type: "button", textContent: "Cancel", hidden: true });
    draw.addEventListener("click", () => send("draw", { lesson, picture }));
    cancel.addEventListener("click", () => send("cancel", {}));
    const show = make("button", { type: "button", textContent: "Full size" });
    show.addEventListener("click", () => enlarge(pair.querySelector(".own") || reference));
    figure.append(make("div", { className: "tools" }, draw, cancel, show), caption);
    drawn.set(`${lesson}/${picture}`, { figure, pair, caption, draw, cancel, reference, stamp: null });
  }
  function showOwn(one, state) {
    if (!state || one.stamp === state.stamp) return;
    one.stamp = state.stamp;
    one.pair.querySelector(".own")?.remove();
    one.figure.querySelector("input")?.remove();
    const { lesson, picture } = one.figure.dataset;
    const own = make("img", { className: "own", src: `/api/picture/${lesson}/${picture}?${state.stamp}` });
    own.alt = `Drawn by your code: ${one.reference.alt}`;
    own.addEventListener("click", () => enlarge(own));
    const slider = make("input", { type: "range", min: 0, max: 100, value: 50 });
    slider.setAttribute("aria-label", "Reference on the left, your own picture on the right");
    slider.addEventListener("input", () => own.style.setProperty("--cut", `${slider.value}%`));
    one.pair.append(own);
    one.pair.after(slider);
  }
  function showPictures(state) {
    for (const [name, one] of drawn) {
      const own = state.pictures[name];
      const running = state.drawing?.name === name;
      one.draw.disabled = Boolean(state.drawing);
      one.cancel.hidden = !running;
      showOwn(one, own);
      if (running) one.caption.textContent = state.drawing.line || "drawing …";
      else if (state.drawn?.name === name && state.drawn.problem) one.caption.textContent = state.drawn.problem;
      else if (own) one.caption.textContent = own.comparison;
      else one.caption.textContent = "";
    }
  }

  // ---- Progress, on the first page
  function showProgress(state) {
    const section = document.querySelector("#progress");
    if (!section) return;
    const body = make("tbody");
    for (const lesson of state.lessons) {
      const squares = make("div", { className: "squares" });
      for (const exercise of lesson.exercises) {
        const verdict = state.exercises[exercise.id]?.verdict;
        const link = make("a", {
          textContent: exercise.id, className: exercise.core ? "core" : "further",
          href: exercise.href,
          title: `${exercise.title}: ${verdict ? words[verdict] || verdict : "not graded yet"}`,
        });
        link.dataset.state = kind(verdict);
        squares.append(link);
      }
      body.append(make("tr", {}, make("td", { textContent: lesson.title }), make("td", {}, squares),
        make("td", { textContent: lesson.passed }), make("td", { textContent: lesson.minutes_left })));
    }
    const head = make("tr");
    for (const title of ["lesson", "exercises (solid: core)", "passed", "core minutes left"]) {
      head.append(make("th", { textContent: title, scope: "col" }));
    }
    const next = state.next
      ? make("p", {}, "Next: ", make("a", { href: state.next.href, textContent: `${state.next.id} ${state.next.title}` }))
      : make("p", { textContent: "The core is done." });
    const grade = make("button", { type: "button", textContent: "Grade all lessons", disabled: state.grading.length > 0 });
    grade.addEventListener("click", () => send("grade", {}));
    section.replaceChildren(
      make("h2", { textContent: "Where you stand" }), next,
      make("div", { className: "table-wrapper" }, make("table", {}, make("thead", {}, head), body)),
      make("div", { className: "tools" }, grade),
    );
  }

  // ---- The notebook
  const notebook = document.querySelector("#notebook");
  async function openNotebook() {
    const text = make("textarea", { spellcheck: true, id: "notebook-text" });
    const label = make("label", { htmlFor: "notebook-text", textContent: "lessons/LEARNINGS.md" });
    const save = make("button", { type: "button", textContent: "Save" });
    const said = make("span");
    said.setAttribute("role", "status");
    let version = null;
    const read = await send("learnings", undefined, "GET");
    if (!read) return;
    text.value = read.text;
    version = read.version;
    save.addEventListener("click", async () => {
      const answer = await send("learnings", { text: text.value, version }, "PUT");
      if (!answer) return;
      version = answer.version;
      said.textContent = ` Saved at ${new Date().toLocaleTimeString()}.`;
    });
    text.addEventListener("input", () => { said.textContent = " Not saved yet."; });
    window.addEventListener("beforeunload", (event) => { if (said.textContent.includes("Not saved")) event.preventDefault(); });
    notebook.className = "notebook";
    notebook.append(make("h2", { textContent: "Write into it" }), label, text, save, said);
  }
  if (notebook) openNotebook();

  // ---- Links to files open the editor
  for (const link of all("a.source, a.folder")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      send("open", { file: link.dataset.file });
    });
    link.title = "Open in the editor";
  }

  // ---- What the server says, as it happens; the browser connects again by itself
  function show(state) {
    problem(state.problem, "server");
    showExercises(state);
    showQuiz(state);
    showPictures(state);
    showProgress(state);
  }
  const events = new EventSource("/api/events");
  events.onmessage = (event) => show(JSON.parse(event.data));
  events.onerror = () => problem("The course's server does not answer. Start it again with: cargo run -p book", "server");
})();
