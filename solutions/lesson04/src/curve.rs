//! Exercise 4.7: what can be read at which depth.

use candle_core::{Result, Tensor};
use resnet::ResNet;

use crate::features::features;
use crate::score::{Score, score};

/// A property to look for: its name, and its value for every image.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// `colour` for example.
    pub name: String,
    /// One per image, below `classes`.
    pub labels: Vec<usize>,
    /// How many values it has.
    pub classes: usize,
}

/// ## 4.7 Where does a property appear, and where is it lost?
///
/// One probe for each property and each site, all on the same images and the same split.
///
/// - `network`: frozen
/// - `batches`: normalized images, `[batch, 3, height, width]`, in the order of the labels. They come one batch at a time
///   and do not fit into memory together; their features (4.1) do
/// - `sites`: from the image to the class
/// - `grid`: as in 4.1
/// - `train`, `test`: numbers of images, from 4.2
/// - returns for each task its score (4.5) at each site: `curve[task][site]`
///
/// `Tensor::cat(&parts, 0)?` puts the features of the batches under each other.
///
/// **Errors** if a task has not as many labels as there are images, or as [`score`] does.
/// **Accepted by** `cargo test -p lesson04 -- ex4_7`
pub fn depth_curve(
    network: &ResNet,
    batches: &mut dyn Iterator<Item = Result<Tensor>>,
    sites: &[&str],
    grid: usize,
    tasks: &[Task],
    [train, test]: [&[usize]; 2],
) -> Result<Vec<Vec<Score>>> {
    let mut parts = vec![vec![]; sites.len()];
    for images in batches {
        let rows = features(network, &images?, sites, grid)?;
        parts.iter_mut().zip(rows).for_each(|(part, rows)| part.push(rows));
    }
    let features = parts
        .iter()
        .map(|parts| Tensor::cat(parts, 0))
        .collect::<Result<Vec<_>>>()?;
    let of = |task: &Task| {
        let at = |features| score(features, &task.labels, task.classes, train, test);
        features.iter().map(at).collect()
    };
    tasks.iter().map(of).collect()
}
