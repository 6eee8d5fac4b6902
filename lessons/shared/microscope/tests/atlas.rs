//! An atlas holds every unit, goes on where it was, and is there at once the second time.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use common::{red_network, subject};
use microscope::card::file_name;
use microscope::{Images, Microscope, atlas};

fn scope(folder: &Path) -> Microscope {
    Microscope::with(subject(red_network(), "red"), Images::Scenes(60), folder)
}

/// What was measured, with the times of writing.
fn measured(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let mut found = vec![];
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else {
                found.push((entry.path(), entry.metadata().unwrap().modified().unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_atlas_holds_every_unit_and_measures_nothing_twice() {
    let (kept, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = scope(kept.path());
    let sites = ["conv1", "layer1"].map(|site| first.site(site).unwrap());
    let units: usize = sites.iter().map(|site| site.units).sum();
    let made = atlas::write(&first, &sites, out.path()).unwrap();
    assert_eq!(made.units, units);

    let index = fs::read_to_string(&made.index).unwrap();
    assert_eq!(index.matches("<tr data-site=").count(), units);
    for site in &sites {
        for unit in 0..site.units {
            let file = file_name(&site.name, unit);
            assert!(
                index.contains(&format!("href=\"{file}\"")),
                "{file} is not in the index"
            );
            let page = fs::read_to_string(out.path().join(&file)).unwrap();
            assert!(page.contains(&format!("<h1>{} {unit}</h1>", site.name)), "{file}");
        }
    }
    // Units of one site lead to units of the other by their weights.
    let page = fs::read_to_string(out.path().join(file_name("layer1", 0))).unwrap();
    assert!(page.contains(&format!("href=\"{}\"", file_name("conv1", 0))));

    // As if it had been interrupted: one unit's images are not there yet, and no page is.
    let before = measured(kept.path());
    let lost = before
        .iter()
        .map(|(path, _)| path)
        .find(|path| path.ends_with("optima-conv1-2.json"))
        .expect("the images of conv1 2");
    fs::remove_file(lost).unwrap();
    fs::remove_dir_all(out.path()).unwrap();
    atlas::write(&scope(kept.path()), &sites, out.path()).unwrap();
    assert_eq!(fs::read_to_string(&made.index).unwrap(), index, "the same again");
    let after = measured(kept.path());
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.0, after.0);
        assert_eq!(before.1 == after.1, &before.0 != lost, "{}", before.0.display());
    }
}
