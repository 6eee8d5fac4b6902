//! What 5.10 is asked for.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::super::planted::{self, BLACK, BLUE, GREY, RED};
use super::super::tiny;
use super::{Occlude, proofs};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed, Tolerance};

/// As pairs of first pixel and pixel behind the last.
pub(super) fn ends(places: Result<Vec<Range<usize>>>) -> Observed {
    let list = |places: Vec<Range<usize>>| places.into_iter().flat_map(|place| [place.start, place.end]).collect();
    places.map(|places| -> Vec<usize> { list(places) }).into()
}

/// Length, side, stride, and where the places begin and end.
const BY_HAND: [(usize, usize, usize, &[usize], &str); 7] = [
    (4, 4, 4, &[0, 4], "One place covers everything."),
    (6, 2, 2, &[0, 2, 2, 4, 4, 6], "Three places side by side."),
    (
        6,
        4,
        2,
        &[0, 4, 2, 6],
        "The second place covers the last pixel: no third one.",
    ),
    (
        7,
        4,
        2,
        &[0, 4, 2, 6, 4, 7],
        "Pixel 6 needs a third place, which the rim cuts off.",
    ),
    (
        9,
        4,
        3,
        &[0, 4, 3, 7, 6, 9],
        "The third place begins at 6 and is cut off at 9.",
    ),
    (
        7,
        3,
        3,
        &[0, 3, 3, 6, 6, 7],
        "One pixel is left behind the second place, and gets a third.",
    ),
    (3, 5, 2, &[0, 3], "A patch larger than the image covers it at once."),
];

/// The two parts, from small to large.
pub(super) fn parts(seed: u64, mut exam: Exam<Occlude>) -> Exam<Occlude> {
    exam = exam.part("places");
    for (length, side, stride, expected, because) in BY_HAND {
        let label = format!("places: length {length}, patch {side}, stride {stride}");
        let run = move |f: Occlude| ends((f.places)(length, (side, stride, GREY)));
        exam = exam.truth(label, expected.to_vec(), run).because(because);
    }
    let mut random = Random::new(seed, 510);
    for number in 1..=4 {
        let (length, side) = (random.count(8, 60), random.count(2, 9));
        let stride = random.count(1, side);
        let label = format!("places: random {number}: length {length}, patch {side}, stride {stride}");
        exam = exam
            .case(label, move |f| ends((f.places)(length, (side, stride, GREY))))
            .because(
                "From 0 on a place every `stride` pixels; the last is the first to cover the last pixel, cut off.",
            );
    }
    exam = exam
        .refuses("places: patch 3, stride 4", |f| ends((f.places)(9, (3, 4, GREY))))
        .because("Every fourth pixel would never be covered, and a mean of nothing has no value.");

    let images = random.signed((2, 3, 4, 6));
    exam.part("covered").given(images, |on| {
        on.truth(
            "covered: red over the whole of 1×2 pixels",
            planted::picture(1, 2, RED, &[]),
            |f, _| (f.covered)(&planted::picture(1, 2, GREY, &[]), 0..1, 0..2, RED),
        )
        .because("A patch that covers everything leaves a red image, which is normalized like any other.")
        .truth(
            "covered: row 1, columns 2 and 3 of 3×5, black",
            planted::picture(3, 5, GREY, &[(1, 2, BLACK), (1, 3, BLACK)]),
            |f, _| (f.covered)(&planted::picture(3, 5, GREY, &[]), 1..2, 2..4, BLACK),
        )
        .because("1..2 is row 1 alone, 2..4 are columns 2 and 3: the end is not part of it, and all else stays.")
        .case(
            "covered: rows 0 to 2, columns 1 and 2 of two random images of 4×6",
            |f, images| (f.covered)(images, 0..3, 1..3, [0.2, 0.9, 0.4]),
        )
        .because("The same rectangle in both images, in the three colours, normalized.")
    })
}

