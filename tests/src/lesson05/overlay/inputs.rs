//! What 5.4 is asked for.

use draw::Colormap;

use super::{Overlay, PROOFS, SOLUTION};
use crate::Hazard::*;
use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Tolerance};

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<Overlay>) -> Exam<Overlay> {
    let mut random = Random::new(seed, 54);
    let maps = random.signed((2, 3, 4));
    let (maps_1, maps_2) = (random.signed((2, 3, 4)), maps.clone());
    let image = random.between(0.0, 1.0, (3, 6, 9));
    // Its largest value is about 3: were it 1, nobody would see whether the map was made relative.
    let map =
        (random.between(-0.5, 0.5, (2, 3)) + (delta([1, 2], [2, 3]) * 3.0).expect("a number")).expect("equal shapes");
    let (image_1, map_1) = (image.clone(), map.clone());
    let hot = Colormap::Magma
        .rgb(1.0)
        .map(|byte| 0.25 * 0.4 + 0.75 * f32::from(byte) / 255.0);

    let quarters =
        [0, 1, 2].map(|channel| [0.25, 0.6, 1.0].map(|t| f32::from(Colormap::Magma.rgb(t)[channel]) / 255.0));
    let quarters = quarters.concat();
    let cold = Colormap::Magma.rgb(0.0).map(|byte| f32::from(byte) / 255.0);

    exam.truth(
        "upsample: 0 1 to four pixels",
        tensor(&[0., 0.25, 0.75, 1.], (1, 1, 4)),
        |f| (f.upsample)(&tensor(&[0., 1.], (1, 1, 2)), 1, 4),
    )
    .because(
        "The cells' middles lie at pixels 0.5 and 2.5 of 4, counted from the middle of pixel 0. Pixel 1 is a \
             quarter of the way, pixel 2 three quarters; pixels 0 and 3 lie beyond and keep the cell's value.",
    )
    .truth(
        "upsample: [[0, 4], [8, 12]] to 2×4",
        tensor(&[0., 1., 3., 4., 8., 9., 11., 12.], (1, 2, 4)),
        |f| (f.upsample)(&tensor(&[0., 4., 8., 12.], (1, 2, 2)), 2, 4),
    )
    .because("The rows stay, each row is enlarged as before.")
    .truth("upsample: a constant stays one", tensor(&[3.0; 35], (1, 5, 7)), |f| {
        (f.upsample)(&tensor(&[3.; 6], (1, 2, 3)), 5, 7)
    })
    .because("The two weights of a pixel add up to 1, at the rim, too.")
    .case("upsample: random [2, 3, 4] to 9×7", move |f| (f.upsample)(&maps, 9, 7))
    .because(
        "Each map by itself, by factors that need not be whole: s = (i + ½)·from/to − ½, rows by height, columns by \
          width.",
    )
    .within(Tolerance::new(1e-4, 1e-5))
    .case("upsample: random [2, 3, 4] down to 2×2", move |f| {
        (f.upsample)(&maps_2, 2, 2)
    })
    .because("The same formula makes a map smaller: each pixel mixes the two cells beside its middle.")
    .within(Tolerance::new(1e-4, 1e-5))
    .truth("relative: 2 −1 0 4", tensor(&[0.5, 0., 0., 1.], (1, 2, 2)), |f| {
        (f.relative)(&tensor(&[2., -1., 0., 4.], (1, 2, 2)))
    })
    .because("Cut at 0, then divided by the maximum, 4, and by nothing more.")
    .truth("relative: a map of −3 and −1", tensor(&[0., 0.], (1, 1, 2)), |f| {
        (f.relative)(&tensor(&[-3., -1.], (1, 1, 2)))
    })
    .because("Nothing speaks for the class, so there is nothing to show.")
    .truth(
        "relative: two maps, 1 2 and 10 5",
        tensor(&[0.5, 1., 1., 0.5], (2, 1, 2)),
        |f| (f.relative)(&tensor(&[1., 2., 10., 5.], (2, 1, 2))),
    )
    .because("The first map divided by its own largest value, 2, the second by its own, 10.")
    .case("relative: random [2, 3, 4]", move |f| (f.relative)(&maps_1))
    .because("Each map by its own largest value, however small it is; what is below 0 becomes 0.")
    .truth(
        "overlay: one grey pixel of 0.4, opacity 0.75",
        tensor(&hot, (3, 1, 1)),
        |f| (f.overlay)(&tensor(&[0.4; 3], (3, 1, 1)), &tensor(&[5.], (1, 1)), 0.75),
    )
    .because("The pixel is its map's maximum: a quarter grey, three quarters of magma's last colour.")
    .truth("overlay: opacity 0", image_1.clone(), move |f| {
        (f.overlay)(&image_1, &map_1, 0.0)
    })
    .because("The image as it is.")
    .truth(
        "overlay: a map of −1 and −2 over two pixels, opacity 1",
        tensor(&cold.map(|c| [c, c]).concat(), (3, 1, 2)),
        |f| (f.overlay)(&tensor(&[0.4; 6], (3, 1, 2)), &tensor(&[-1., -2.], (1, 2)), 1.0),
    )
    .because("Nothing speaks for the class: magma's first colour everywhere, and no 0 / 0.")
    .truth(
        "overlay: the map 1 2.4 4 over three pixels, opacity 1",
        tensor(&quarters, (3, 1, 3)),
        |f| (f.overlay)(&tensor(&[0.4; 9], (3, 1, 3)), &tensor(&[1., 2.4, 4.], (1, 3)), 1.0),
    )
    .because("Magma's colours of 0.25, 0.6 and 1: the shares are not rounded before they are looked up.")
    .case("overlay: [2, 3] over a random 6×9 image, opacity 0.5", move |f| {
        (f.overlay)(&image, &map, 0.5)
    })
    .because("Enlarge to 6×9, make relative, colour by Magma, and mix half and half at every pixel.")
    .within(Tolerance::new(1e-2, 5e-3))
}

