//! The figures of a card: as SVG inside of the page, and all of it as one PNG.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, MapGrid, Series, Table};

use crate::card::{OfClass, UnitCard};
use crate::optimum::Made;
use crate::picture::Picture;
use crate::silence::Silence;
use crate::tuning::{Curve, Factor, SHUFFLES};

/// Places at which curves are drawn with a name of their own are short.
fn short(factor: Factor, level: &str) -> String {
    match factor {
        Factor::Place => level.split(' ').map(|word| &word[..1]).collect(),
        Factor::Texture => level.replace("stripes ", "str "),
        _ => level.to_string(),
    }
}

fn curve(curve: &Curve) -> Chart {
    let names = curve.levels.iter().map(|level| short(curve.factor, level));
    let series = Series::over_index(curve.factor.name(), curve.mean.iter().copied());
    Chart::over(names)
        .title(match curve.selectivity {
            Some(of) => format!(
                "{}: index {:.2} (null {:.2}), share {:.2} (null {:.2})",
                curve.factor.name(),
                of.index,
                of.null.1,
                curve.index,
                curve.null.1
            ),
            None => format!(
                "{}: share {:.2} (null {:.2})",
                curve.factor.name(),
                curve.index,
                curve.null.1
            ),
        })
        .y_label("mean activation")
        .series(series.markers().intervals(curve.interval.iter().copied()))
}

/// The tuning curves.
pub fn tuning(card: &UnitCard, curves: &[Curve]) -> Figure {
    Figure::new(format!("{}: tuning", card.name()))
        .columns(2)
        .width(1100)
        .caption(tuning_words(curves))
        .panels(curves.iter().map(curve))
}

/// What the curves were measured on.
pub fn tuning_words(curves: &[Curve]) -> String {
    let bases = curves.first().map_or(0, |curve| curve.bases);
    format!(
        "Mean over the map, over {bases} base scenes of seed {} with one figure and no badge; in each, one factor takes each of \
         its values and nothing else changes. Bars: 95 % intervals over base scenes. Index: that of 4.10, (largest mean − mean \
         of the others) / (their sum). Share: of the changes within base scenes, what does not depend on the base scene. Null: \
         the same with values shuffled within base scenes, the 95th percentile of {SHUFFLES}. Places: top, middle, bottom by left, centre, right, 22 pixels apart.",
        crate::tuning::SEED
    )
}

/// How the unit answers to the images of each class.
pub fn classes(card: &UnitCard, classes: &[OfClass]) -> Figure {
    let quartile = |at: usize| classes.iter().map(move |class| f64::from(class.quartiles[at]));
    let median = Series::over_index("median, quartiles", quartile(2)).markers();
    let chart = Chart::over(classes.iter().map(|class| class.class.clone()))
        .y_label("mean activation")
        .series(median.intervals(quartile(1).zip(quartile(3))))
        .series(Series::over_index("maximum", quartile(4)).dashed())
        .series(Series::over_index("minimum", quartile(0)).dashed());
    Figure::new(format!("{}: by class", card.name()))
        .width(1100)
        .height(380)
        .caption(class_words(card, classes))
        .panel(chart)
}

/// What the distribution was measured on.
pub fn class_words(card: &UnitCard, classes: &[OfClass]) -> String {
    let counts = classes.iter().map(|class| class.images);
    format!(
        "Mean over the map, {}: {} to {} images of each class.",
        card.images,
        counts.clone().min().unwrap_or(0),
        counts.max().unwrap_or(0)
    )
}