/// Whole maps: of a network that is known pixel by pixel, and of one that is not.
pub(super) fn wholes(seed: u64, exam: Exam<Occlude>) -> Exam<Occlude> {
    let mut random = Random::new(seed, 511);
    // A red block of 2×2 pixels at the top left, one blue pixel, on grey.
    let block = [(1, 1, RED), (1, 2, RED), (2, 1, RED), (2, 2, RED), (3, 4, BLUE)];
    let image = planted::picture(4, 6, GREY, &block);
    let fixture = (
        planted::counts(4, 6, 1.0, 0.0),
        image,
        tiny::smallest(&mut random),
        random.signed((2, 3, 7, 9)),
    );
    exam.part("occlusion").given(fixture, |on| {
        on.truth(
            "occlusion: counts red pixels; patch 2, stride 2, grey",
            tensor(
                &[
                    [[1f32, 1., 1., 1., 0., 0.]; 2].concat(),
                    [[1f32, 1., 1., 1., 0., 0.]; 2].concat(),
                ]
                .concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[0], (2, 2, GREY)),
        )
        .because(
            "This network's logit is the number of red pixels. Each of the four patches at the left covers one \
             of them, the others none: the class depends on this region alone.",
        )
        .truth(
            "occlusion: the same, patch 4, stride 2",
            tensor(
                &[
                    [4f32, 4., 3., 3., 2., 2.],
                    [4., 4., 3., 3., 2., 2.],
                    [4., 4., 3., 3., 2., 2.],
                    [4., 4., 3., 3., 2., 2.],
                ]
                .concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[0], (4, 2, GREY)),
        )
        .because(
            "Two places: columns 0 to 3 cover four red pixels, columns 2 to 5 two. The columns between belong \
             to both: 3. At the rim there is one place to divide by.",
        )
        .truth(
            "occlusion: the same, patch 2, stride 2, red",
            tensor(
                &[
                    [-3f32, -3., -3., -3., -4., -4.],
                    [-3., -3., -3., -3., -4., -4.],
                    [-3., -3., -3., -3., -4., -4.],
                    [-3., -3., -3., -3., -4., -4.],
                ]
                .concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[0], (2, 2, RED)),
        )
        .because("A red patch is evidence itself: it puts red where there was none, so the logit grows everywhere.")
        .truth(
            "occlusion: the same, patch 5, stride 1, grey",
            tensor(&[[4f32; 6]; 4].concat(), (1, 4, 6)),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[0], (5, 1, GREY)),
        )
        .because(
            "The patch is taller than the image. There is one place for the rows and two for the columns, 0..5 and \
                  1..6: each covers all four red pixels.",
        )
        .truth(
            "occlusion: the same, class 1, which counts blue pixels",
            tensor(
                &[[[0f32; 6]; 2].concat(), [[0f32, 0., 0., 0., 1., 1.]; 2].concat()].concat(),
                (1, 4, 6),
            ),
            |f, (network, image, ..)| (f.occlusion)(network, image, &[1], (2, 2, BLACK)),
        )
        .because("The logit of the class that is asked for, not of the one that is predicted.")
        .case(
            "occlusion: a small ResNet, patch 4, stride 3, two images of 7×9",
            |f, (_, _, n, i)| (f.occlusion)(n, i, &[2, 0], (4, 3, [0.3, 0.6, 0.1])),
        )
        .because("Each image's own class, and each image's own drop.")
        .within(Tolerance::relative(1e-2))
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<Occlude>) -> Exam<Occlude> {
    let mut random = Random::new(seed, 512);
    // In three different rows, so that the images count one, two and three red pixels.
    let mut red = |third: usize| (3 * third + random.count(0, 2), random.count(0, 4), RED);
    let reds: Vec<(usize, usize, [f32; 3])> = (0..3).map(&mut red).collect();
    let mut three = vec![];
    for count in [1, 2, 3] {
        three.push(planted::picture(9, 5, GREY, &reds[..count]));
    }
    let fixture = (
        planted::counts(9, 5, 1.0, 0.0),
        Tensor::cat(&three, 0).expect("three images"),
        random.signed((2, 3, 4, 6)),
    );
    let exam = exam
        .given(fixture, |on| {
            on.part("covered")
                .case(
                    "covered: images whose columns come first in memory",
                    |f, (_, _, images)| (f.covered)(&askew(images), 1..4, 2..3, BLUE),
                )
                .because("Rows 1 to 3 of column 2, as the tensor gives them, not in the order of the memory.")
                .holds(NotContiguous)
                .part("occlusion")
                .case(
                    "occlusion: three images of 9×5, patch 3, stride 2",
                    |f, (network, images, _)| (f.occlusion)(network, images, &[0, 0, 0], (3, 2, GREY)),
                )
                .because("Each image's own drop; rows have places of the height, columns of the width.")
                .holds([Batch, Sizes])
                .case(
                    "occlusion: images whose columns come first in memory",
                    |f, (network, images, _)| {
                        (f.occlusion)(network, &askew(&images.narrow(0, 1, 1)?), &[0], (4, 2, GREY))
                    },
                )
                .because("A map of the image as the tensor gives it, not in the order of the memory.")
                .holds(NotContiguous)
                .refuses("occlusion: patch 2, stride 3", |f, (network, images, _)| {
                    (f.occlusion)(network, &images.narrow(0, 0, 1)?, &[0], (2, 3, GREY))
                })
                .refuses("occlusion: two classes for three images", |f, (network, images, _)| {
                    (f.occlusion)(network, images, &[0, 0], (3, 3, GREY))
                })
                .refuses("occlusion: class 2 of 2", |f, (network, images, _)| {
                    (f.occlusion)(network, &images.narrow(0, 0, 1)?, &[2], (3, 3, GREY))
                })
        })
        .part("places")
        .truth(
            "places: length 1,000,000, patch 300,000, stride 250,000",
            MILLION.to_vec(),
            |f| ends((f.places)(1_000_000, (300_000, 250_000, GREY))),
        )
        .because("0, 250,000 and 500,000 leave the last 200,000 pixels; the place at 750,000 is cut off.")
        .holds(Scale);
    proofs(exam)
}

const MILLION: [usize; 8] = [0, 300_000, 250_000, 550_000, 500_000, 800_000, 750_000, 1_000_000];