const IN_MEMORY: &str = "The values as the tensor gives them, not in the order in which they lie in memory.";

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<Overlay>) -> Exam<Overlay> {
    let mut random = Random::new(seed, 154);
    let close = Tolerance::new(1e-4, 1e-5);
    let fixture = (random.signed((3, 2, 5)), random.between(0.0, 1.0, (3, 4, 7)));
    let hot = Colormap::Magma.rgb(1.0).map(|byte| f32::from(byte) / 255.0);
    let exam = exam
        .truth(
            "overlay: the map 0 4 0 over two pixels, opacity 1",
            tensor(&hot.map(|c| [c, c]).concat(), (3, 1, 2)),
            |f| (f.overlay)(&tensor(&[0.4; 6], (3, 1, 2)), &tensor(&[0., 4., 0.], (1, 3)), 1.0),
        )
        .because(
            "Both pixels come to 1 after enlarging, and that is then the largest value: the map is made relative last.",
        )
        .holds(Wiring)
        .truth(
            "relative: three maps, −1 −2, 0 8 and 3 −4",
            tensor(&[0., 0., 0., 1., 1., 0.], (3, 1, 2)),
            |f| (f.relative)(&tensor(&[-1., -2., 0., 8., 3., -4.], (3, 1, 2))),
        )
        .because("A map without a positive value between others stays 0, and changes none of them.")
        .holds(Batch)
        .truth(
            "relative: a map of 10⁻²⁰ and 5·10⁻²¹",
            tensor(&[1., 0.5], (1, 1, 2)),
            |f| (f.relative)(&tensor(&[1e-20, 5e-21], (1, 1, 2))),
        )
        .because("Nothing is added to the maximum: it may be small.")
        .holds(Scale);
    exam.given(fixture, move |on| {
        on.case(
            "upsample: three maps, columns first in memory, to 7×11",
            |f, (maps, _)| (f.upsample)(&askew(maps), 7, 11),
        )
        .within(close)
        .because(IN_MEMORY)
        .holds(NotContiguous)
        .case("relative: the same maps", |f, (maps, _)| (f.relative)(&askew(maps)))
        .because(IN_MEMORY)
        .holds(NotContiguous)
        .case(
            "overlay: a transposed map over an image whose columns come first",
            |f, (maps, image)| (f.overlay)(&askew(image), &askew(&maps.get(0)?), 0.3),
        )
        .within(Tolerance::new(1e-2, 5e-3))
        .because(IN_MEMORY)
        .holds(NotContiguous)
        .case("upsample: three maps to 1×1", |f, (maps, _)| (f.upsample)(maps, 1, 1))
        .within(close)
        .because("The one pixel's middle lies in the middle of the map: (0 + ½)·from/1 − ½ along both sides.")
        .holds(Sizes)
        .case("upsample: three maps to 2×5, their own size", |f, (maps, _)| {
            (f.upsample)(maps, 2, 5)
        })
        .within(close)
        .because("Pixel i lies on cell i: nothing changes.")
        .case("upsample: three maps of 2×5 to 5×2", |f, (maps, _)| {
            (f.upsample)(maps, 5, 2)
        })
        .within(close)
        .because("More rows and fewer columns, each side by its own factor; a map is not turned over.")
    })
    .proofs(SOLUTION, PROOFS)
}
