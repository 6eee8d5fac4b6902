//! The bench and the atlas: what `lessons/shared/microscope/README.md` describes, over HTTP.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use companion::Checkout;
use microscope::bench::{Bench, Map, Prepared, Request};
use microscope::own::{Known, Learner, Patience, Program, Said};
use microscope::scope::write_bytes;
use microscope::{Microscope, UnitCard, card, html};
use scenes::{Colour, Grain, Sampler, Scene, Shape, Texture};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Refused;
use super::{App, files};
use crate::atlases::FOLDER;

type Answer = Result<Json<Value>, Refused>;
type Shared = State<Arc<App>>;

/// How long a learner's function may take for one map. While the lesson's program is being built, the reference answers.
const PATIENCE: Patience = Patience {
    building: Duration::from_millis(50),
    answer: Duration::from_secs(3),
};
/// The lesson of the instruments.
const LESSON: &str = "lesson05";
/// Largest request in bytes: a photo in base64.
pub const LARGEST_REQUEST: usize = 25 << 20;
/// Seed of the scenes that the bench offers.
const SEED: u64 = 7;
/// Each instrument, and the exercise that is about it.
const INSTRUMENTS: [(&str, &str); 2] = [("grad_cam", "5.3"), ("saliency", "5.6")];
/// The exercise after which the network of the case is shown.
const CASE: &str = "5.9";

/// Networks and the learner's programs: for the maps of the bench, and for cards.
pub struct Microscopes {
    bench: Bench,
    own: Program,
    learner: Learner,
}

impl Microscopes {
    /// For the checkout at `root`.
    pub fn new(root: &std::path::Path) -> Self {
        Self {
            bench: Bench::default(),
            own: Program::new(LESSON),
            learner: Learner::new(root),
        }
    }

    /// Ends the learner's processes.
    pub fn stop(&self) {
        self.own.stop();
        self.learner.stop();
    }
}

fn passes(checkout: &Checkout, exercise: &str) -> bool {
    checkout
        .entry(exercise)
        .is_some_and(|entry| entry.standing.is_understood())
}

/// The networks that may be shown.
fn networks(checkout: &Checkout) -> Vec<&'static str> {
    let case = passes(checkout, CASE).then_some("case");
    ["scenes", "robust"].into_iter().chain(case).collect()
}

fn may_be_shown(app: &App, network: &str) -> Result<()> {
    let known = networks(app.state.checkout());
    ensure!(
        network != "case" || known.contains(&"case"),
        "`case` is shown once exercise {CASE} passes: finding out by yourself is the exercise"
    );
    ensure!(
        known.contains(&network),
        "there is no network {network:?}; the names are {}",
        known.join(", ")
    );
    Ok(())
}

/// Runs what computes beside the server's own work.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .context("the computation was given up")?
}

/// What there is to choose from, and a scene to begin with.
pub async fn choices(State(app): Shared) -> Answer {
    let value = aside(move || {
        let networks = networks(app.state.checkout());
        let about = networks.iter().map(|name| {
            let mut about = serde_json::to_value(app.microscopes.bench.about(name)?)?;
            let atlas = app.root().join(FOLDER).join(name).join("index.html").is_file();
            about["atlas"] = json!(atlas.then(|| format!("/microscope/{name}/index.html")));
            anyhow::Ok(about)
        });
        Ok(json!({
            "networks": about.collect::<Result<Vec<_>>>()?,
            "shapes": Shape::ALL,
            "colours": Colour::ALL,
            "textures": Texture::ALL.map(|texture| (texture, texture.name())),
            "scene": scene_of(12)?,
        }))
    });
    Ok(Json(value.await?))
}

/// A scene with one figure and no badge, whose grain has a seed that a number of JavaScript can hold.
fn scene_of(index: u64) -> Result<Scene> {
    let scene = Scene::sample(&Sampler::default(), SEED, index)?.with_badge(None);
    let seed = scene.grain.seed >> 12;
    Ok(scene.with_grain(Grain { seed, ..scene.grain }))
}

/// Scene `index` of the course's seed.
pub async fn scene(Path(index): Path<u64>) -> Answer {
    Ok(Json(serde_json::to_value(scene_of(index)?)?))
}

/// What the network answers.
pub async fn look(State(app): Shared, Json(request): Json<Request>) -> Answer {
    may_be_shown(&app, &request.network)?;
    let value = aside(move || {
        let begin = Instant::now();
        let answer = app.microscopes.bench.prepare(request)?.answer()?;
        let mut value = serde_json::to_value(answer)?;
        value["milliseconds"] = json!(begin.elapsed().as_secs_f64() * 1000.0);
        Ok(value)
    });
    Ok(Json(value.await?))
}

