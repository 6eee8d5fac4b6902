//! The same bytes on every machine.

use scenes::{Sampler, Scene};
use sha2::{Digest, Sha256};

/// SHA-256 over the pixels of scenes 0 … `count` − 1 of seed 2026.
fn digest(sampler: &Sampler, count: u64) -> String {
    let mut hash = Sha256::new();
    for index in 0..count {
        hash.update(Scene::sample(sampler, 2026, index).unwrap().render().image.pixels);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digests were printed by this test on x86-64 Linux. They may differ elsewhere only if a draw, a float operation or
/// a colour is not what it was there; the shipped checkpoints were trained on these pictures. Whoever changes the
/// pictures on purpose copies the new digests from the failure and trains the checkpoints again.
#[test]
fn the_pictures_of_a_seed_never_change() {
    let digests = [digest(&Sampler::default(), 64), digest(&Sampler::two_figures(), 16)];
    assert_eq!(
        digests,
        [
            "2b32ef9f4a8a61b54d43959a1fabcbd43db63159d1fcc645d41ba6239fa1e8e5",
            "4d8f4b089091c6a0dafc022eaa523be5f848234554b2e6c41c1af1681b1626a5",
        ]
    );
}

#[test]
fn a_scene_does_not_depend_on_the_scenes_before_it() {
    let sampler = Sampler::default();
    let forward: Vec<_> = (0..20)
        .map(|index| Scene::sample(&sampler, 3, index).unwrap())
        .collect();
    for index in [19, 3, 11, 0] {
        let alone = Scene::sample(&sampler, 3, index).unwrap();
        assert_eq!(alone.render(), forward[index as usize].render(), "scene {index}");
    }
}

#[test]
fn indices_and_seeds_give_different_scenes() {
    let sample = |seed, index| Scene::sample(&Sampler::default(), seed, index).unwrap().render().image;
    let mut pictures = vec![
        sample(0, 0),
        sample(0, 1),
        sample(1, 0),
        sample(1, 1),
        sample(u64::MAX, u64::MAX),
    ];
    pictures.sort_by(|a, b| a.pixels.cmp(&b.pixels));
    pictures.dedup();
    assert_eq!(pictures.len(), 5, "every seed and index has a picture of its own");
}
