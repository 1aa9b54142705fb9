// Draws each <canvas data-chart="id"> from the JSON in the element with that id. Every number and text in it was
// computed and formatted on the server; nothing is calculated here.
window.addEventListener("load", () => {
  const charts = [];
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const draw = (canvas) => {
    const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    const text = color("--af-quiet"), line = color("--af-line");
    const colors = { revenue: color("--color-primary-500"), cost: color("--color-base-400"), margin: color("--af-good") };
    const datasets = data.series.map((series) => ({
      label: series.label,
      data: series.values,
      type: series.line ? "line" : "bar",
      order: series.line ? 0 : 1,
      backgroundColor: colors[series.color],
      borderColor: colors[series.color],
      borderWidth: series.line ? 2 : 0,
      borderRadius: 3,
      maxBarThickness: 28,
      pointRadius: 3,
      tension: 0.25,
    }));
    return new Chart(canvas, {
      data: { labels: data.labels, datasets },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { grid: { display: false }, border: { color: line }, ticks: { color: text } },
          y: {
            title: { display: true, text: data.unit, color: text },
            grid: { color: line }, border: { display: false }, ticks: { color: text, maxTicksLimit: 6 },
          },
        },
        plugins: {
          legend: { position: "top", align: "end", labels: { color: text, boxWidth: 12, boxHeight: 12 } },
          tooltip: {
            callbacks: {
              label: (item) => `${item.dataset.label}: ${data.series[item.datasetIndex].texts[item.dataIndex]}`,
            },
          },
        },
      },
    });
  };

  const drawAll = () => {
    charts.splice(0).forEach((chart) => chart.destroy());
    document.querySelectorAll("canvas[data-chart]").forEach((canvas) => charts.push(draw(canvas)));
  };
  drawAll();
  new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
});
