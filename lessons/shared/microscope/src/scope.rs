//! Measures what cards need, and keeps it: in memory for this run, and in files by the hash of the weights.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::images::{COUNT, Images};
use crate::optimum::{CARD, Made, Optima, Recipe, first, optima};
use crate::silence::{Silence, Untouched};
use crate::subject::{Site, Subject};
use crate::survey::Survey;
use crate::tuning::{self, Curve, Factor, Responses};
use crate::weights::{self, Matrix};

/// Changes with what is measured: what an older version kept is measured again.
const VERSION: &str = "2";

/// A network, images, and what was measured so far.
pub struct Microscope {
    /// The network.
    pub subject: Subject,
    /// The images.
    pub images: Images,
    /// How images are made for units.
    pub recipe: Recipe,
    folder: PathBuf,
    sites: Mutex<HashMap<String, Site>>,
    surveys: Kept<Survey>,
    curves: Kept<Vec<Vec<Curve>>>,
    matrices: Kept<Matrix>,
    untouched: Mutex<Option<Arc<Untouched>>>,
}

/// What was measured in this run, by site.
type Kept<T> = Mutex<HashMap<String, Arc<T>>>;

impl Microscope {
    /// For a network and the course's scenes, with files in `target/microscope` of the checkout.
    ///
    /// **Errors** if there is no checkout.
    pub fn new(subject: Subject) -> Result<Self> {
        let folder = course::root()?.join("target/microscope");
        Ok(Self::with(subject, Images::Scenes(COUNT), &folder))
    }

    /// For a network and images, with files below `folder`.
    pub fn with(subject: Subject, images: Images, folder: &Path) -> Self {
        Self {
            folder: folder
                .join("measured")
                .join(format!("{}-{VERSION}", &subject.hash[..16])),
            subject,
            images,
            recipe: CARD,
            sites: Mutex::default(),
            surveys: Mutex::default(),
            curves: Mutex::default(),
            matrices: Mutex::default(),
            untouched: Mutex::default(),
        }
    }

    /// A site by its name.
    ///
    /// **Errors** if there is none.
    pub fn site(&self, name: &str) -> Result<Site> {
        if let Some(site) = locked(&self.sites).get(name) {
            return Ok(site.clone());
        }
        let site = self.subject.site(name)?;
        locked(&self.sites).insert(name.into(), site.clone());
        Ok(site)
    }

    /// What is known of all units of a site.
    ///
    /// **Errors** if it cannot be measured.
    pub fn survey(&self, site: &Site) -> Result<Arc<Survey>> {
        self.measure_surveys(std::slice::from_ref(site))?;
        known(&self.surveys, &site.name)
    }

    /// Measures what is not known yet of all units of some sites, in the same passes over the images.
    ///
    /// **Errors** if it cannot be measured.
    pub fn measure_surveys(&self, sites: &[Site]) -> Result<()> {
        let file = |site: &Site| format!("{}/survey-{}.json", self.images.key(), site.name);
        self.kept_of(&self.surveys, sites, file, |sites| {
            let passes = if self.images.have_truth() { 2 } else { 1 };
            let bar = studio::progress((passes * self.images.len()) as u64, "images");
            Survey::measure(&self.subject, sites, &self.images, &|images| bar.inc(images as u64))
        })
    }

    /// The tuning curves of all units of a site, `[unit][factor]`; scenes are made for them, whatever the images are.
    ///
    /// **Errors** if they cannot be measured.
    pub fn curves(&self, site: &Site) -> Result<Arc<Vec<Vec<Curve>>>> {
        self.measure_curves(std::slice::from_ref(site))?;
        known(&self.curves, &site.name)
    }

    /// Measures the curves of all units of some sites that are not known yet, with the same scenes.
    ///
    /// **Errors** if they cannot be measured.
    pub fn measure_curves(&self, sites: &[Site]) -> Result<()> {
        let file = |site: &Site| format!("tuning-{}.json", site.name);
        self.kept_of(&self.curves, sites, file, |sites| {
            let bases: Vec<_> = tuning::bases(tuning::BASES)?
                .into_iter()
                .map(|(_, scene)| scene)
                .collect();
            let count: usize = Factor::ALL.iter().map(|factor| factor.levels().len()).sum();
            let bar = studio::progress((count * bases.len()) as u64, "counterfactuals");
            let all = tuning::responses(&self.subject, sites, &bases, &|images| bar.inc(images as u64))?;
            let of_site = |(site, all): (&Site, Responses)| {
                let of_unit = |unit: usize| {
                    let curves = Factor::ALL.into_iter().zip(&all);
                    curves
                        .map(|(factor, answers)| Curve::new(factor, &answers[unit], unit as u64))
                        .collect()
                };
                (0..site.units).into_par_iter().map(of_unit).collect()
            };
            Ok(sites.iter().zip(all).map(of_site).collect())
        })
    }

    /// The weights from the units of the site before, `[to][from]`.
    ///
    /// **Errors** if there is no such site, or the network's blocks cannot be multiplied out.
    pub fn weights(&self, site: &str) -> Result<Arc<Matrix>> {
        let file = format!("{}/weights-{site}.json", self.images.key());
        self.kept(&self.matrices, site, &file, || {
            weights::between(&self.subject, &self.images, site)
        })
    }

