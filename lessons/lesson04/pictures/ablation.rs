//! 4.9: units and directions taken away, and a unit that can be read and is not used.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, Series};
use lesson04::{Standardizer, without_units};
use resnet::ResNet;
use scenes::Colour;
use studio::statistics::Estimate;
use studio::{Batch, Material};

use super::images::{SITES, gather, select};
use super::probes::{TEST_SHARE, accuracy, bars, properties, share_of_commonest};
use super::removal::{
    Answered, null_space, pattern, perpendicular, random_directions, random_spaces, read_again, read_along,
};

/// Scenes on which something is taken out.
const REMOVED_ON: u64 = 100;
/// Scenes whose features the directions are found on, and probed again.
const FOUND_ON: u64 = 1000;
/// Random directions and random spaces at each site: one alone may be an odd one.
const RANDOM: u64 = 20;
const RANDOM_SPACES: u64 = 10;
/// Rounds of null-space projection.
const ROUNDS: usize = 2;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it knows what was drawn")?;
    let (unit, class) = strongest_unit(material)?;
    let [read, used] = read_and_used(material, unit, class)?;
    let [directions, again, spaces] = removed(material, class)?;
    let caption = format!(
        "{}. Upper row, layer4: unit {unit} answers most to the class {name}. Its outgoing weights in fc were set to 0 in a copy \
         of the network: a probe (4.4) on this one unit tells {name} from the others equally well, but taking the unit out \
         (4.9) no longer changes a logit. Lower row: directions taken out at each site, {REMOVED_ON} scenes. Left: that of your \
         probe for {name}, that of your probe for red, the mean difference between red scenes and others, and {RANDOM} random \
         ones: their mean, and from the least to the most effective. Middle: what a new probe still reads of colour, trained on \
         {} and asked about {} scenes, 95 % intervals. Right: the space of {ROUNDS} rounds of null-space projection, and \
         {RANDOM_SPACES} random spaces of as many directions.",
        material.network_name(),
        FOUND_ON - (TEST_SHARE * FOUND_ON as f64) as u64,
        (TEST_SHARE * FOUND_ON as f64) as u64,
        name = material.class_name(class),
    );
    Ok(Figure::new("Decodable is not used")
        .caption(caption)
        .panel(read)
        .panel(used)
        .next_row()
        .panel(directions)
        .panel(again)
        .panel(spaces)
        .columns(3)
        .width(1400))
}

/// The unit of layer4 whose mean activation differs most, in its own deviations, between one class and all others.
fn strongest_unit(material: &Material) -> Result<(usize, usize)> {
    let of = |batch: &Batch| batch.labels.clone();
    let (rows, labels) = gather(material, material.network(), 500, &["layer4"], 1, of)?;
    let rows = Standardizer::fit(&rows[0])?.apply(&rows[0])?;
    let mut strongest = (0, 0, 0.0);
    for class in 0..material.network().config().classes {
        let of_class: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        if of_class.is_empty() {
            continue;
        }
        for (unit, &mean) in select(&rows, &of_class)?.mean(0)?.to_vec1::<f32>()?.iter().enumerate() {
            if mean > strongest.2 {
                strongest = (unit, class, mean);
            }
        }
    }
    Ok((strongest.0, strongest.1))
}

/// How well one unit of layer4 tells a class, and what taking it out does: in the network, and in a copy where the unit's
/// outgoing weights are 0.
fn read_and_used(material: &Material, unit: usize, class: usize) -> Result<[Chart; 2]> {
    let network = material.network();
    let mut weights = network.parameters().clone();
    let mut fc = weights["fc.weight"].to_vec2::<f32>()?;
    fc.iter_mut().for_each(|row| row[unit] = 0.0);
    let shape = weights["fc.weight"].shape().clone();
    weights.insert("fc.weight".into(), Tensor::from_vec(fc.concat(), shape, &Device::Cpu)?);
    let planted = ResNet::new(network.config(), &weights)?;

    let (mut read, mut used, mut share) = (vec![], vec![], 0.0);
    for network in [network, &planted] {
        let of = |batch: &Batch| batch.labels.clone();
        let (rows, labels) = gather(material, network, 600, &["layer4"], 1, of)?;
        let yes: Vec<usize> = labels.iter().map(|&label| usize::from(label == class)).collect();
        read.push(accuracy(&rows[0].narrow(1, unit, 1)?, &yes, 2)?);
        let trained = yes.len() - (TEST_SHARE * yes.len() as f64) as usize;
        share = share_of_commonest(&yes[..trained], &yes[trained..]);
        let answered = Answered::new(material, network, REMOVED_ON)?;
        let changes = answered.effect(|images| without_units(network, images, "layer4", &[unit]))?;
        used.push(changes.logit_change);
    }
    let names = ["the network", "outgoing weights 0"];
    Ok([
        Chart::over(names)
            .title(format!("can be read from unit {unit}"))
            .series(bars("accuracy", &read))
            .level("majority", share)
            .y_label("accuracy of a probe")
            .with_numbers(),
        Chart::over(names)
            .title("changes when it is taken out")
            .bars("change", used)
            .y_label("mean |change| of a logit")
            .with_numbers(),
    ])
}

