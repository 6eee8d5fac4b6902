//! The bench: a scene or a photo before a network, and what the network answers, as JSON.
//!
//! ```json
//! {"network": "scenes", "site": "layer4", "unit": 66, "class": 4, "image": {"scene": {…}}}
//! {"network": "robust", "site": "layer3", "unit": 1, "class": 0, "image": {"photo": "a JPEG, PNG or WebP file in base64"}}
//! ```
//! The scene is written as [`scenes::Scene`] is. The answer is an [`Answer`].

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use candle_core::{Device, Tensor};
use scenes::{Image, Point, Scene, photo};
use serde::{Deserialize, Serialize};

pub use studio::instruments::MARK;

use crate::subject::{STAGES, Subject};

/// Units on either side of the chosen one whose maps are shown.
const NEIGHBOURS: usize = 3;
/// Largest side of a scene, in pixels.
const LARGEST: usize = 256;
/// Largest photo, in characters of base64.
const LARGEST_PHOTO: usize = 24 << 20;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `scenes`, `robust`, and `case` where it may be shown.
    pub network: String,
    /// A site with maps.
    pub site: String,
    /// A channel of it.
    pub unit: usize,
    /// The class whose maps are wanted.
    pub class: usize,
    /// What is shown to the network.
    pub image: Shown,
}

/// What is shown to the network.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// A scene, drawn by the course's generator. Figures may overlap and reach over the edge.
    Scene(Scene),
    /// A photo, as a file in base64.
    Photo(String),
}

/// A map of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Map {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Row by row from the top left.
    pub values: Vec<f32>,
}

/// A unit's map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfUnit {
    /// The unit.
    pub unit: usize,
    /// Its map.
    pub map: Map,
    /// The map's mean.
    pub mean: f32,
}

/// What the network answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// What it was shown, as a PNG file in base64, behind `data:image/png;base64,`.
    pub picture: String,
    /// The class scores before the softmax, in the order of the classes.
    pub logits: Vec<f32>,
    /// Their softmax.
    pub probabilities: Vec<f32>,
    /// The chosen unit's map, and those of the units beside it.
    pub units: Vec<OfUnit>,
    /// The scene as Rust code; nothing for a photo.
    pub rust: Option<String>,
}

/// A request that was looked through: there are such a network, site, unit and class.
pub struct Prepared {
    /// The network.
    pub subject: Arc<Subject>,
    /// The request.
    pub request: Request,
    /// What the network is shown, before it is normalized.
    pub image: Image,
    /// `[1, 3, height, width]`, normalized.
    pub input: Tensor,
}

/// What a page needs to know of a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct About {
    /// Its name in requests.
    pub network: String,
    /// In words.
    pub name: String,
    /// Its classes.
    pub classes: Vec<String>,
    /// Sites and how many units each has.
    pub sites: Vec<(String, usize)>,
}

/// The networks that have been asked for so far.
#[derive(Default)]
pub struct Bench {
    subjects: Mutex<BTreeMap<String, Arc<Subject>>>,
}

impl Bench {
    /// A network of the course; loaded once.
    ///
    /// **Errors** if there is none of this name. Whether `case` may be shown is for the caller to know.
    pub fn subject(&self, network: &str) -> Result<Arc<Subject>> {
        let mut subjects = self.subjects.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(known) = subjects.get(network) {
            return Ok(Arc::clone(known));
        }
        let subject = Arc::new(match network {
            "case" => Subject::case()?,
            name if checkpoints::NAMES.contains(&name) => Subject::open(Some(Path::new(name)))?,
            other => bail!(
                "there is no network {other:?}; the names are {}",
                checkpoints::NAMES.join(", ")
            ),
        });
        subjects.insert(network.into(), Arc::clone(&subject));
        Ok(subject)
    }

    /// What a page needs to know of a network.
    ///
    /// **Errors** if there is none of this name.
    pub fn about(&self, network: &str) -> Result<About> {
        let subject = self.subject(network)?;
        let sites = subject.stages()?.into_iter().map(|site| (site.name, site.units));
        Ok(About {
            network: network.into(),
            name: subject.name.clone(),
            classes: subject.classes.clone(),
            sites: sites.collect(),
        })
    }

    /// Looks a request through and draws its scene.
    ///
    /// **Errors** say what does not exist or cannot be drawn.
    pub fn prepare(&self, request: Request) -> Result<Prepared> {
        let subject = self.subject(&request.network)?;
        ensure!(
            STAGES.contains(&request.site.as_str()),
            "there is no site {:?}; the sites are {}",
            request.site,
            STAGES.join(", ")
        );
        let classes = subject.network.config().classes;
        ensure!(
            request.class < classes,
            "expected a class below {classes}, got {}",
            request.class
        );
        let image = match &request.image {
            Shown::Scene(scene) => {
                check(scene)?;
                scene.render().image
            }
            Shown::Photo(text) => {
                ensure!(text.len() <= LARGEST_PHOTO, "the photo is too large: 18 MB at most");
                let bytes = STANDARD.decode(text).context("the photo is not in base64")?;
                photo::from_bytes(&bytes, subject.side)?
            }
        };
        let input = resnet::normalize(&image.to_tensor(&Device::Cpu)?.unsqueeze(0)?)?;
        Ok(Prepared {
            subject,
            request,
            image,
            input,
        })
    }
}