/// A map for a class by one instrument.
///
/// The learner's function where its exercise passes, else the solution's; `by` says which. A function of the learner's that
/// fails costs this answer only: `problem` says how, and the map is missing.
pub async fn map(State(app): Shared, Path(instrument): Path<String>, Json(request): Json<Request>) -> Answer {
    may_be_shown(&app, &request.network)?;
    let known = INSTRUMENTS.iter().find(|(name, _)| *name == instrument);
    let &(name, exercise) = known.with_context(|| format!("there is no instrument {instrument:?}"))?;
    let value = aside(move || {
        let begin = Instant::now();
        let prepared = app.microscopes.bench.prepare(request)?;
        let checkout = app.state.checkout();
        let said = if passes(checkout, exercise) {
            ask(&app, name, &prepared)?
        } else {
            Said::NotYet(format!("exercise {exercise} does not pass yet"))
        };
        let mut value = match said {
            Said::Answer(line) => match reasonable(parsed(&line), &prepared, name)? {
                Ok(found) => json!({ "by": "yours", "exercise": exercise, "map": found }),
                Err(problem) => json!({ "by": "yours", "exercise": exercise, "problem": problem }),
            },
            Said::Problem(problem) => json!({ "by": "yours", "exercise": exercise, "problem": problem }),
            Said::NotYet(why) => {
                json!({ "by": "reference", "exercise": exercise, "why": why, "map": prepared.reference(name)? })
            }
        };
        value["milliseconds"] = json!(begin.elapsed().as_secs_f64() * 1000.0);
        Ok(value)
    });
    Ok(Json(value.await?))
}

/// Asks the learner's program for a map of what was prepared.
fn ask(app: &App, instrument: &str, prepared: &Prepared) -> Result<Said> {
    let request = &prepared.request;
    let line = format!(
        "{instrument} {} {} {} {}",
        request.network, request.site, request.class, prepared.image.width
    );
    let checkout = app.state.checkout();
    let sources = checkout.memory().sources(course::lesson(LESSON).context("a lesson")?);
    app.microscopes
        .own
        .ask(checkout.root(), sources, &line, &prepared.image.pixels, PATIENCE)
}

/// `map 2 2 0 0.5 1 0`
fn parsed(line: &str) -> Option<Map> {
    let mut words = line.strip_prefix("map ")?.split(' ');
    let (height, width) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let values: Vec<f32> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let map = Map { height, width, values };
    (Some(map.values.len()) == map.height.checked_mul(map.width)).then_some(map)
}

/// A learner's map, or what is wrong with it.
fn reasonable(map: Option<Map>, prepared: &Prepared, instrument: &str) -> Result<std::result::Result<Map, String>> {
    let Some(map) = map else {
        return Ok(Err("the lesson's program gave no map".into()));
    };
    let expected = prepared.reference(instrument)?;
    if (map.height, map.width) != (expected.height, expected.width) {
        return Ok(Err(format!(
            "yours gave a map of {}×{}, expected {}×{}",
            map.height, map.width, expected.height, expected.width
        )));
    }
    let odd = map.values.iter().filter(|value| !value.is_finite()).count();
    Ok(match odd {
        0 => Ok(map),
        _ => Err(format!("yours gave {odd} values that are not finite")),
    })
}

/// A unit of a network.
#[derive(Deserialize)]
pub struct WhichUnit {
    network: String,
    site: String,
    unit: usize,
}

/// Measures a unit's card, or reads it, and says where its page is.
pub async fn card(State(app): Shared, Json(which): Json<WhichUnit>) -> Answer {
    may_be_shown(&app, &which.network)?;
    let value = aside(move || {
        let WhichUnit { network, site, unit } = which;
        let known = microscope::subject::STAGES.contains(&site.as_str());
        ensure!(known, "there is no site {site:?}");
        let subject = app.microscopes.bench.subject(&network)?;
        let subject = microscope::Subject::new(
            subject.network.clone(),
            &subject.name,
            &subject.slug,
            subject.classes.clone(),
            subject.knows_shapes,
            subject.side,
        )?;
        let subject = microscope::Subject {
            source: Some(network.clone()),
            ..subject
        };
        let base = app.root().join(FOLDER);
        let scope = Microscope::with(subject, microscope::Images::Scenes(microscope::images::COUNT), &base);
        let folder = base.join(&network);
        let mut card = UnitCard::measure(&scope, &site, unit)?;
        let checkout = app.state.checkout();
        let known = Known {
            passes: &|id| passes(checkout, id),
            sources: &|lesson| {
                course::lesson(lesson)
                    .map(|one| checkout.memory().sources(one))
                    .unwrap_or_default()
            },
        };
        app.microscopes.learner.fill(&scope, &mut card, &known)?;
        let link = |site: &str, unit: usize| {
            let file = card::file_name(site, unit);
            folder.join(&file).is_file().then_some(file)
        };
        let file = card::file_name(&site, unit);
        write_bytes(&folder.join(&file), html::page(&card, &link)?.as_bytes())?;
        Ok(json!({ "href": format!("/microscope/{network}/{file}") }))
    });
    Ok(Json(value.await?))
}

/// A page of an atlas.
pub async fn page(State(app): Shared, Path((network, file)): Path<(String, String)>) -> Response {
    let shown = may_be_shown(&app, &network).is_ok() && file.ends_with(".html");
    let found: Option<PathBuf> = shown
        .then(|| files::inside(&app.root().join(FOLDER), &format!("/{network}/{file}")))
        .flatten();
    match found.and_then(|file| std::fs::read(file).ok()) {
        Some(bytes) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_map_or_nothing() {
        assert_eq!(parsed("map 1 2 0 0.5").unwrap().values, [0.0, 0.5]);
        for nonsense in [
            "map 2 2 0 0.5",
            "map 1 1 x",
            "map",
            "map 99999999999 99999999999",
            "hello",
        ] {
            assert_eq!(parsed(nonsense), None, "{nonsense}");
        }
        assert!(
            parsed("map 1 1 NaN").unwrap().values[0].is_nan(),
            "shown as a problem later"
        );
    }
}