/// One number for each site, and the spread of several.
struct Spread {
    means: Vec<f64>,
    ends: Vec<(f64, f64)>,
}

impl Spread {
    fn new() -> Self {
        let (means, ends) = (vec![], vec![]);
        Self { means, ends }
    }

    fn add(&mut self, values: &[f64]) {
        self.means.push(values.iter().sum::<f64>() / values.len() as f64);
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        self.ends
            .push((low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
    }

    fn bars(self, name: &str) -> Series {
        Series::bars(name, self.means).intervals(self.ends)
    }
}

/// What taking directions out changes; whether it took out what it was meant to; and what a whole space changes.
fn removed(material: &Material, class: usize) -> Result<[Chart; 3]> {
    let network = material.network();
    let scene = |batch: &Batch| batch.rendered.iter().map(|one| one.scene.clone()).collect();
    let (rows, scenes) = gather(material, network, FOUND_ON, &SITES, 1, scene)?;
    let tasks = properties(&scenes);
    let (shape, colour) = (&tasks[0], &tasks[1]);
    let red = Colour::Red.index();
    let trained = scenes.len() - (TEST_SHARE * scenes.len() as f64) as usize;
    let answered = Answered::new(material, network, REMOVED_ON)?;
    let bar = studio::progress(SITES.len() as u64, "directions taken out");
    let (mut by_class, mut by_red, mut by_pattern, mut by_space) = (vec![], vec![], vec![], vec![]);
    let (mut random, mut random_space) = (Spread::new(), Spread::new());
    let mut again: [Vec<Estimate>; 4] = Default::default();
    for (site, rows) in SITES.iter().zip(&rows) {
        let seen = rows.narrow(0, 0, trained)?;
        let (shapes, colours) = (&shape.labels[..trained], &colour.labels[..trained]);
        by_class.push(answered.without_direction(site, &read_along(&seen, shapes, shape.classes)?.get(class)?)?);
        let along = read_along(&seen, colours, colour.classes)?.get(red)?;
        by_red.push(answered.without_direction(site, &along)?);
        let differs = pattern(&seen, colours, red)?;
        by_pattern.push(answered.without_direction(site, &differs)?);
        let channels = rows.dim(1)?;
        let each = random_directions(channels, RANDOM)?;
        let each = each.iter().map(|direction| answered.without_direction(site, direction));
        random.add(&each.collect::<Result<Vec<_>>>()?);

        let space = null_space(&seen, colours, colour.classes, ROUNDS)?;
        let nothing = Tensor::zeros((1, channels), candle_core::DType::F32, &Device::Cpu)?;
        let spaces = [
            nothing,
            perpendicular(&[along.to_vec1()?])?,
            perpendicular(&[differs.to_vec1()?])?,
            space.clone(),
        ];
        for (found, space) in again.iter_mut().zip(&spaces) {
            found.push(read_again(rows, space, &colour.labels, colour.classes)?);
        }
        by_space.push(answered.without_space(site, &space)?);
        let each = random_spaces(channels, space.dim(0)?, RANDOM_SPACES)?;
        let each = each.iter().map(|space| answered.without_space(site, space));
        random_space.add(&each.collect::<Result<Vec<_>>>()?);
        let (last, spread) = (random.means.len() - 1, |spread: &Spread, last: usize| {
            format!(
                "{:.2} ({:.2} to {:.2})",
                spread.means[last], spread.ends[last].0, spread.ends[last].1
            )
        });
        material.remark(format!(
            "{site}: a logit moves by: class {:.2}, red {:.2}, red's pattern {:.2}, random {}; colour space of {} of {channels} \
             directions {:.2}, random ones {}; colour is read at {:.2}, without red {:.2}, without its pattern {:.2}, without the \
             space {}",
            by_class[last],
            by_red[last],
            by_pattern[last],
            spread(&random, last),
            space.dim(0)?,
            by_space[last],
            spread(&random_space, last),
            again[0][last].value,
            again[1][last].value,
            again[2][last].value,
            again[3][last],
        ));
        bar.inc(1);
    }
    let majority = share_of_commonest(&colour.labels[..trained], &colour.labels[trained..]);
    let names = [
        "before",
        "without red's direction",
        "without red's pattern",
        "without the colour space",
    ];
    let read = names
        .iter()
        .zip(&again)
        .fold(Chart::over(SITES), |chart, (name, found)| {
            let line = Series::over_index(*name, found.iter().map(|one| one.value));
            chart.series(line.intervals(found.iter().map(Estimate::ends)).markers())
        });
    let label = "mean |change| of a logit";
    Ok([
        Chart::over(SITES)
            .title("one direction taken out")
            .bars(material.class_name(class), by_class)
            .bars("red", by_red)
            .bars("red, pattern", by_pattern)
            .series(random.bars("random"))
            .y_label(label),
        read.title("colour, read again")
            .y_label("accuracy of a new probe")
            .y_range(0.0..=1.02)
            .level("majority", majority),
        Chart::over(SITES)
            .title("a whole space taken out")
            .bars("colour", by_space)
            .series(random_space.bars("random"))
            .y_label(label),
    ])
}
