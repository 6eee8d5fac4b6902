//! 5.7 on scenes with two figures, one of them asked for.

use anyhow::Result;
use draw::{Chart, Figure, Series, Table};
use studio::statistics::Estimate;
use studio::{Material, Parts};

use super::methods::{SITES, for_networks};
use super::scores::{SCENES, Scored, scored};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("maps are scored against masks")?;
    let mut parts = Parts::default();
    let heads = [
        "network",
        "map",
        "points inside, %",
        "by class",
        "energy inside, %",
        "empty maps",
    ];
    let (mut panels, mut rows, mut of_networks) = (vec![], vec![], vec![]);
    for_networks(material, |name, network| {
        let (all, classes) = scored(network, &mut parts)?;
        panels.extend([
            chart(&format!("{name}: points inside"), &all, Scored::pointing),
            chart(&format!("{name}: energy inside"), &all, Scored::energy),
        ]);
        for one in &all {
            let percent = |estimate: Estimate| {
                let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(|share| 100.0 * share);
                format!("{value:.1} ({low:.1} to {high:.1})")
            };
            let cells = [
                name.to_string(),
                one.name(),
                percent(one.pointing()),
                format!("{:.1}", 100.0 * one.pointing_by_class(&classes)),
                percent(one.energy()),
                one.empty.to_string(),
            ];
            material.remark(cells.join("  "));
            rows.push(cells);
        }
        if let Some(one) = all.first() {
            material.remark(format!("area of the figure {:.1} %", 100.0 * one.area()));
        }
        of_networks.push((name, all));
        Ok(())
    })?;
    compared(material, &of_networks);
    let table = rows.into_iter().fold(Table::new(heads), |table, row| table.row(row));
    let figure = Figure::new("Which layer finds the figure that was asked for?").columns(2);
    Ok(figure.panels(panels).next_row().panel(table).width(1250).caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”: {SCENES} scenes with two figures on 224×224, one of them asked for. Grad-CAM (your \
         channel_weights and weighted_map, 5.2 and 5.3), Grad-CAM++ (5.5) and saliency (5.6), enlarged by your upsample (5.4), \
         scored by your localization (5.7); intervals of 95 % between scenes. By class: the mean over the ten classes asked for. \
         Empty maps have nothing above 0 and count as misses. Edges know nothing of the network. {}",
        parts.told(material),
    )))
}

fn chart(title: &str, all: &[Scored], of: fn(&Scored) -> Estimate) -> Chart {
    let mut chart = Chart::over(SITES).title(title).y_label("share").y_range(0.0..=1.0);
    for method in ["Grad-CAM", "Grad-CAM++"] {
        let found: Vec<Estimate> = all.iter().filter(|one| one.method == method).map(of).collect();
        if !found.is_empty() {
            let line = Series::over_index(method, found.iter().map(|one| one.value)).markers();
            chart = chart.series(line.intervals(found.iter().map(Estimate::ends)));
        }
    }
    // Of the pixels: the same beside every layer.
    for one in all.iter().filter(|one| one.site.is_none()) {
        chart = chart.series(Series::over_index(one.method, SITES.map(|_| of(one).value)).dashed());
    }
    chart.level("area of the figure: chance", all.first().map_or(0.0, Scored::area))
}

/// Differences scene by scene, in the terminal.
fn compared(material: &Material, of_networks: &[(&str, Vec<Scored>)]) {
    let find = |all: &'_ [Scored], name: &str| all.iter().position(|one| one.name() == name);
    let said = |estimate: Estimate| {
        let [value, low, high] = [estimate.value, estimate.low, estimate.high].map(|share| 100.0 * share);
        format!("{value:+.1} ({low:+.1} to {high:+.1})")
    };
    for (name, all) in of_networks {
        for (a, b) in [
            ("Grad-CAM, layer4", "Grad-CAM, layer3"),
            ("Grad-CAM, layer4", "Grad-CAM++, layer4"),
            ("edges", "saliency"),
        ] {
            if let (Some(a), Some(b)) = (find(all, a), find(all, b)) {
                let (a, b) = (&all[a], &all[b]);
                let (points, energy) = (said(a.more_hits(b)), said(a.more_energy(b)));
                material.remark(format!(
                    "{name}: {} less {}: points {points}, energy {energy}",
                    a.name(),
                    b.name()
                ));
            }
        }
    }
    if let [(_, ordinary), (_, robust)] = of_networks {
        for (a, b) in robust.iter().zip(ordinary) {
            let (points, energy) = (said(a.more_hits(b)), said(a.more_energy(b)));
            material.remark(format!(
                "robust less ordinary: {}: points {points}, energy {energy}",
                a.name()
            ));
        }
    }
}
