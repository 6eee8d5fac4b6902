//! What is in the cache, and how it leaves it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use checkpoints::checksum;
use real_data::catalogue::{Catalogue, Item, Kind, megabytes};
use real_data::{About, Cache, Cifar10, Split, files_of};

use crate::download;

/// Where an item lies if it was fetched. What it holds is not looked at.
pub(crate) fn place(cache: &Cache, item: &Item) -> Option<PathBuf> {
    match item.kind {
        Kind::Data => About::read(cache).map(|_| cache.cifar10()),
        Kind::Weights => Some(cache.weights_file(&item.name)).filter(|path| path.is_file()),
    }
}

/// A line for each item, with checksums compared, and for what else lies in the cache.
pub fn status(cache: &Cache, catalogue: &Catalogue) -> String {
    let mut lines = vec![format!(
        "{} ({} moves it)",
        cache.folder().display(),
        real_data::VARIABLE
    )];
    for item in &catalogue.items {
        lines.push(format!("  {:<9} {}", item.name, state(cache, item)));
    }
    let trained = files_of(&cache.trained());
    if !trained.is_empty() {
        let size = trained.iter().map(|(_, size)| size).sum();
        lines.push(format!(
            "  {:<9} made here from CIFAR-10, {}",
            "trained",
            megabytes(size)
        ));
    }
    lines.join("\n")
}

fn state(cache: &Cache, item: &Item) -> String {
    let again = || format!("DAMAGED; `cargo run -p fetch -- {}` fetches it again", item.name);
    let Some(place) = place(cache, item) else {
        let partials = item.files.iter().map(|file| {
            let paths = [
                download::partial_path(cache, file),
                download::complete_path(cache, file),
            ];
            paths
                .iter()
                .filter_map(|path| path.metadata().ok())
                .map(|about| about.len())
                .sum::<u64>()
        });
        return match partials.sum() {
            0 => format!("not fetched, {} to download", megabytes(item.download_size())),
            some => format!(
                "{} of {} downloaded; `cargo run -p fetch -- {}` goes on",
                megabytes(some),
                megabytes(item.download_size()),
                item.name
            ),
        };
    };
    match (is_whole(cache, item), About::read(cache), item.kind) {
        (false, ..) => again(),
        (true, Some(about), Kind::Data) => format!(
            "whole, {} and {} images, {}, from {}",
            about.train,
            about.test,
            megabytes(files_of(&place).iter().map(|(_, size)| size).sum()),
            about.source
        ),
        (true, ..) => match cache.other(&item.name) {
            Some(other) => format!(
                "whole, {}, revision {} instead of the pinned one",
                size_of(&place),
                other.revision
            ),
            None => format!("whole, {}", megabytes(item.kept_size())),
        },
    }
}

/// `102 MB`
fn size_of(file: &Path) -> String {
    megabytes(file.metadata().map_or(0, |about| about.len()))
}

/// Whether what lies there has the checksum that it should have.
pub(crate) fn is_whole(cache: &Cache, item: &Item) -> bool {
    match item.kind {
        Kind::Weights => {
            std::fs::read(cache.weights_file(&item.name)).is_ok_and(|bytes| checksum(&bytes) == cache.checksum_of(item))
        }
        Kind::Data => About::read(cache).is_some_and(|about| {
            let is_whole = |split| Cifar10::open(cache, split).is_ok_and(|data| data.is_whole(&about));
            [Split::Train, Split::Test].into_iter().all(is_whole)
        }),
    }
}

/// Removes an item, `trained`, `downloads`, or `all`; returns how many bytes became free.
///
/// **Errors** if there is nothing of that name, or a file cannot be removed.
pub fn remove(cache: &Cache, catalogue: &Catalogue, what: &str) -> Result<u64> {
    let place_of = |item: &Item| match item.kind {
        Kind::Data => cache.cifar10(),
        Kind::Weights => cache.weights_file(&item.name),
    };
    let all = || {
        let items = catalogue.items.iter().map(place_of);
        items.chain([cache.trained(), cache.downloads()]).collect()
    };
    let places: Vec<PathBuf> = match (what, catalogue.item(what)) {
        (_, Some(item)) => vec![place_of(item)],
        ("trained", _) => vec![cache.trained()],
        ("downloads", _) => vec![cache.downloads()],
        ("all", _) => all(),
        _ => bail!("nothing called {what:?} is fetched; `cargo run -p fetch -- status` lists what is"),
    };
    for item in &catalogue.items {
        if what == "all" || what == item.name {
            cache.set_other(&item.name, None)?;
        }
    }
    let mut freed = 0;
    for place in places {
        freed += take_away(&place).with_context(|| place.display().to_string())?;
    }
    // The folders themselves, where nothing else lies in them.
    std::fs::remove_dir(cache.folder().join("weights")).ok();
    std::fs::remove_dir(cache.folder()).ok();
    Ok(freed)
}

fn take_away(place: &Path) -> std::io::Result<u64> {
    if place.is_dir() {
        let size = files_of(place).iter().map(|(_, size)| size).sum();
        std::fs::remove_dir_all(place)?;
        return Ok(size);
    }
    match place.metadata() {
        Ok(about) => {
            std::fs::remove_file(place)?;
            Ok(about.len())
        }
        Err(_) => Ok(0),
    }
}