/// What happens to each class without the unit; of more than 20 those that were asked for and those that change most.
pub fn silence(card: &UnitCard, silence: &Silence) -> Figure {
    let mut classes = silence.classes.clone();
    if classes.len() > 20 {
        classes.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
        classes.sort_by_key(|class| !card.wanted.contains(&class.class));
        classes.truncate(20);
    }
    let names = || classes.iter().map(|class| class.class.clone());
    let logits = Chart::over(names())
        .title("the class's own logit, afterwards minus before")
        .bars("logit", classes.iter().map(|class| class.logit));
    let mut figure = Figure::new(format!("{}: without it", card.name()))
        .columns(2)
        .width(1100)
        .height(380)
        .caption(silence_words(card))
        .panel(logits);
    let recall: Option<Vec<_>> = classes.iter().map(|class| class.recognised).collect();
    if let Some(recall) = recall {
        let share = |part: usize, all: usize| part as f64 / all.max(1) as f64;
        figure = figure.panel(
            Chart::over(names())
                .title("recall")
                .y_range(0.0..=1.0)
                .bars("whole", recall.iter().map(|&(all, before, _)| share(before, all)))
                .bars("without", recall.iter().map(|&(all, _, after)| share(after, all))),
        );
    }
    figure
}

/// What silencing was measured on.
pub fn silence_words(card: &UnitCard) -> String {
    let silence = &card.silence;
    let counts = silence
        .classes
        .iter()
        .filter_map(|class| class.recognised)
        .map(|(all, ..)| all);
    let by_class = match (counts.clone().min(), counts.max()) {
        (Some(fewest), Some(most)) => format!(", {fewest} to {most} of each class"),
        _ => String::new(),
    };
    format!(
        "The unit set to zero everywhere, on the first {} images of {}{by_class}. The predicted class changes in {:.1} % of \
         them; a logit moves by {:.3} on average over images and classes.",
        silence.images,
        card.images,
        100.0 * silence.flipped,
        silence.logit_change
    )
}

fn stack<'a>(pictures: impl Iterator<Item = &'a Picture>) -> Result<Tensor> {
    let pixels = pictures.map(Picture::pixels).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::stack(&pixels, 0)?)
}

fn made(title: &str, images: &[Made]) -> Result<Option<MapGrid>> {
    if images.is_empty() {
        return Ok(None);
    }
    let grid = MapGrid::images(&stack(images.iter().map(|made| &made.picture))?)?;
    let labels = images.iter().map(|made| format!("{:.2}", made.value));
    Ok(Some(grid.title(title).columns(images.len()).labels(labels)))
}

/// The whole card.
///
/// **Errors** if a picture cannot be read.
pub fn card(card: &UnitCard) -> Result<Figure> {
    let mut figure = Figure::new(format!("{}, {}", card.name(), card.network))
        .width(1400)
        .columns(2)
        .caption(format!(
            "{} Strongest and weakest: largest and smallest mean over the map of {}; dark where the enlarged activation is not \
             above the unit's threshold {:.3}. Below images that were made: the mean over the map before the ReLU.",
            card.optima.as_ref().map_or(String::new(), |optima| format!("Made by {}.", optima.recipe)),
            card.images,
            card.statistics.threshold,
        ));
    if let Some(optima) = &card.optima {
        let rows = [
            ("optima from several starts", &optima.starts),
            ("made to differ", &optima.diverse),
            ("minimum", &optima.minima),
        ];
        for (title, images) in rows {
            if let Some(grid) = made(title, images)? {
                figure = figure.panel(grid);
            }
        }
    }
    for (title, examples) in [("strongest", &card.strongest), ("weakest", &card.weakest)] {
        let grid = MapGrid::images(&stack(examples.iter().map(|example| &example.picture))?)?;
        let labels = examples.iter().map(|example| format!("{:.2}", example.value));
        figure = figure.panel(grid.title(title).columns(4).labels(labels));
    }
    if let Some(standing) = &card.standing {
        let mut table = Table::new(["concept", "IoU"]).title(format!("best concepts; null {:.3}", standing.null));
        for (concept, iou) in &standing.best {
            table = table.row([concept.clone(), format!("{iou:.3}")]);
        }
        figure = figure.panel(table);
    }
    for curves in card.tuning.iter().flatten() {
        figure = figure.panel(curve(curves));
    }
    Ok(figure)
}
