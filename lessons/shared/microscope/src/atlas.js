const body = document.querySelector("#units tbody");
const rows = [...body.rows];
const site = document.querySelector("#site"), words = document.querySelector("#words"), count = document.querySelector("#count");
function filter() {
  const wanted = words.value.trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const fits = (!site.value || row.dataset.site === site.value) && row.textContent.toLowerCase().includes(wanted);
    row.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${rows.length} units`;
}
site.addEventListener("change", filter);
words.addEventListener("input", filter);
for (const button of document.querySelectorAll("#units thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), column = Number(button.dataset.column);
    const falls = head.getAttribute("aria-sort") === "ascending" ? -1 : head.getAttribute("aria-sort") === "descending" ? 1 : isNumber(column) ? -1 : 1;
    for (const other of document.querySelectorAll("#units thead th")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", falls === 1 ? "ascending" : "descending");
    const key = row => row.cells[column].dataset.value;
    rows.sort((a, b) => falls * (isNumber(column) ? key(a) - key(b) : key(a).localeCompare(key(b))));
    body.append(...rows);
  });
}
function isNumber(column) {
  return rows.length > 0 && !Number.isNaN(Number(rows[0].cells[column].dataset.value));
}
filter();