    /// The images that were made for a unit; `None` for one without a gradient.
    ///
    /// **Errors** if they cannot be made.
    pub fn optima(&self, site: &Site, unit: usize) -> Result<Option<Optima>> {
        stored(&self.file_of_optima(site, unit), || {
            optima(&self.subject, site, unit, &self.recipe)
        })
    }

    /// One image that stands for a unit elsewhere: the best of its optima if they are made, or that from one start, which takes
    /// a seventh of the time.
    ///
    /// **Errors** if it cannot be made.
    pub fn thumbnail(&self, site: &Site, unit: usize) -> Result<Option<Made>> {
        if self.has_optima(site, unit) {
            let optima = self.optima(site, unit)?;
            return Ok(optima.and_then(|optima| optima.starts.into_iter().next()));
        }
        let file = self.folder.join(format!("first-{}-{unit}.json", site.name));
        stored(&file, || first(&self.subject, site, unit, &self.recipe))
    }

    /// Whether the images of a unit are made already.
    pub fn has_optima(&self, site: &Site, unit: usize) -> bool {
        self.file_of_optima(site, unit).is_file()
    }

    fn file_of_optima(&self, site: &Site, unit: usize) -> PathBuf {
        self.folder.join(format!("optima-{}-{unit}.json", site.name))
    }

    /// What the network loses without a unit.
    ///
    /// **Errors** if it cannot be measured.
    pub fn silence(&self, site: &Site, unit: usize) -> Result<Silence> {
        let file = |unit: usize| {
            self.folder
                .join(format!("{}/silence-{}-{unit}.json", self.images.key(), site.name))
        };
        if file(unit).is_file() {
            return stored(&file(unit), || anyhow::bail!("it is there"));
        }
        let untouched = self.untouched()?;
        if site.name == "layer4" {
            let all = untouched.without_each_of_last(&self.subject, site)?;
            for (unit, silence) in all.iter().enumerate() {
                write(&file(unit), silence)?;
            }
            return all
                .into_iter()
                .nth(unit)
                .with_context(|| format!("{} has no unit {unit}", site.name));
        }
        stored(&file(unit), || untouched.without(&self.subject, site, unit))
    }

    fn untouched(&self) -> Result<Arc<Untouched>> {
        if let Some(untouched) = &*locked(&self.untouched) {
            return Ok(Arc::clone(untouched));
        }
        let new = Arc::new(Untouched::new(&self.subject, &self.images)?);
        *locked(&self.untouched) = Some(Arc::clone(&new));
        Ok(new)
    }

    /// The same for some sites: those that are neither in memory nor in a file are measured together.
    fn kept_of<T: Serialize + DeserializeOwned>(
        &self,
        all: &Kept<T>,
        sites: &[Site],
        file: impl Fn(&Site) -> String,
        measure: impl FnOnce(&[Site]) -> Result<Vec<T>>,
    ) -> Result<()> {
        let mut missing = vec![];
        for site in sites {
            if locked(all).contains_key(&site.name) {
                continue;
            }
            match read(&self.folder.join(file(site))) {
                Some(value) => {
                    locked(all).insert(site.name.clone(), Arc::new(value));
                }
                None => missing.push(site.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        for (site, value) in missing.iter().zip(measure(&missing)?) {
            write(&self.folder.join(file(site)), &value)?;
            locked(all).insert(site.name.clone(), Arc::new(value));
        }
        Ok(())
    }

    /// From memory, from the file, or measured now.
    fn kept<T: Serialize + DeserializeOwned>(
        &self,
        all: &Kept<T>,
        key: &str,
        file: &str,
        measure: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        if let Some(known) = locked(all).get(key) {
            return Ok(Arc::clone(known));
        }
        // No lock is held while it is measured: a thread that waits for others may take up work that asks for the same.
        let value = Arc::new(stored(&self.folder.join(file), measure)?);
        locked(all).insert(key.into(), Arc::clone(&value));
        Ok(value)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What was put there before.
fn known<T>(all: &Kept<T>, key: &str) -> Result<Arc<T>> {
    locked(all)
        .get(key)
        .cloned()
        .with_context(|| format!("{key} was not measured"))
}

/// What the file holds, if it is there and can be read.
fn read<T: DeserializeOwned>(file: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

/// What the file holds; if it is not there or cannot be read, what is measured now and written.
fn stored<T: Serialize + DeserializeOwned>(file: &Path, measure: impl FnOnce() -> Result<T>) -> Result<T> {
    if let Some(value) = read(file) {
        return Ok(value);
    }
    let value = measure()?;
    write(file, &value)?;
    Ok(value)
}

/// Writes a file as a whole: one that was interrupted is not there.
fn write<T: Serialize>(file: &Path, value: &T) -> Result<()> {
    write_bytes(file, &serde_json::to_vec(value)?)
}

/// Writes a file as a whole, and its folders.
///
/// **Errors** name the file.
pub fn write_bytes(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file.parent().context("a file has a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    course::state::write_whole(file, bytes).with_context(|| format!("{} cannot be written", file.display()))
}
