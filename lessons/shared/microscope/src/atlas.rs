//! All units of the stages of a network, with an index that sorts and filters.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use rayon::prelude::*;

use crate::card::{UnitCard, file_name};
use crate::html;
use crate::picture::Picture;
use crate::scope::{Microscope, write_bytes};
use crate::subject::Site;
use crate::weights;

/// The side of the pictures of the index.
const THUMBNAIL: u32 = 48;

/// What was written.
pub struct Atlas {
    /// The page to open.
    pub index: PathBuf,
    /// How many units.
    pub units: usize,
    /// How long each step took.
    pub times: Vec<(String, Duration)>,
}

/// Writes a page for each unit of each site, and the index. What is measured already is not measured again, so that an
/// interrupted run goes on where it was.
///
/// **Errors** if something cannot be measured or written.
pub fn write(scope: &Microscope, sites: &[Site], folder: &Path) -> Result<Atlas> {
    let mut times = vec![];
    let mut timed = |what: String, begin: Instant| times.push((what, begin.elapsed()));
    let units: Vec<(&Site, usize)> = sites
        .iter()
        .flat_map(|site| (0..site.units).map(move |unit| (site, unit)))
        .collect();
    let begin = Instant::now();
    scope.measure_surveys(sites)?;
    timed("statistics and concepts".into(), begin);
    let begin = Instant::now();
    if scope.images.have_truth() {
        scope.measure_curves(sites)?;
    }
    for site in sites.iter().filter(|site| weights::previous(&site.name).is_some()) {
        let _ = scope.weights(&site.name); // each card says it if they cannot be had
    }
    timed("tuning curves and weights".into(), begin);
    let begin = Instant::now();
    let bar = studio::progress(units.len() as u64, "optima");
    units.par_iter().try_for_each(|(site, unit)| {
        scope.optima(site, *unit)?;
        bar.inc(1);
        anyhow::Ok(())
    })?;
    bar.finish_and_clear();
    timed("optima".into(), begin);
    let begin = Instant::now();
    let bar = studio::progress(units.len() as u64, "silencing");
    for (site, unit) in &units {
        scope.silence(site, *unit)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    timed("silencing".into(), begin);
    let begin = Instant::now();
    let known: BTreeSet<(&str, usize)> = units.iter().map(|(site, unit)| (site.name.as_str(), *unit)).collect();
    let link = |site: &str, unit: usize| known.contains(&(site, unit)).then(|| file_name(site, unit));
    let bar = studio::progress(units.len() as u64, "pages");
    let rows = units
        .par_iter()
        .map(|(site, unit)| {
            let card = UnitCard::measure(scope, &site.name, *unit)?;
            write_bytes(
                &folder.join(file_name(&site.name, *unit)),
                html::page(&card, &link)?.as_bytes(),
            )?;
            bar.inc(1);
            row(&card)
        })
        .collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    let index = folder.join("index.html");
    write_bytes(&index, page(scope, sites, &rows).as_bytes())?;
    timed("pages".into(), begin);
    Ok(Atlas {
        index,
        units: units.len(),
        times,
    })
}

/// The line of a unit.
fn row(card: &UnitCard) -> Result<String> {
    let picture = match card.thumbnail() {
        Some(picture) => format!(
            "<img src=\"{}\" alt=\"\" width=\"{THUMBNAIL}\" height=\"{THUMBNAIL}\" loading=\"lazy\">",
            Picture::small(&picture.pixels()?, THUMBNAIL)?.address()
        ),
        None => String::new(),
    };
    let (concept, iou) = card.concept().unwrap_or(("none above the null", 0.0));
    let best = card.tuning.iter().flatten().filter(|curve| curve.is_tuned());
    let best = best.max_by(|a, b| a.index.total_cmp(&b.index));
    let tuned = best.map_or("none above the null".to_string(), |curve| {
        format!("{} {}", curve.factor.name(), curve.preferred())
    });
    let index = best.map_or(0.0, |curve| curve.index);
    let s = &card.statistics;
    let zeros = s.zeros.map_or(f64::NAN, |zeros| zeros.share);
    let state = match (s.zeros.is_some_and(|zeros| zeros.is_dead), s.is_rectified) {
        (true, _) => "dead",
        (_, true) => "alive",
        (_, false) => "no ReLU",
    };
    let numbers = [
        (iou, format!("{iou:.3}")),
        (index, format!("{index:.2}")),
        (zeros, format!("{zeros:.2}")),
        (card.silence.flipped, format!("{:.1} %", 100.0 * card.silence.flipped)),
    ];
    let cell = |(value, text): &(f64, String)| format!("<td data-value=\"{value}\">{text}</td>");
    Ok(format!(
        "<tr data-site=\"{site}\"><th scope=\"row\" data-value=\"{order}\"><a href=\"{file}\">{picture} {site} {unit}</a></th>\
         <td data-value=\"{concept}\">{concept}</td>{}<td data-value=\"{tuned}\">{tuned}</td>{}{}<td data-value=\"{state}\">{state}</td>{}\
         </tr>\n",
        cell(&numbers[0]),
        cell(&numbers[1]),
        cell(&numbers[2]),
        cell(&numbers[3]),
        site = html::escape(&card.site),
        order = format_args!("{}-{:05}", html::escape(&card.site), card.unit),
        unit = card.unit,
        file = file_name(&card.site, card.unit),
        concept = html::escape(concept),
        tuned = html::escape(&tuned),
    ))
}

/// The index: a table whose heads sort and whose fields filter.
fn page(scope: &Microscope, sites: &[Site], rows: &[String]) -> String {
    let heads = [
        "unit",
        "concept",
        "IoU",
        "tuned to",
        "share",
        "zeros",
        "state",
        "changed answers",
    ];
    let head = |(at, head): (usize, &&str)| {
        format!(
            "<th scope=\"col\" aria-sort=\"none\"><button type=\"button\" data-column=\"{at}\">{head}</button></th>"
        )
    };
    let heads: String = heads.iter().enumerate().map(head).collect();
    let options: String = sites
        .iter()
        .map(|site| format!("<option>{}</option>", site.name))
        .collect();
    let body = format!(
        "<h1>All units of {}</h1>\n<p>{} units, on {}. Concept: the best one of 29 by IoU, if the masks of other scenes give less. \
         Tuned to: of the factors whose share is above its null the one with the largest, and the value with the largest \
         mean. Share: of what the factor changes within base scenes, what does not depend on the base scene. Zeros: share of places that are exactly zero. Changed answers: share of images whose predicted class is another one \
         without the unit. Checkpoint {}.</p>\n<div class=\"filters\"><label>Site <select id=\"site\"><option \
         value=\"\">all</option>{options}</select></label><label>Contains <input id=\"words\" type=\"search\"></label><span \
         id=\"count\" role=\"status\"></span></div>\n<div class=\"wide\"><table id=\"units\"><thead><tr>{heads}</tr></thead>\
         <tbody>\n{}</tbody></table></div>\n<script>{SCRIPT}</script>",
        html::escape(&scope.subject.name),
        rows.len(),
        html::escape(&scope.images.words()),
        &scope.subject.hash[..12],
        rows.concat(),
    );
    html::document(&format!("All units of {}", scope.subject.name), &body)
}

const SCRIPT: &str = include_str!("atlas.js");