impl Prepared {
    /// Logits and maps.
    ///
    /// **Errors** if there is no such unit.
    pub fn answer(&self) -> Result<Answer> {
        let Request { site, unit, image, .. } = &self.request;
        let trace = self.subject.network.capture(&self.input, &[site])?;
        let maps = trace.activation(site)?.squeeze(0)?;
        let units = maps.dim(0)?;
        ensure!(*unit < units, "{site} has units 0 to {}, got {unit}", units - 1);
        let first = unit
            .saturating_sub(NEIGHBOURS)
            .min(units.saturating_sub(2 * NEIGHBOURS + 1));
        let of_unit = |unit: usize| -> Result<OfUnit> {
            let map = Map::new(&maps.get(unit)?)?;
            Ok(OfUnit {
                unit,
                mean: map.values.iter().sum::<f32>() / map.values.len() as f32,
                map,
            })
        };
        let shown = first..(first + 2 * NEIGHBOURS + 1).min(units);
        let logits = trace.logits.squeeze(0)?.to_vec1::<f32>()?;
        Ok(Answer {
            picture: png(&self.image)?,
            probabilities: studio::softmax(&logits),
            logits,
            units: shown.map(of_unit).collect::<Result<_>>()?,
            rust: match image {
                Shown::Scene(scene) => Some(rust(scene)?),
                Shown::Photo(_) => None,
            },
        })
    }

    /// A map for the chosen class by the solution's function: `grad_cam` (5.3) at the chosen site, or `saliency` (5.6) at the
    /// image.
    ///
    /// **Errors** if there is no such instrument.
    pub fn reference(&self, instrument: &str) -> Result<Map> {
        let class = self.request.class as u32;
        let network = &self.subject.network;
        match instrument {
            "grad_cam" => {
                let map = solution05::grad_cam(network, &self.input, &[class], &self.request.site)?;
                Map::new(&map.squeeze(0)?)
            }
            "saliency" => Map::new(&solution05::saliency(network, &self.input, &[class])?.squeeze(0)?),
            other => bail!("there is no instrument {other:?}"),
        }
    }
}

impl Map {
    /// From `[height, width]`.
    ///
    /// **Errors** on another shape.
    pub fn new(map: &Tensor) -> Result<Self> {
        let (height, width) = map.dims2()?;
        Ok(Self {
            height,
            width,
            values: map.flatten_all()?.to_vec1()?,
        })
    }
}

/// Whether a scene can be drawn in reasonable time. Figures may overlap and reach over the edge: it is the learner's bench.
fn check(scene: &Scene) -> Result<()> {
    let sides = [scene.canvas.width, scene.canvas.height];
    ensure!(
        sides.iter().all(|side| (32..=LARGEST).contains(side)),
        "expected a canvas of 32 to {LARGEST} pixels a side, got {}×{}",
        sides[0],
        sides[1]
    );
    ensure!(
        (1..=2).contains(&scene.figures.len()),
        "expected one figure or two, got {}",
        scene.figures.len()
    );
    let is_near = |place: Point| [place.x, place.y].iter().all(|at| at.abs() <= 2.0 * LARGEST as f64);
    for figure in &scene.figures {
        ensure!(
            (1.0..=LARGEST as f64).contains(&figure.radius) && is_near(figure.place) && figure.rotation.abs() <= 100.0,
            "expected a radius of 1 to {LARGEST}, a place near the canvas and a turn of 100 at most, got {figure:?}"
        );
    }
    ensure!(
        (0.0..=255.0).contains(&scene.grain.strength)
            && is_near(scene.badge_place)
            && scene.background.direction.abs() <= 100.0,
        "expected grain from 0 to 255, a badge near the canvas and a direction of 100 at most"
    );
    Ok(())
}

fn png(image: &Image) -> Result<String> {
    let picture = image::RgbImage::from_raw(image.width as u32, image.height as u32, image.pixels.clone());
    let mut bytes = Cursor::new(vec![]);
    picture
        .context("three bytes a pixel")?
        .write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(bytes.into_inner())))
}

/// The scene as an expression; `use scenes::*` brings what it needs.
///
/// **Errors** if it cannot be written.
pub fn rust(scene: &Scene) -> Result<String> {
    let mut code = String::from("Scene {\n");
    writeln!(code, "    canvas: {:?},", scene.canvas)?;
    writeln!(code, "    figures: vec![")?;
    for figure in &scene.figures {
        writeln!(
            code,
            "        Figure {{ shape: Shape::{:?}, colour: Colour::{:?}, texture: Texture::{:?}, radius: {:?}, place: {:?}, rotation: {:?} }},",
            figure.shape, figure.colour, figure.texture, figure.radius, figure.place, figure.rotation
        )?;
    }
    let badge = scene
        .badge
        .map_or("None".into(), |badge| format!("Some(Badge::{badge:?})"));
    writeln!(code, "    ],")?;
    writeln!(code, "    background: {:?},", scene.background)?;
    writeln!(code, "    grain: {:?},", scene.grain)?;
    writeln!(code, "    badge: {badge},")?;
    writeln!(code, "    badge_place: {:?},", scene.badge_place)?;
    code += "}";
    Ok(code)
}
